"""Ordering refunds, in the transaction of their cause."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from roadstead.config.effective import Configuration
from roadstead.database.pool import Connection
from roadstead.errors import BadInput, InvariantViolated
from roadstead.ledger.postings import (
    Posting,
    refund_owed_for_delivery,
    refund_owed_for_suspense,
    refund_owed_for_waiting,
)
from roadstead.ledger.store import post
from roadstead.money import Asset, Money, exact_amount
from roadstead.randomness import Randomness, new_id
from roadstead.refunds import store
from roadstead.refunds.holding import place
from roadstead.refunds.states import HeldReason, RefundStatus
from roadstead.remittances.refunding import OrderRefunds, RefundOrder, RefundSource
from roadstead.remittances.store import Remittance
from roadstead.stellar.memos import Memo, memo_from_horizon


def refund_orderer(configuration: Configuration, randomness: Randomness) -> OrderRefunds:
    """Return the function with which other rooms order refunds.

    It keeps the refund fee of `anchor.toml` back. An amount that is not above the fee is held without one, and an
    amount above `refund_approval_above` is held too: both for a person.

    Raises (when called):
        InvariantViolated: The order contradicts the payment, its remittance, or an order that was given before.
    """
    rules = _Rules(configuration)

    async def order(connection: Connection, orders: Sequence[RefundOrder], now: datetime) -> None:
        for one in orders:
            await _order(connection, one, now, rules=rules, refund_id=new_id(randomness))

    return order


class _Rules:
    """What `anchor.toml` says of refunds, by asset."""

    def __init__(self, configuration: Configuration) -> None:
        self._fees: dict[Asset, Money] = {}
        self._limits: dict[Asset, Money] = {}
        for accepted in configuration.assets:
            terms, asset = accepted.terms, accepted.asset
            self._fees[asset] = exact_amount(asset, terms.refund_fee)
            if terms.refund_approval_above is not None:
                self._limits[asset] = exact_amount(asset, terms.refund_approval_above)

    def judge(self, amount: Money) -> tuple[Money, HeldReason | None]:
        """Return the fee that is kept of an amount, and why a person has to decide, if one has."""
        asset = amount.asset
        fee = self._fees.get(asset, Money(asset, 0))
        if amount <= fee:
            return Money(asset, 0), HeldReason.BELOW_FEE
        limit = self._limits.get(asset)
        return fee, HeldReason.APPROVAL if limit is not None and amount > limit else None


async def _order(
    connection: Connection, order: RefundOrder, now: datetime, *, rules: _Rules, refund_id: UUID
) -> None:
    remittance_id = order.remittance.id if order.remittance else None
    paid = await store.lock_payment(connection, order.operation_id, remittance_id)
    if paid is None:
        raise InvariantViolated(f"A refund of payment {order.operation_id} was ordered, which is not stored.")
    posting = _posting(refund_id, order)
    fee, held = rules.judge(order.amount)
    refund = store.Refund(
        id=refund_id,
        operation_id=order.operation_id,
        source=order.source,
        remittance_id=remittance_id,
        amount=order.amount,
        fee=fee,
        destination=paid.payer,
        memo=_memo(order.memo_remittance) or paid.memo,
        cause=order.cause,
        status=RefundStatus.HELD if held else RefundStatus.ORDERED,
        reason=held,
        transaction_hash=None,
        ordered_at=now,
        status_at=now,
    )
    if await store.insert(connection, refund, now):
        await post(connection, [posting])
        if held:
            await place(connection, refund, held)
        return
    await _require_same(connection, order)


async def _require_same(connection: Connection, order: RefundOrder) -> None:
    known = await store.by_payment(connection, order.operation_id)
    if not any(one.source is order.source and one.amount == order.amount for one in known):
        raise InvariantViolated(
            f"A refund of payment {order.operation_id} from {order.source} is ordered already, of another amount than "
            f"{order.amount}."
        )


def _posting(refund_id: UUID, order: RefundOrder) -> Posting:
    remittance = order.remittance
    match order.source:
        case RefundSource.SUSPENSE:
            return refund_owed_for_suspense(refund_id, remittance.id if remittance else None, order.amount)
        case RefundSource.WAITING if remittance is not None:
            return refund_owed_for_waiting(refund_id, remittance.id, order.amount)
        case RefundSource.DELIVERY if remittance is not None:
            delivery = remittance.delivery
            if delivery.amount_in != order.amount:
                raise InvariantViolated(
                    f"Remittance {remittance.id} is refunded whole, {delivery.amount_in}, or not at all; the order "
                    f"says {order.amount}."
                )
            return refund_owed_for_delivery(refund_id, delivery)
        case _:
            raise InvariantViolated(f"A refund from {order.source} was ordered without its remittance.")


def _memo(remittance: Remittance | None) -> Memo | None:
    """Return the memo that the partner asked for (SEP-31 `refund_memo`), or None when it asked for none."""
    if remittance is None or remittance.refund_memo is None or remittance.refund_memo_kind is None:
        return None
    try:
        return memo_from_horizon(
            memo_type=remittance.refund_memo_kind, memo=remittance.refund_memo, memo_bytes=None
        )
    except BadInput as error:
        raise InvariantViolated(f"The refund memo of remittance {remittance.id} is no memo.") from error
