"""Sponsoring of reserves: begin, end and revoke."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum

from stellar_sdk import xdr

from roadstead.sandbox.network.ledger.assets import (
    AccountId,
    account_from_xdr,
    asset_from_xdr,
    is_issuer,
    is_valid_asset,
)
from roadstead.sandbox.network.ledger.balances import available_lumens
from roadstead.sandbox.network.ledger.outcome import DONE, Outcome, refused
from roadstead.sandbox.network.ledger.reserves import (
    ReserveProblem,
    sponsor_more,
    sponsor_problem,
    sponsored_more,
    weight_of,
)
from roadstead.sandbox.network.ledger.state import (
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
    Signer,
    TrustLine,
)

from .data import is_plain_text
from .rule import Check, Turn, unpaid

_Begin = xdr.BeginSponsoringFutureReservesResultCode
_End = xdr.EndSponsoringFutureReservesResultCode
_Revoke = xdr.RevokeSponsorshipResultCode


def check_begin(check: Check) -> IntEnum | None:
    """Nobody sponsors themselves."""
    if account_from_xdr(check.body.sponsored_id) == check.source:
        return _Begin.BEGIN_SPONSORING_FUTURE_RESERVES_MALFORMED
    return None


def apply_begin(turn: Turn) -> Outcome:
    """From here to the end of sponsoring, the source pays what the named account creates."""
    sponsored = account_from_xdr(turn.body.sponsored_id)
    active = turn.sponsorships.by_sponsored
    if sponsored in active:
        return refused(_Begin.BEGIN_SPONSORING_FUTURE_RESERVES_ALREADY_SPONSORED)
    if turn.source in active or sponsored in active.values():
        return refused(_Begin.BEGIN_SPONSORING_FUTURE_RESERVES_RECURSIVE)
    active[sponsored] = turn.source
    return DONE


def apply_end(turn: Turn) -> Outcome:
    """The source pays its own reserves again."""
    if turn.sponsorships.by_sponsored.pop(turn.source, None) is None:
        return refused(_End.END_SPONSORING_FUTURE_RESERVES_NOT_SPONSORED)
    return DONE


def key_from_xdr(value: xdr.LedgerKey) -> Key | None:
    """The engine's key for an XDR one; None for kinds that have no reserve here."""
    if value.account is not None:
        return AccountKey(account_from_xdr(value.account.account_id))
    if value.trust_line is not None:
        return LineKey(account_from_xdr(value.trust_line.account_id), asset_from_xdr(value.trust_line.asset))
    if value.offer is not None:
        return OfferKey(account_from_xdr(value.offer.seller_id), value.offer.offer_id.int64)
    if value.data is not None:
        return DataKey(account_from_xdr(value.data.account_id), value.data.data_name.string64)
    if value.claimable_balance is not None and value.claimable_balance.balance_id.v0 is not None:
        return BalanceKey(value.claimable_balance.balance_id.v0.hash)
    return None


def check_revoke(check: Check) -> IntEnum | None:
    """The entry must be one that can exist."""
    body: xdr.RevokeSponsorshipOp = check.body
    if body.ledger_key is None:
        return None
    key = key_from_xdr(body.ledger_key)
    match key:
        case None:
            fits = False
        case LineKey():
            asset = key.asset
            fits = is_valid_asset(asset) and not asset.is_native and not is_issuer(key.account, asset)
        case OfferKey():
            fits = key.offer_id > 0
        case DataKey():
            fits = bool(key.name) and is_plain_text(key.name)
        case _:
            fits = True
    return None if fits else _Revoke.REVOKE_SPONSORSHIP_MALFORMED


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """From whom to whom a reserve goes; None stands for the owner."""

    old: AccountId | None
    new: AccountId | None
    owner: AccountId | None
    weight: int


def _next_sponsor(turn: Turn, owner: AccountId | None) -> AccountId | None:
    sponsor = turn.sponsorships.by_sponsored.get(turn.source)
    return None if sponsor == owner else sponsor


