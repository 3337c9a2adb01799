"""Money that funds nothing: it is noted with its reason, booked to suspense, and goes back or waits for a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from roadstead.config.matching_terms import Remedy
from roadstead.database.pool import Connection
from roadstead.errors import Conflict
from roadstead.ledger.postings import payment_unmatched
from roadstead.ledger.store import post
from roadstead.remittances import store
from roadstead.remittances.matching import StoredPayment, Unmatched, UnmatchedReason
from roadstead.remittances.refunding import OrderRefunds, RefundOrder, RefundSource

EXCESS = "excess"
"""The cause of refunds of what a payment brought above what it funded."""

WAITS = "The anchor's staff decides what becomes of it."
GOES_BACK = "It goes back to its payer."

TOLD = {
    UnmatchedReason.ALREADY_FUNDED: "The remittance had been paid before.",
    UnmatchedReason.NOT_OPEN: "The remittance does not wait for a payment.",
    UnmatchedReason.WRONG_ASSET: "It is not in the asset that was agreed.",
    UnmatchedReason.TOO_LATE: "It came when the remittance's time was over.",
    UnmatchedReason.TOO_LITTLE: "It is less than was agreed.",
    UnmatchedReason.TOO_MUCH: "It is more than was agreed.",
}
"""What partners are told of the reasons that concern their remittance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspended:
    """A payment that funds nothing, and what becomes of it."""

    payment: StoredPayment
    unmatched: Unmatched
    memo_remittance: store.Remittance | None
    """The remittance that the memo names."""
    remedy: Remedy


def message(one: Suspended) -> str | None:
    """Return what the partner of the named remittance is told of a payment; None when that is nothing."""
    why = TOLD.get(one.unmatched.reason)
    if why is None or one.payment.amount is None:
        return None
    fate = GOES_BACK if one.remedy is Remedy.REFUND else WAITS
    return f"A payment of {one.payment.amount} arrived and does not pay for this. {why} {fate}"


async def write_suspended(connection: Connection, suspended: Sequence[Suspended], now: datetime) -> None:
    """Write what funds nothing: reason, books, and a word to the partner whose remittance the memo names."""
    if not suspended:
        return
    await connection.execute(
        """
        UPDATE payments AS p
        SET disposition = 'unmatched', disposed_at = $4, disposition_cause = 'matcher', reason = found.reason,
            remittance_id = found.remittance_id
        FROM unnest($1::bigint[], $2::text[], $3::uuid[]) AS found (operation_id, reason, remittance_id)
        WHERE p.operation_id = found.operation_id AND p.disposition = 'stored'
        """,
        [one.payment.operation_id for one in suspended],
        [one.unmatched.reason for one in suspended],
        [one.unmatched.remittance_id for one in suspended],
        now,
    )
    amounts = [(one.payment.operation_id, one.payment.amount) for one in suspended]
    await post(
        connection,
        [payment_unmatched(operation_id, amount) for operation_id, amount in amounts if amount is not None],
    )
    told = {
        one.unmatched.remittance_id: text
        for one in suspended
        if one.unmatched.remittance_id is not None and (text := message(one)) is not None
    }
    if told:
        await store.tell(connection, told)


def refund_order(one: Suspended) -> RefundOrder | None:
    """Return the order to send a whole payment back; None when it is to wait."""
    if one.remedy is Remedy.HOLD or one.payment.amount is None:
        return None
    return RefundOrder(
        source=RefundSource.SUSPENSE,
        operation_id=one.payment.operation_id,
        remittance=None,
        memo_remittance=one.memo_remittance,
        amount=one.payment.amount,
        cause=str(one.unmatched.reason),
    )


def excess_order(remittance: store.Remittance, operation_id: int) -> RefundOrder:
    """Return the order to send back what a payment brought above what it funded."""
    return RefundOrder(
        source=RefundSource.SUSPENSE,
        operation_id=operation_id,
        remittance=remittance,
        memo_remittance=remittance,
        amount=remittance.excess,
        cause=EXCESS,
    )


async def order_refunds_of(
    connection: Connection,
    order_refunds: OrderRefunds,
    orders: Sequence[RefundOrder],
    now: datetime,
    *,
    cause: str,
) -> None:
    """Order refunds out of suspense and note it of their payments, in one transaction.

    Raises:
        Conflict: One of the payments is not waiting any more; the transaction has to be undone.
    """
    if not orders:
        return
    await order_refunds(connection, orders, now)
    changed = await connection.fetch(
        """
        UPDATE payments AS p
        SET disposition = CASE WHEN p.disposition = 'unmatched' THEN 'refunding' ELSE p.disposition END,
            disposed_at = CASE WHEN p.disposition = 'unmatched' THEN $2 ELSE p.disposed_at END,
            excess_disposition = CASE WHEN p.disposition = 'unmatched' THEN NULL ELSE 'refunding' END,
            disposition_cause = $3
        WHERE p.operation_id = ANY ($1::bigint[])
            AND (p.disposition = 'unmatched' OR (p.disposition = 'matched' AND p.excess_disposition = 'unmatched'))
        RETURNING p.operation_id
        """,
        [order.operation_id for order in orders],
        now,
        cause,
    )
    if len(changed) != len(orders):
        raise Conflict("A payment was disposed of while its refund was ordered: it is looked at again.")


async def record_refunded(connection: Connection, operation_id: int, now: datetime) -> None:
    """Note that what was refunded out of suspense stands in a closed ledger. Safe to repeat.

    For whoever confirms refunds, in the transaction that books it. A refund that was ordered on another way than
    through `order_refunds_of` is noted as ordered first.
    """
    for before, after in (("unmatched", "refunding"), ("refunding", "refunded")):
        await connection.execute(
            """
            UPDATE payments
            SET disposition = CASE disposition WHEN $2 THEN $3 ELSE disposition END,
                disposed_at = CASE disposition WHEN $2 THEN $4 ELSE disposed_at END,
                excess_disposition = CASE excess_disposition WHEN $2 THEN $3 ELSE excess_disposition END,
                disposition_cause = 'refund confirmed'
            WHERE operation_id = $1 AND $2 IN (disposition, excess_disposition)
            """,
            operation_id,
            before,
            after,
            now,
        )
