"""A remittance as SEP-31 shows it: the document of GET /transactions/:id, which is also the body of every callback."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from roadstead.clock import utc_text
from roadstead.config.anchor import Anchor
from roadstead.database.pool import Connection
from roadstead.money import Money
from roadstead.payouts.carriage import carriage_of
from roadstead.remittances import store
from roadstead.remittances.forecast import is_under_way, seconds_until_change
from roadstead.remittances.refunds import total
from roadstead.remittances.states import RemittanceStatus

_ASKING = frozenset(
    {RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE, RemittanceStatus.PENDING_TRANSACTION_INFO_UPDATE}
)
_BEFORE_PAYMENT = frozenset(
    {RemittanceStatus.PENDING_RECEIVER, RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE}
)
"""What an unpaid remittance may be in while nobody may pay it yet."""


class FeeDetails(msgspec.Struct, kw_only=True, frozen=True):
    """The fee and its parts; the parts add up to the total."""

    total: str
    asset: str
    details: list[dict[str, str]]


class RefundPayment(msgspec.Struct, kw_only=True, frozen=True):
    """One payment back on Stellar; `id` is the hash of its transaction."""

    id: str
    amount: str
    fee: str


class Refunds(msgspec.Struct, kw_only=True, frozen=True):
    """All that went back, in units of `amount_in_asset`; the payments add up to the totals."""

    amount_refunded: str
    amount_fee: str
    payments: list[RefundPayment]


class Transaction(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A remittance as a partner sees it."""

    id: str
    status: str
    status_eta: int | None = None
    amount_in: str
    amount_in_asset: str
    amount_fee: str
    amount_fee_asset: str
    fee_details: FeeDetails
    stellar_account_id: str | None = None
    stellar_memo_type: str | None = None
    stellar_memo: str | None = None
    started_at: str
    updated_at: str
    amount_out: str | None = None
    amount_out_asset: str | None = None
    quote_id: str | None = None
    status_message: str | None = None
    completed_at: str | None = None
    stellar_transaction_id: str | None = None
    external_transaction_id: str | None = None
    refunded: bool = False
    refunds: Refunds | None = None
    required_info_message: str | None = None
    required_info_updates: dict[str, dict[str, store.AskedField]] | None = None


class TransactionAnswer(msgspec.Struct, kw_only=True, frozen=True):
    """Answer of GET /transactions/:id."""

    transaction: Transaction


async def shown(
    connection: Connection,
    anchor: Anchor,
    remittance: store.Remittance,
    *,
    now: datetime,
    say: Callable[[str], str] = str,
) -> TransactionAnswer:
    """Write a remittance as every answer and every callback shows it.

    `status_eta` counts from `now`: the moment of an answer, or of the change that a callback tells of (`updated_at`).
    """
    carriage = await carriage_of(connection, remittance.id, now) if is_under_way(remittance) else None
    eta_s = seconds_until_change(anchor, remittance, now, carriage=carriage)
    return TransactionAnswer(transaction=describe(remittance, say, eta_s=eta_s))


def describe(
    remittance: store.Remittance, say: Callable[[str], str] = str, *, eta_s: int | None = None
) -> Transaction:
    """Write a remittance as SEP-31 has it; what is not known yet is left out, never null."""
    is_refunded = remittance.status is RemittanceStatus.REFUNDED
    fee = _fee(remittance)
    payable = remittance.status not in _BEFORE_PAYMENT or remittance.funded_by is not None
    message = say(remittance.status_message) if remittance.status_message else None
    asked = remittance.asked_fields
    return Transaction(
        id=str(remittance.id),
        status=remittance.status,
        status_eta=eta_s,
        status_message=message,
        amount_in=remittance.amount_received.text,
        amount_in_asset=remittance.amount_in.asset.id,
        amount_out=_amount_out(remittance),
        amount_out_asset=remittance.asset_out.id,
        quote_id=str(remittance.quote_id) if remittance.quote_id else None,
        amount_fee=fee.text,
        amount_fee_asset=fee.asset.id,
        fee_details=FeeDetails(
            total=fee.text, asset=fee.asset.id, details=[] if is_refunded else list(remittance.fee_lines)
        ),
        stellar_account_id=remittance.receiving_account if payable else None,
        stellar_memo_type="id" if payable else None,
        stellar_memo=str(remittance.memo) if payable else None,
        started_at=utc_text(remittance.started_at),
        updated_at=utc_text(remittance.status_at),
        completed_at=utc_text(remittance.completed_at) if remittance.completed_at else None,
        stellar_transaction_id=remittance.transaction_hash,
        external_transaction_id=remittance.reference,
        refunded=is_refunded,
        refunds=_refunds(remittance),
        required_info_message=message if remittance.status in _ASKING else None,
        required_info_updates=None if asked is None else {"transaction": _translated(asked, say)},
    )


def _translated(
    asked: Mapping[str, store.AskedField], say: Callable[[str], str]
) -> dict[str, store.AskedField]:
    return {
        name: msgspec.structs.replace(field, description=say(field.description))
        for name, field in asked.items()
    }


def _fee(remittance: store.Remittance) -> Money:
    """Return the fee for the delivery; what was refunded was not delivered, and costs nothing."""
    if remittance.status is RemittanceStatus.REFUNDED:
        return Money(remittance.service_fee.asset, 0)
    return remittance.service_fee + remittance.rounding


def _amount_out(remittance: store.Remittance) -> str | None:
    if remittance.status is RemittanceStatus.REFUNDED:
        return Money(remittance.asset_out, 0).text
    return remittance.amount_out.text if remittance.amount_out else None


def _refunds(remittance: store.Remittance) -> Refunds | None:
    if not remittance.refunds:
        return None
    asset = remittance.amount_in.asset
    return Refunds(
        amount_refunded=total([refund.amount for refund in remittance.refunds], asset).text,
        amount_fee=total([refund.fee for refund in remittance.refunds], asset).text,
        payments=[
            RefundPayment(id=refund.transaction_hash, amount=refund.amount.text, fee=refund.fee.text)
            for refund in remittance.refunds
        ],
    )
