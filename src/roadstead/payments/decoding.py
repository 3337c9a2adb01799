"""Tell an incoming credit from everything else in the operations of our account. Pure: bytes in, a verdict out.

Whatever the bytes are, there is a verdict; nothing is raised. Only what the account *received* counts: of a path
payment the destination asset and amount, never what the payer gave for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias

import msgspec

from roadstead.errors import BadInput
from roadstead.money import NATIVE, Asset, amount_from_text, stellar_asset
from roadstead.stellar.memos import Memo, memo_from_horizon
from roadstead.stellar.records import Moment, read_position


class PaymentKind(StrEnum):
    """The operations that credit an account, by Horizon's names."""

    PAYMENT = "payment"
    PATH_PAYMENT_STRICT_RECEIVE = "path_payment_strict_receive"
    PATH_PAYMENT_STRICT_SEND = "path_payment_strict_send"
    CREATE_ACCOUNT = "create_account"
    ACCOUNT_MERGE = "account_merge"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingPayment:
    """One credit of our account by one operation of one successful transaction."""

    operation_id: int
    kind: PaymentKind
    transaction_hash: str
    """Hash of the transaction in lower-case hexadecimal; of a fee bump, the outer one."""
    ledger_closed_at: datetime
    payer: str
    """Where it came from and where a refund goes: M... when the payer named a sub-account, else G..."""
    receiving_account: str
    receiving_muxed: str | None
    """The address M... when the payer sent to a sub-account of ours."""
    asset: Asset
    amount_units: int | None
    """Stroops received; None for a merged account, whose balance the operation does not tell."""
    memo: Memo


@dataclass(frozen=True, slots=True)
class Irrelevant:
    """Not a credit of our account: nothing has to be kept."""

    reason: str


@dataclass(frozen=True, slots=True)
class Undecodable:
    """It may be a credit of our account, but it cannot be understood: a person has to look at the record."""

    reason: str


Verdict: TypeAlias = IncomingPayment | Irrelevant | Undecodable


class _Head(msgspec.Struct, frozen=True):
    type: str
    transaction_successful: bool


class _Transaction(msgspec.Struct, frozen=True):
    memo_type: str
    memo: str | None = None
    memo_bytes: str | None = None


class _Credit(msgspec.Struct, frozen=True):
    id: str
    transaction_hash: str
    created_at: Moment
    transaction: _Transaction


class _Payment(_Credit, frozen=True, kw_only=True):
    type: str
    asset_type: str
    payer: str = msgspec.field(name="from")
    payer_muxed: str | None = msgspec.field(name="from_muxed", default=None)
    to: str
    to_muxed: str | None = None
    amount: str
    asset_code: str | None = None
    asset_issuer: str | None = None


class _Creation(_Credit, frozen=True, kw_only=True):
    funder: str
    funder_muxed: str | None = None
    account: str
    starting_balance: str


class _Merge(_Credit, frozen=True, kw_only=True):
    account: str
    account_muxed: str | None = None
    into: str
    into_muxed: str | None = None


class _BalanceChange(msgspec.Struct, frozen=True):
    to: str | None = None


class _Invocation(msgspec.Struct, frozen=True):
    asset_balance_changes: list[_BalanceChange] | None = None


_head = msgspec.json.Decoder(_Head)
_payment = msgspec.json.Decoder(_Payment)
_creation = msgspec.json.Decoder(_Creation)
_merge = msgspec.json.Decoder(_Merge)
_invocation = msgspec.json.Decoder(_Invocation)

_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_ACCOUNT = re.compile(r"G[A-Z2-7]{55}", re.ASCII)
_MUXED = re.compile(r"M[A-Z2-7]{68}", re.ASCII)
_ASSET_TYPES = ("credit_alphanum4", "credit_alphanum12")

_OUTGOING = Irrelevant("it does not pay to our account")
_TO_OURSELVES = Irrelevant("our account paid itself")


def decode(record: bytes, account: str) -> Verdict:
    """Judge one record of the operations of `account`. Never raises; the same bytes give the same verdict."""
    try:
        head = _head.decode(record)
        if not head.transaction_successful:
            return Irrelevant("its transaction failed")
        reader = _READERS.get(head.type)
        return (
            reader(record, account) if reader else Irrelevant(f"operations {head.type[:40]!r} credit nobody")
        )
    except BadInput as error:
        return Undecodable(error.message)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        return Undecodable(f"{type(error).__name__}: {error!s:.200}")


