"""Refunds that wait for a person."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog

from roadstead.database.pool import Connection, Database
from roadstead.errors import Conflict, NotFound
from roadstead.operations.alerts import AlertKind, close_alert
from roadstead.operations.holds import (
    Decided,
    Decision,
    HoldKind,
    applied,
    decided,
    digest_of,
    place_hold,
    withdraw_hold,
)
from roadstead.refunds import store
from roadstead.refunds.states import HeldReason, RefundStatus

log = structlog.get_logger()

_DECISIONS_MAX = 20


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


async def place(connection: Connection, refund: store.Refund, reason: str, *, actor: str = "system") -> UUID:
    """Place the hold of a refund that is held, and return its id."""
    return await place_hold(
        connection,
        kind=HoldKind.REFUND_RELEASE,
        subject=str(refund.id),
        content=content(refund),
        reason=f"The refund is held: {reason}.",
        actor=actor,
    )


async def apply_decisions(database: Database, now: datetime) -> int:
    """Do what people decided about refunds; return how many decisions were applied. Safe to run anywhere.

    A released refund is sent like any other. One that is not to be released stays held: `ask_again` asks once more.

    Raises:
        Unavailable: The database does not answer.
    """
    async with database.transaction() as connection:
        found = await decided(connection, HoldKind.REFUND_RELEASE, _DECISIONS_MAX)
        for one in found:
            await _apply(connection, one, now)
    return len(found)


async def _apply(connection: Connection, one: Decided, now: datetime) -> None:
    refund = await store.by_id(connection, UUID(one.subject), lock=True)
    if refund is None or refund.status is not RefundStatus.HELD or digest_of(content(refund)) != one.digest:
        log.warning("refund_decision_outdated", refund_id=one.subject)
        await withdraw_hold(
            connection,
            HoldKind.REFUND_RELEASE,
            one.subject,
            reason="the refund is not held like this any more",
        )
        return
    if one.decision is Decision.RELEASE:
        await store.set_status(connection, refund.id, RefundStatus.ORDERED, now)
        await close_alert(connection, AlertKind.REFUND_HELD, one.subject, reason="a person released it")
    else:
        await store.set_status(connection, refund.id, RefundStatus.HELD, now, reason=HeldReason.REFUSED)
    await applied(connection, one.hold_id)
    log.info("refund_decided", refund_id=one.subject, decision=one.decision)


async def ask_again(connection: Connection, refund_id: UUID, *, actor: str) -> UUID:
    """Ask people once more about a refund that is held; safe to repeat. Returns the hold.

    Raises:
        NotFound: There is no such refund.
        Conflict: It is not held.
    """
    refund = await store.by_id(connection, refund_id, lock=True)
    if refund is None:
        raise NotFound(f"There is no refund {refund_id}: see roadstead refunds list.")
    if refund.status is not RefundStatus.HELD:
        raise Conflict(f"Refund {refund_id} is {refund.status}, not held: there is nothing to release.")
    return await place(connection, refund, refund.reason or "", actor=actor)
