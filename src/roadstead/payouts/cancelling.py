"""Giving a payout up: it will never be paid, and what arrived goes back to its payer, in one transaction."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog

from roadstead.database.pool import Connection
from roadstead.errors import Conflict, NotFound
from roadstead.operations.holds import HoldKind, withdraw_hold
from roadstead.payouts import doubt, holding, store
from roadstead.payouts.states import PayoutStatus
from roadstead.remittances import cancellation
from roadstead.remittances import store as remittances
from roadstead.remittances.refunding import OrderRefunds, RefundOrder, RefundSource
from roadstead.remittances.states import RemittanceStatus

log = structlog.get_logger()

GOES_BACK = "The payout cannot be made. What arrived is sent back to its payer."
"""What a partner is told while the refund is under way."""

_UNDELIVERED = frozenset(
    {
        RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE,
        RemittanceStatus.PENDING_TRANSACTION_INFO_UPDATE,
        RemittanceStatus.PENDING_EXTERNAL,
    }
)
_CANCELLABLE = frozenset(
    {PayoutStatus.ORDERED, PayoutStatus.REFUSED, PayoutStatus.RETURNED, PayoutStatus.HELD}
)


async def cancel_and_refund(
    connection: Connection, remittance_id: UUID, *, cause: str, order_refunds: OrderRefunds, now: datetime
) -> None:
    """Give up the delivery of a funded remittance and order the refund of what arrived for it.

    One that waits for its rate has no payout yet, and gets none. A return after the settlement leaves the remittance
    completed until the refund is seen in a ledger. Repeating it changes nothing.

    Raises:
        Conflict: Nothing has arrived for the remittance, an attempt has paid or may still pay, or it was changed
            meanwhile; nothing was changed.
        NotFound: There is no such remittance.
    """
    payout = await store.by_remittance(connection, remittance_id, lock=True)
    remittance = await remittances.by_id(connection, remittance_id, lock=True)
    if remittance is None:
        raise NotFound(f"There is no remittance {remittance_id}.")
    if remittance.funded_by is None:
        raise Conflict(f"Nothing has arrived for remittance {remittance_id}: there is nothing to send back.")
    if payout is None and remittance.amount_out is not None:
        raise Conflict(f"A payout of remittance {remittance_id} is being ordered: look again.")
    if payout is not None:
        if payout.status is PayoutStatus.CANCELLED:
            return
        await _cancel(connection, payout, cause, now)
    if not await cancellation.mark_cancelled(connection, remittance_id, now):
        return
    await _tell(connection, remittance, cause, now)
    order = RefundOrder(
        source=RefundSource.WAITING if payout is None else RefundSource.DELIVERY,
        operation_id=remittance.funded_by,
        remittance=remittance,
        memo_remittance=remittance,
        amount=remittance.amount_in,
        cause=cause,
    )
    await order_refunds(connection, [order], now)
    await withdraw_hold(connection, HoldKind.REMITTANCE_REFUND, str(remittance_id), reason=cause)
    log.info("payout_cancelled", remittance_id=str(remittance_id), cause=cause)


async def _cancel(connection: Connection, payout: store.Payout, cause: str, now: datetime) -> None:
    if await doubt.may_be_paid_unknown_to_us(connection, payout.id):
        raise Conflict(
            f"The bank told of an attempt of payout {payout.id} that was lost with a database: let it be tried again, "
            "and the bank's word is taken for it."
        )
    attempts = await store.attempts(connection, payout.id)
    if payout.status not in _CANCELLABLE or any(attempt.status.may_pay for attempt in attempts):
        raise Conflict(
            f"Payout {payout.id} is {payout.status} and an attempt of it has paid or may still pay: wait until the "
            "bank says that it will not."
        )
    await store.cancel(connection, payout, cause, now)
    await holding.nothing_to_ask(connection, payout, f"cancelled: {cause}")


async def _tell(
    connection: Connection, remittance: remittances.Remittance, cause: str, now: datetime
) -> None:
    """Say in the remittance that its money goes back; what was delivered once stays completed."""
    if remittance.status not in _UNDELIVERED:
        if not remittance.status.is_final:
            await cancellation.explain(connection, remittance.id, GOES_BACK)
        return
    step = remittances.Move(
        remittance_id=remittance.id,
        status_from=remittance.status,
        status_to=RemittanceStatus.PENDING_RECEIVER,
        cause=cause,
        message=GOES_BACK,
    )
    await remittances.move(connection, step, now)