def _read_payment(record: bytes, account: str) -> Verdict:
    payment = _payment.decode(record)
    if payment.to != account:
        return _elsewhere(payment.to)
    if payment.payer == account:
        return _TO_OURSELVES
    asset = _asset(payment.asset_type, payment.asset_code, payment.asset_issuer)
    units = amount_from_text(asset, payment.amount).units
    if units == 0:
        return Undecodable("a payment of nothing, which Stellar does not allow")
    return IncomingPayment(
        operation_id=_operation_id(payment.id),
        kind=PaymentKind(payment.type),
        transaction_hash=_hash(payment.transaction_hash),
        ledger_closed_at=payment.created_at.astimezone(UTC),
        payer=_payer(payment.payer, payment.payer_muxed),
        receiving_account=account,
        receiving_muxed=_muxed(payment.to_muxed),
        asset=asset,
        amount_units=units,
        memo=_memo(payment.transaction),
    )


def _read_creation(record: bytes, account: str) -> Verdict:
    creation = _creation.decode(record)
    if creation.account != account:
        return _elsewhere(creation.account)
    units = amount_from_text(NATIVE, creation.starting_balance).units
    if units == 0:
        return Irrelevant("the account was created without lumens")
    return IncomingPayment(
        operation_id=_operation_id(creation.id),
        kind=PaymentKind.CREATE_ACCOUNT,
        transaction_hash=_hash(creation.transaction_hash),
        ledger_closed_at=creation.created_at.astimezone(UTC),
        payer=_payer(creation.funder, creation.funder_muxed),
        receiving_account=account,
        receiving_muxed=None,
        asset=NATIVE,
        amount_units=units,
        memo=_memo(creation.transaction),
    )


def _read_merge(record: bytes, account: str) -> Verdict:
    merge = _merge.decode(record)
    if merge.into != account:
        return _elsewhere(merge.into)
    return IncomingPayment(
        operation_id=_operation_id(merge.id),
        kind=PaymentKind.ACCOUNT_MERGE,
        transaction_hash=_hash(merge.transaction_hash),
        ledger_closed_at=merge.created_at.astimezone(UTC),
        payer=_payer(merge.account, merge.account_muxed),
        receiving_account=account,
        receiving_muxed=_muxed(merge.into_muxed),
        asset=NATIVE,
        amount_units=None,
        memo=_memo(merge.transaction),
    )


def _read_invocation(record: bytes, account: str) -> Verdict:
    changes = _invocation.decode(record).asset_balance_changes or []
    if any(change.to == account for change in changes):
        # One operation may hold several credits, and none of them has a place of its own in our books.
        return Undecodable("a contract credited our account: settle it by hand")
    return Irrelevant("the contract did not credit our account")


_READERS: dict[str, Callable[[bytes, str], Verdict]] = {
    PaymentKind.PAYMENT: _read_payment,
    PaymentKind.PATH_PAYMENT_STRICT_RECEIVE: _read_payment,
    PaymentKind.PATH_PAYMENT_STRICT_SEND: _read_payment,
    PaymentKind.CREATE_ACCOUNT: _read_creation,
    PaymentKind.ACCOUNT_MERGE: _read_merge,
    "invoke_host_function": _read_invocation,
}


def _elsewhere(destination: str) -> Verdict:
    _account(destination)
    return _OUTGOING


def _operation_id(text: str) -> int:
    operation_id = read_position(text)
    if not operation_id:
        raise BadInput(f"Operation id {text[:40]!r} is not a whole number of 64 bits.")
    return operation_id


def _hash(text: str) -> str:
    if not _HASH.fullmatch(text):
        raise BadInput("The transaction hash is not 64 hexadecimal digits.")
    return text


def _account(text: str) -> str:
    if not _ACCOUNT.fullmatch(text):
        raise BadInput(f"{text[:80]!r} is not an address G...")
    return text


def _muxed(text: str | None) -> str | None:
    if text is not None and not _MUXED.fullmatch(text):
        raise BadInput(f"{text[:80]!r} is not an address M...")
    return text


def _payer(account: str, muxed: str | None) -> str:
    plain = _account(account)
    return _muxed(muxed) or plain


def _asset(asset_type: str, code: str | None, issuer: str | None) -> Asset:
    if asset_type == "native":
        return NATIVE
    if asset_type not in _ASSET_TYPES or code is None or issuer is None:
        raise BadInput(f"Asset type {asset_type[:40]!r} is not one that can be paid.")
    return stellar_asset(code, issuer)


def _memo(transaction: _Transaction) -> Memo:
    return memo_from_horizon(
        memo_type=transaction.memo_type, memo=transaction.memo, memo_bytes=transaction.memo_bytes
    )
