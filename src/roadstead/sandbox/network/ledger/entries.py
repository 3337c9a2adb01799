"""The XDR form of ledger entries, their keys and their changes."""

from collections.abc import Iterable

from . import pack
from .assets import pack_account, pack_asset
from .state import (
    Account,
    AccountKey,
    BalanceKey,
    ClaimableBalance,
    Data,
    DataKey,
    Entry,
    Key,
    LineKey,
    Offer,
    OfferKey,
    TrustLine,
)

CREATED = pack.int32(0)
UPDATED = pack.int32(1)
REMOVED = pack.int32(2)
STATE = pack.int32(3)

_LEVEL_LIABILITIES = 1
_LEVEL_SPONSORSHIP = 2
_LEVEL_SEQUENCE = 3


def _account(entry: Account) -> bytes:
    parts = [
        pack.int32(0),
        pack_account(entry.account),
        pack.int64(entry.balance),
        pack.int64(entry.sequence),
        pack.uint32(entry.subentries),
        pack.optional(
            None if entry.inflation_destination is None else pack_account(entry.inflation_destination)
        ),
        pack.uint32(entry.flags),
        pack.opaque(entry.home_domain),
        bytes(entry.thresholds),
        pack.array(signer.key + pack.uint32(signer.weight) for signer in entry.signers),
    ]
    if entry.extension < _LEVEL_LIABILITIES:
        return b"".join([*parts, pack.ZERO])
    parts += [pack.int32(1), pack.int64(entry.buying), pack.int64(entry.selling)]
    if entry.extension < _LEVEL_SPONSORSHIP:
        return b"".join([*parts, pack.ZERO])
    parts += [
        pack.int32(2),
        pack.uint32(entry.sponsored_count),
        pack.uint32(entry.sponsoring_count),
        pack.array(
            pack.optional(None if signer.sponsor is None else pack_account(signer.sponsor))
            for signer in entry.signers
        ),
    ]
    if entry.extension < _LEVEL_SEQUENCE:
        return b"".join([*parts, pack.ZERO])
    parts += [
        pack.int32(3),
        pack.ZERO,
        pack.uint32(entry.sequence_ledger),
        pack.uint64(entry.sequence_time),
    ]
    return b"".join(parts)


def _line(entry: TrustLine) -> bytes:
    parts = [
        pack.int32(1),
        pack_account(entry.account),
        pack_asset(entry.asset),
        pack.int64(entry.balance),
        pack.int64(entry.limit),
        pack.uint32(entry.flags),
    ]
    if not entry.extension:
        return b"".join([*parts, pack.ZERO])
    return b"".join([*parts, pack.ONE, pack.int64(entry.buying), pack.int64(entry.selling), pack.ZERO])


def _offer(entry: Offer) -> bytes:
    return b"".join(
        [
            pack.int32(2),
            pack_account(entry.seller),
            pack.int64(entry.offer_id),
            pack_asset(entry.selling),
            pack_asset(entry.buying),
            pack.int64(entry.amount),
            pack.int32(entry.price_n),
            pack.int32(entry.price_d),
            pack.uint32(entry.flags),
            pack.ZERO,
        ]
    )


def _data(entry: Data) -> bytes:
    return b"".join(
        [
            pack.int32(3),
            pack_account(entry.account),
            pack.opaque(entry.name),
            pack.opaque(entry.value),
            pack.ZERO,
        ]
    )


def _balance(entry: ClaimableBalance) -> bytes:
    extension = pack.ONE + pack.ZERO + pack.uint32(entry.flags) if entry.extension else pack.ZERO
    return b"".join(
        [
            pack.int32(4),
            pack.ZERO,
            entry.balance_id,
            pack.array(
                pack.ZERO + pack_account(claimant.account) + claimant.predicate
                for claimant in entry.claimants
            ),
            pack_asset(entry.asset),
            pack.int64(entry.amount),
            extension,
        ]
    )


def pack_entry(entry: Entry) -> bytes:
    """A LedgerEntry."""
    match entry:
        case Account():
            body = _account(entry)
        case TrustLine():
            body = _line(entry)
        case Offer():
            body = _offer(entry)
        case Data():
            body = _data(entry)
        case ClaimableBalance():
            body = _balance(entry)
    if not entry.entry_extension:
        return pack.uint32(entry.modified) + body + pack.ZERO
    sponsor = None if entry.sponsor is None else pack_account(entry.sponsor)
    return pack.uint32(entry.modified) + body + pack.ONE + pack.optional(sponsor) + pack.ZERO


def pack_key(key: Key) -> bytes:
    """A LedgerKey."""
    match key:
        case AccountKey():
            return pack.int32(0) + pack_account(key.account)
        case LineKey():
            return pack.int32(1) + pack_account(key.account) + pack_asset(key.asset)
        case OfferKey():
            return pack.int32(2) + pack_account(key.seller) + pack.int64(key.offer_id)
        case DataKey():
            return pack.int32(3) + pack_account(key.account) + pack.opaque(key.name)
        case BalanceKey():
            return pack.int32(4) + pack.ZERO + key.balance_id


def pack_changes(changes: Iterable[tuple[Key, Entry | None, Entry | None]]) -> bytes:
    """LedgerEntryChanges from (key, before, after); what neither was nor is leaves no trace."""
    packed: list[bytes] = []
    for key, before, after in changes:
        if before is not None:
            packed.append(STATE + pack_entry(before))
        if after is not None:
            packed.append((UPDATED if before is not None else CREATED) + pack_entry(after))
        elif before is not None:
            packed.append(REMOVED + pack_key(key))
    return pack.array(packed)
