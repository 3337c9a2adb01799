"""Confirming a refund: it stands in a closed ledger, and books, remittance and refund say so in one transaction."""

from __future__ import annotations

from datetime import datetime

import structlog

from roadstead.database.pool import Connection
from roadstead.errors import Conflict, InvariantViolated
from roadstead.ledger.postings import refund_sent
from roadstead.ledger.store import post
from roadstead.operations.alerts import AlertKind, close_alert
from roadstead.operations.holds import HoldKind, withdraw_hold
from roadstead.refunds import store
from roadstead.refunds.states import RefundStatus
from roadstead.remittances import refunds
from roadstead.remittances import store as remittances
from roadstead.remittances.refunding import RefundSource
from roadstead.remittances.states import MOVES, RemittanceStatus
from roadstead.remittances.suspense import record_refunded

log = structlog.get_logger()


async def confirm(connection: Connection, refund: store.Refund, transaction_hash: str, now: datetime) -> None:
    """Record that a refund, which the caller has locked, was sent by a transaction that was seen in a closed ledger.

    A remittance of which everything went back becomes `refunded`; one whose excess went back stays where it is.
    """
    remittance = None
    if refund.remittance_id is not None:
        remittance = await remittances.by_id(connection, refund.remittance_id, lock=True)
        if remittance is None:
            raise InvariantViolated(f"Refund {refund.id} names a remittance that is not stored.")
    await store.set_status(connection, refund.id, RefundStatus.SENT, now, transaction_hash=transaction_hash)
    await post(connection, [refund_sent(refund.id, refund.remittance_id, refund.sent_amount, refund.fee)])
    if refund.source is RefundSource.SUSPENSE:
        await _note_payment(connection, refund, now)
    if remittance is not None:
        told = refunds.Refund(transaction_hash=transaction_hash, amount=refund.sent_amount, fee=refund.fee)
        await refunds.record_refund(connection, remittance.id, told)
        if refund.source is not RefundSource.SUSPENSE:
            await _move(connection, remittance, now)
    await withdraw_hold(connection, HoldKind.REFUND_RELEASE, str(refund.id), reason="it was sent")
    await close_alert(connection, AlertKind.REFUND_HELD, str(refund.id), reason="it was sent")


async def _note_payment(connection: Connection, refund: store.Refund, now: datetime) -> None:
    try:
        await record_refunded(connection, refund.operation_id, now)
    except Conflict:
        # The money has left: that is recorded, whatever the payment says of itself.
        log.exception("refunded_payment_stays", refund_id=str(refund.id))


async def _move(connection: Connection, remittance: remittances.Remittance, now: datetime) -> None:
    if (remittance.status, RemittanceStatus.REFUNDED) not in MOVES:
        log.warning("refunded_remittance_stays", remittance_id=str(remittance.id), status=remittance.status)
        return
    step = remittances.Move(
        remittance_id=remittance.id,
        status_from=remittance.status,
        status_to=RemittanceStatus.REFUNDED,
        cause="refund in a closed ledger",
    )
    await remittances.move(connection, step, now)