def _move_reserve(turn: Turn, change: _Change, write: Callable[[AccountId | None], None]) -> Outcome:
    """Check who pays from now on, write it, and keep the counts of all three right."""
    problem = _unaffordable(turn, change)
    if problem is not None:
        return unpaid(problem, _Revoke.REVOKE_SPONSORSHIP_LOW_RESERVE)
    if change.old is None and change.new is None:
        return DONE
    write(change.new)
    if change.old is not None:
        _count_sponsoring(turn, change.old, -change.weight)
    if change.new is not None:
        _count_sponsoring(turn, change.new, change.weight)
    if change.owner is not None and (change.old is None) != (change.new is None):
        owner = turn.view.account(change.owner)
        delta = change.weight if change.old is None else -change.weight
        if owner is not None:
            turn.view.put(sponsored_more(owner, delta))
    return DONE


def _unaffordable(turn: Turn, change: _Change) -> ReserveProblem | None:
    if change.new is not None:
        sponsor = turn.view.account(change.new)
        if sponsor is None:
            return ReserveProblem.LOW_RESERVE
        return sponsor_problem(sponsor, change.weight, turn.terms)
    if change.old is not None and change.owner is not None:
        owner = turn.view.account(change.owner)
        needed = change.weight * turn.terms.base_reserve
        if owner is None or available_lumens(owner, turn.terms) < needed:
            return ReserveProblem.LOW_RESERVE
    return None


def _count_sponsoring(turn: Turn, sponsor_id: AccountId, delta: int) -> None:
    sponsor = turn.view.account(sponsor_id)
    if sponsor is not None:
        turn.view.put(sponsor_more(sponsor, delta))


def owner_of(entry: Entry) -> AccountId | None:
    """Whose entry it is; nobody's in the case of claimable balances."""
    match entry:
        case Account() | TrustLine() | Data():
            return entry.account
        case Offer():
            return entry.seller
        case ClaimableBalance():
            return None


def apply_revoke(turn: Turn) -> Outcome:
    """Give a reserve back to its owner, or on to whoever sponsors the source now."""
    body: xdr.RevokeSponsorshipOp = turn.body
    if body.signer is not None:
        return _revoke_signer(turn, body.signer)
    key = None if body.ledger_key is None else key_from_xdr(body.ledger_key)
    entry = None if key is None else turn.view.load(key)
    if entry is None:
        return refused(_Revoke.REVOKE_SPONSORSHIP_DOES_NOT_EXIST)
    owner = owner_of(entry)
    payer = entry.sponsor if entry.sponsor is not None else owner
    if payer != turn.source:
        return refused(_Revoke.REVOKE_SPONSORSHIP_NOT_SPONSOR)
    new = _next_sponsor(turn, owner)
    if isinstance(entry, ClaimableBalance) and new is None:
        return refused(_Revoke.REVOKE_SPONSORSHIP_ONLY_TRANSFERABLE)
    change = _Change(old=entry.sponsor, new=new, owner=owner, weight=weight_of(entry))

    def write(sponsor: AccountId | None) -> None:
        current = turn.view.get(entry.key) or entry
        turn.view.put(replace(current, sponsor=sponsor, entry_extension=True))

    return _move_reserve(turn, change, write)


def _revoke_signer(turn: Turn, body: xdr.RevokeSponsorshipOpSigner) -> Outcome:
    account_id = account_from_xdr(body.account_id)
    key = body.signer_key.to_xdr_bytes()
    account = turn.view.account(account_id)
    signer = None if account is None else _signer(account, key)
    if signer is None:
        return refused(_Revoke.REVOKE_SPONSORSHIP_DOES_NOT_EXIST)
    payer = signer.sponsor if signer.sponsor is not None else account_id
    if payer != turn.source:
        return refused(_Revoke.REVOKE_SPONSORSHIP_NOT_SPONSOR)
    new = _next_sponsor(turn, account_id)
    change = _Change(old=signer.sponsor, new=new, owner=account_id, weight=1)

    def write(sponsor: AccountId | None) -> None:
        current = turn.view.account(account_id)
        if current is not None:
            signers = tuple(
                one._replace(sponsor=sponsor) if one.key == key else one for one in current.signers
            )
            turn.view.put(replace(current, signers=signers))

    return _move_reserve(turn, change, write)


def _signer(account: Account, key: bytes) -> Signer | None:
    return next((signer for signer in account.signers if signer.key == key), None)
