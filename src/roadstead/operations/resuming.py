"""Letting money go out again after an emergency stop: asked for by one person, agreed to by another, then applied."""

from __future__ import annotations

from uuid import UUID

import structlog

from roadstead.database.pool import Connection, Database
from roadstead.errors import Conflict, NotFound
from roadstead.operations import audit, deciding, holds
from roadstead.operations.alerts import AlertKind, close_alert
from roadstead.operations.holds import Decided, Decision, HoldKind
from roadstead.operations.operators import Operator, require
from roadstead.operations.roles import Right

log = structlog.get_logger()

APPROVALS = 2
_BATCH_MAX = 10


async def request_resume(database: Database, stop_id: UUID, *, reason: str, by: Operator) -> deciding.Hold:
    """Propose that a stop ends; it goes on until another person approves and a worker applies it.

    Raises:
        BadInput: No reason was given.
        Conflict: Somebody proposed it already, or the stop is over.
        Forbidden: The person's role does not let them.
        NotFound: There is no such stop.
        Unavailable: The database does not answer.
    """
    require(by, Right.PROPOSE)
    async with database.transaction() as connection:
        content = await _content(connection, stop_id)
        hold_id = await holds.place_hold(
            connection,
            kind=HoldKind.RESUME,
            subject=str(stop_id),
            content=content,
            reason="two people let money go out again",
            approvals=APPROVALS,
            actor=by.actor,
        )
    return await deciding.propose(
        database,
        hold_id,
        decision=Decision.RELEASE,
        reason=reason,
        digest=holds.digest_of(content),
        by=by,
    )


async def apply_resumes(database: Database) -> bool:
    """End the stops of which two people decided so; return whether there was any. Safe to run anywhere, at any time.

    Raises:
        Unavailable: The database does not answer.
    """
    async with database.transaction() as connection:
        found = await holds.decided(connection, HoldKind.RESUME, _BATCH_MAX)
        for hold in found:
            await _apply(connection, hold)
    return bool(found)


async def _apply(connection: Connection, hold: Decided) -> None:
    stop_id = UUID(hold.subject)
    try:
        digest = holds.digest_of(await _content(connection, stop_id))
    except (Conflict, NotFound):
        digest = ""
    if digest != hold.digest:
        log.warning("resume_without_a_stop", hold_id=str(hold.hold_id), stop_id=str(stop_id))
        await holds.withdraw_hold(
            connection, HoldKind.RESUME, hold.subject, reason="there is no such stop any more"
        )
        return
    if hold.decision is Decision.RELEASE:
        await connection.execute(
            "UPDATE stops SET resumed_at = now(), resumed_by = $2 WHERE id = $1", stop_id, hold.hold_id
        )
        await audit.record(
            connection,
            actor="system",
            action="outgoing.resumed",
            subject=f"stop {stop_id}",
            detail={"hold": str(hold.hold_id), "reason": hold.reason},
        )
        await close_alert(
            connection,
            AlertKind.OUTGOING_STOPPED,
            str(stop_id),
            reason=f"Two people let money go out again (hold {hold.hold_id}).",
        )
        log.warning("outgoing_resumed", stop_id=str(stop_id), hold_id=str(hold.hold_id))
    await holds.applied(connection, hold.hold_id)


async def _content(connection: Connection, stop_id: UUID) -> dict[str, str]:
    row = await connection.fetchrow(
        "SELECT what, asset, reason, resumed_at FROM stops WHERE id = $1 FOR UPDATE", stop_id
    )
    if row is None:
        raise NotFound(f"There is no stop {stop_id}: roadstead stops lists those that are in force.")
    if row["resumed_at"] is not None:
        raise Conflict(f"Stop {stop_id} is over since {row['resumed_at']:%Y-%m-%d %H:%M} UTC.")
    return {
        "stop_id": str(stop_id),
        "what": row["what"],
        "asset": row["asset"] or "every asset",
        "stopped_because": row["reason"],
    }
