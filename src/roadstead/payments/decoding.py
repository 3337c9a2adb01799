"""Tell what an operation of our account was: money in, money out, or neither. Pure: bytes in, a verdict out.

Whatever the bytes are, there is a verdict; nothing is raised. Of what comes in only what the account *received* counts:
of a path payment the destination asset and amount, never what the payer gave for it. Of what goes out, what left.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC

import msgspec

from roadstead.errors import BadInput
from roadstead.money import NATIVE, Asset, amount_from_text
from roadstead.payments.fields import (
    asset_from_horizon,
    read_account,
    read_asset,
    read_balance_id,
    read_hash,
    read_muxed,
    read_operation_id,
    read_payer,
)
from roadstead.payments.verdicts import (
    BalanceClaim,
    BalanceOffer,
    Clawback,
    IncomingPayment,
    Irrelevant,
    OutgoingPayment,
    PaymentKind,
    Undecodable,
    Verdict,
)
from roadstead.stellar.memos import Memo, memo_from_horizon
from roadstead.stellar.records import Moment


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
    source_amount: str | None = None
    source_asset_type: str | None = None
    source_asset_code: str | None = None
    source_asset_issuer: str | None = None


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


class _Clawback(_Credit, frozen=True, kw_only=True):
    source_account: str
    holder: str = msgspec.field(name="from")
    amount: str
    asset_type: str
    asset_code: str | None = None
    asset_issuer: str | None = None


class _Claim(_Credit, frozen=True, kw_only=True):
    claimant: str
    balance_id: str


class _Claimant(msgspec.Struct, frozen=True):
    destination: str


class _Offer(_Credit, frozen=True, kw_only=True):
    type: str
    source_account: str
    asset: str
    amount: str
    claimants: list[_Claimant]


class _BalanceChange(msgspec.Struct, frozen=True):
    payer: str | None = msgspec.field(name="from", default=None)
    to: str | None = None


class _Invocation(msgspec.Struct, frozen=True):
    asset_balance_changes: list[_BalanceChange] | None = None


_head = msgspec.json.Decoder(_Head)
_payment = msgspec.json.Decoder(_Payment)
_creation = msgspec.json.Decoder(_Creation)
_merge = msgspec.json.Decoder(_Merge)
_clawback = msgspec.json.Decoder(_Clawback)
_claim = msgspec.json.Decoder(_Claim)
_offer = msgspec.json.Decoder(_Offer)
_invocation = msgspec.json.Decoder(_Invocation)


_ELSEWHERE = Irrelevant("it neither pays nor debits our account")


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
    if payment.payer == account:
        return _sent(payment, account)
    if payment.to != account:
        return _elsewhere(payment.to)
    asset = read_asset(payment.asset_type, payment.asset_code, payment.asset_issuer)
    return IncomingPayment(
        operation_id=read_operation_id(payment.id),
        kind=PaymentKind(payment.type),
        transaction_hash=read_hash(payment.transaction_hash),
        ledger_closed_at=payment.created_at.astimezone(UTC),
        payer=read_payer(payment.payer, payment.payer_muxed),
        payer_account=payment.payer,
        receiving_account=account,
        receiving_muxed=read_muxed(payment.to_muxed),
        asset=asset,
        amount_units=_something(asset, payment.amount),
        memo=_memo(payment.transaction),
    )


def _sent(payment: _Payment, account: str) -> OutgoingPayment:
    if payment.source_amount is None or payment.source_asset_type is None:
        asset = read_asset(payment.asset_type, payment.asset_code, payment.asset_issuer)
        amount = payment.amount
    else:
        asset = read_asset(payment.source_asset_type, payment.source_asset_code, payment.source_asset_issuer)
        amount = payment.source_amount
    destination = read_muxed(payment.to_muxed) or read_account(payment.to)
    units = amount_from_text(asset, amount).units
    return _outgoing(
        payment, payment.type, account=account, destination=destination, asset=asset, units=units
    )


def _read_creation(record: bytes, account: str) -> Verdict:
    creation = _creation.decode(record)
    units = amount_from_text(NATIVE, creation.starting_balance).units
    if creation.funder == account:
        return _outgoing(
            creation,
            "create_account",
            account=account,
            destination=read_account(creation.account),
            asset=NATIVE,
            units=units,
        )
    if creation.account != account:
        return _elsewhere(creation.account)
    if units == 0:
        return Irrelevant("the account was created without lumens")
    return IncomingPayment(
        operation_id=read_operation_id(creation.id),
        kind=PaymentKind.CREATE_ACCOUNT,
        transaction_hash=read_hash(creation.transaction_hash),
        ledger_closed_at=creation.created_at.astimezone(UTC),
        payer=read_payer(creation.funder, creation.funder_muxed),
        payer_account=creation.funder,
        receiving_account=account,
        receiving_muxed=None,
        asset=NATIVE,
        amount_units=units,
        memo=_memo(creation.transaction),
    )


def _read_merge(record: bytes, account: str) -> Verdict:
    merge = _merge.decode(record)
    if merge.account == account:
        return _outgoing(
            merge,
            "account_merge",
            account=account,
            destination=read_account(merge.into),
            asset=NATIVE,
            units=None,
        )
    if merge.into != account:
        return _elsewhere(merge.into)
    return IncomingPayment(
        operation_id=read_operation_id(merge.id),
        kind=PaymentKind.ACCOUNT_MERGE,
        transaction_hash=read_hash(merge.transaction_hash),
        ledger_closed_at=merge.created_at.astimezone(UTC),
        payer=read_payer(merge.account, merge.account_muxed),
        payer_account=merge.account,
        receiving_account=account,
        receiving_muxed=read_muxed(merge.into_muxed),
        asset=NATIVE,
        amount_units=None,
        memo=_memo(merge.transaction),
    )


def _read_clawback(record: bytes, account: str) -> Verdict:
    clawback = _clawback.decode(record)
    if clawback.holder != account:
        return _elsewhere(clawback.holder)
    asset = read_asset(clawback.asset_type, clawback.asset_code, clawback.asset_issuer)
    return Clawback(
        operation_id=read_operation_id(clawback.id),
        transaction_hash=read_hash(clawback.transaction_hash),
        ledger_closed_at=clawback.created_at.astimezone(UTC),
        account=account,
        issuer=read_account(clawback.source_account),
        asset=asset,
        amount_units=_something(asset, clawback.amount),
    )


def _read_claim(record: bytes, account: str) -> Verdict:
    claim = _claim.decode(record)
    if claim.claimant != account:
        return _elsewhere(claim.claimant)
    return BalanceClaim(
        operation_id=read_operation_id(claim.id),
        transaction_hash=read_hash(claim.transaction_hash),
        ledger_closed_at=claim.created_at.astimezone(UTC),
        receiving_account=account,
        balance_id=read_balance_id(claim.balance_id),
        memo=_memo(claim.transaction),
    )


def _read_offer(record: bytes, account: str) -> Verdict:
    offer = _offer.decode(record)
    if offer.source_account == account:
        asset = asset_from_horizon(offer.asset)
        units = amount_from_text(asset, offer.amount).units
        others = [one.destination for one in offer.claimants if one.destination != account]
        destination = read_account(others[0]) if others else account
        return _outgoing(
            offer, offer.type, account=account, destination=destination, asset=asset, units=units
        )
    if any(one.destination == account for one in offer.claimants):
        return BalanceOffer(operation_id=read_operation_id(offer.id))
    return _ELSEWHERE


def _read_invocation(record: bytes, account: str) -> Verdict:
    changes = _invocation.decode(record).asset_balance_changes or []
    if any(account in (change.to, change.payer) for change in changes):
        # One operation may hold several credits, and none of them has a place of its own in our books.
        return Undecodable("a contract credited or debited our account: settle it by hand")
    return Irrelevant("the contract did not touch our account")


_READERS: dict[str, Callable[[bytes, str], Verdict]] = {
    PaymentKind.PAYMENT: _read_payment,
    PaymentKind.PATH_PAYMENT_STRICT_RECEIVE: _read_payment,
    PaymentKind.PATH_PAYMENT_STRICT_SEND: _read_payment,
    PaymentKind.CREATE_ACCOUNT: _read_creation,
    PaymentKind.ACCOUNT_MERGE: _read_merge,
    PaymentKind.CLAIM: _read_claim,
    "create_claimable_balance": _read_offer,
    "clawback": _read_clawback,
    "invoke_host_function": _read_invocation,
}


def _outgoing(
    credit: _Credit, kind: str, *, account: str, destination: str, asset: Asset, units: int | None
) -> OutgoingPayment:
    return OutgoingPayment(
        operation_id=read_operation_id(credit.id),
        kind=kind,
        transaction_hash=read_hash(credit.transaction_hash),
        ledger_closed_at=credit.created_at.astimezone(UTC),
        account=account,
        destination=destination,
        asset=asset,
        amount_units=units,
    )


def _something(asset: Asset, text: str) -> int:
    units = amount_from_text(asset, text).units
    if units == 0:
        raise BadInput("It moved an amount of nothing, which Stellar does not allow.")
    return units


def _elsewhere(destination: str) -> Verdict:
    read_account(destination)
    return _ELSEWHERE


def _memo(transaction: _Transaction) -> Memo:
    return memo_from_horizon(
        memo_type=transaction.memo_type, memo=transaction.memo, memo_bytes=transaction.memo_bytes
    )
