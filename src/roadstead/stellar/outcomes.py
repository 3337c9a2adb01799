"""What Horizon tells of transactions and of the account that sends them, as far as sending needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from roadstead.money import NATIVE, Asset, amount_from_text, stellar_asset
from roadstead.stellar.records import Moment

_RESERVE_STROOPS = 5_000_000
_OWN_ENTRIES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A transaction that stands in a closed ledger."""

    hash: str
    """The hash under which ledgers list it: of a fee bump, the outer one."""
    hashes: frozenset[str]
    """Every hash that it is known by."""
    successful: bool
    ledger: int
    source: str
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """An account as of one ledger, all from one answer."""

    account: str
    sequence: int
    ledger: int | None
    """The ledger that the answer shows; None when the server does not say."""
    spendable: Mapping[Asset, int]
    """What it can pay of each asset, in smallest units, reserve and offers taken off."""


class HashRecord(msgspec.Struct, frozen=True):
    """What has a hash."""

    hash: str


class TransactionRecord(msgspec.Struct, frozen=True):
    """A transaction of a closed ledger."""

    hash: str
    successful: bool
    ledger: int
    source_account: str
    source_account_sequence: str
    paging_token: str = ""
    fee_bump_transaction: HashRecord | None = None
    inner_transaction: HashRecord | None = None


class _Records(msgspec.Struct, frozen=True):
    records: list[TransactionRecord]


class TransactionList(msgspec.Struct, frozen=True):
    """A page of transactions."""

    embedded: _Records = msgspec.field(name="_embedded")


class _Balance(msgspec.Struct, frozen=True):
    balance: str
    asset_type: str
    selling_liabilities: str = "0"
    asset_code: str | None = None
    asset_issuer: str | None = None


class AccountRecord(msgspec.Struct, frozen=True):
    """An account as Horizon shows it."""

    account_id: str
    sequence: str
    subentry_count: int
    balances: list[_Balance]
    num_sponsoring: int = 0
    num_sponsored: int = 0


class LedgerRecord(msgspec.Struct, frozen=True):
    """A closed ledger."""

    sequence: int
    closed_at: Moment


class _Codes(msgspec.Struct, frozen=True):
    transaction: str
    inner_transaction: str | None = None
    operations: list[str] | None = None


class _Extras(msgspec.Struct, frozen=True):
    result_codes: _Codes | None = None


class Problem(msgspec.Struct, frozen=True):
    """An answer that is not what was asked for (RFC 7807)."""

    type: str
    extras: _Extras | None = None


def applied(record: TransactionRecord) -> Applied:
    """Read a transaction of a closed ledger."""
    outer = record.fee_bump_transaction.hash if record.fee_bump_transaction else record.hash
    inner = record.inner_transaction.hash if record.inner_transaction else record.hash
    return Applied(
        hash=outer,
        hashes=frozenset({record.hash, outer, inner}),
        successful=record.successful,
        ledger=record.ledger,
        source=record.source_account,
        sequence=int(record.source_account_sequence),
    )


def account_state(found: AccountRecord, ledger: int | None) -> AccountState:
    """Read how an account stood as of a ledger.

    Raises:
        BadInput: A balance is none.
        ValueError: The sequence number is none.
    """
    spendable: dict[Asset, int] = {}
    for line in found.balances:
        if line.asset_type == "native":
            asset = NATIVE
        elif line.asset_code and line.asset_issuer:
            asset = stellar_asset(line.asset_code, line.asset_issuer)
        else:
            continue
        units = amount_from_text(asset, line.balance).units
        spendable[asset] = units - amount_from_text(asset, line.selling_liabilities).units
    entries = _OWN_ENTRIES + found.subentry_count + found.num_sponsoring - found.num_sponsored
    spendable[NATIVE] = spendable.get(NATIVE, 0) - entries * _RESERVE_STROOPS
    return AccountState(
        account=found.account_id, sequence=int(found.sequence), ledger=ledger, spendable=spendable
    )
