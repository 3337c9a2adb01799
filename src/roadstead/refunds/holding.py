"""Refunds that wait for a person."""

from __future__ import annotations

from datetime import datetime

from roadstead.database.pool import Connection
from roadstead.operations.holds import HoldKind, place_hold
from roadstead.refunds import store
from roadstead.refunds.states import RefundStatus


def content(refund: store.Refund) -> dict[str, str]:
    """Return what people decide about: everything of a refund that matters and never changes."""
    return {
        "refund": str(refund.id),
        "payment": str(refund.operation_id),
        "remittance": str(refund.remittance_id or ""),
        "asset": refund.amount.asset.id,
        "amount": refund.amount.text,
        "fee": refund.fee.text,
        "destination": refund.destination,
        "cause": refund.cause,
    }


async def hold(connection: Connection, refund: store.Refund, reason: str, now: datetime) -> None:
    """Hold a refund that the caller has locked, and let a person decide; no envelope of it may be open."""
    await store.set_status(connection, refund.id, RefundStatus.HELD, now, reason=reason)
    await place(connection, refund, reason)


async def place(connection: Connection, refund: store.Refund, reason: str) -> None:
    """Place the hold of a refund that is held."""
    await place_hold(
        connection,
        kind=HoldKind.REFUND_RELEASE,
        subject=str(refund.id),
        content=content(refund),
        reason=f"The refund is held: {reason}.",
    )
