"""Taking lines out of suspense: asked by one person, agreed to by as many as it needs, carried out by a worker.

Everything is judged again under lock, at the moment of doing it. A line that belongs to a payout takes the way of every
matched line: what it tells goes through the inbox of the rails, and the payout moves by its own rules.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import asyncpg
import structlog

from roadstead.clock import Clock
from roadstead.database.pool import Connection, Database
from roadstead.errors import BadInput, Conflict, NotFound, RoadsteadError, Unavailable
from roadstead.ledger.postings import line_corrected
from roadstead.ledger.store import post
from roadstead.operations import audit
from roadstead.operations.alerts import AlertKind, close_alert, open_alert
from roadstead.operations.holds import (
    REASON_MAX,
    Decided,
    Decision,
    HoldKind,
    applied,
    decided,
    digest_of,
    place_hold,
    withdraw_hold,
)
from roadstead.payouts import inbox
from roadstead.statements import suspense as store
from roadstead.statements.booking import event_of
from roadstead.statements.lines import take_turn
from roadstead.statements.matching import LineStatus
from roadstead.statements.resolutions import (
    CORRECT,
    NEWS_APPROVALS,
    RESOLVE,
    NotPossible,
    Purpose,
    Resolution,
    SuspensePolicies,
    to_account,
    to_payout,
)

log = structlog.get_logger()

DECISIONS_MAX = 20


async def ask_to_resolve(
    connection: Connection,
    line_id: int,
    *,
    purpose: Purpose,
    attempt_key: str | None,
    policies: SuspensePolicies,
    reason: str,
    actor: str,
) -> UUID:
    """Let people decide what a line in suspense is, and return the hold; safe to repeat.

    Raises:
        BadInput: No reason, or an attempt without the purpose of a payout, or the other way round.
        Conflict: The line is not in suspense, or cannot be this; the message says what to do instead.
        NotFound: There is no such line, or no such attempt over its rail.
    """
    await take_turn(connection)
    resolution = await _resolution(connection, line_id, purpose, attempt_key)
    return await _ask(connection, resolution, RESOLVE, policies=policies, reason=reason, actor=actor)


async def ask_to_correct(
    connection: Connection, line_id: int, *, policies: SuspensePolicies, reason: str, actor: str
) -> UUID:
    """Let people decide that a line was resolved wrongly and goes back into suspense; safe to repeat.

    Raises:
        BadInput: No reason.
        Conflict: No resolution of it stands, or it moved a payout.
        NotFound: There is no such line.
    """
    await take_turn(connection)
    resolution = await _standing(connection, line_id)
    return await _ask(connection, resolution, CORRECT, policies=policies, reason=reason, actor=actor)


async def _ask(
    connection: Connection,
    resolution: Resolution,
    action: str,
    *,
    policies: SuspensePolicies,
    reason: str,
    actor: str,
) -> UUID:
    if not 0 < len(reason.strip()) <= REASON_MAX:
        raise BadInput(f"Give the reason in 1 to {REASON_MAX} characters: others have to judge it.")
    line = resolution.line
    is_alone = resolution.tells is None and not policies.needs_approval(line.rail, line.amount)
    return await place_hold(
        connection,
        kind=HoldKind.STATEMENT_LINE,
        subject=str(line.id),
        content=resolution.content(action),
        reason=reason,
        approvals=1 if is_alone else NEWS_APPROVALS,
        actor=actor,
    )


async def apply_resolutions(database: Database, clock: Clock) -> int:
    """Carry out what people decided about lines; return how many decisions there were.

    What cannot be done as it was agreed to is withdrawn with an alert, and the line stays where it is. Safe to run
    anywhere, at any time, by any number of workers.

    Raises:
        Unavailable: The database does not answer; what was not committed is done again.
    """
    async with database.transaction() as connection:
        if not await store.has_decided(connection):
            return 0
        # Before the holds, as whoever asks does: lines, holds and payouts are locked in one order by all.
        await take_turn(connection)
        found = await decided(connection, HoldKind.STATEMENT_LINE, DECISIONS_MAX)
        for one in found:
            try:
                async with connection.transaction():
                    await _apply(connection, one, clock.now())
            except Unavailable:
                raise
            except (RoadsteadError, asyncpg.IntegrityConstraintViolationError) as error:
                why = error.message if isinstance(error, RoadsteadError) else "the database refuses it"
                await _give_up(connection, one, why)
    return len(found)


async def _apply(connection: Connection, one: Decided, now: datetime) -> None:
    action = one.content["action"]
    if one.decision is Decision.RELEASE and action == RESOLVE:
        await _resolve(connection, one, now)
    elif one.decision is Decision.RELEASE:
        await _correct(connection, one, now)
    await applied(connection, one.hold_id)
    await audit.record(
        connection,
        actor="system",
        action=f"statement_line.{action}_{one.decision}",
        subject=f"statement line {one.subject}",
        detail={**one.content, "hold": str(one.hold_id), "reason": one.reason, "proposer": str(one.proposer)},
    )
    log.info("statement_line_decided", line_id=one.subject, action=action, decision=one.decision)


async def _resolve(connection: Connection, one: Decided, now: datetime) -> None:
    resolution = await _resolution(
        connection, int(one.subject), Purpose(one.content["purpose"]), one.content.get("attempt")
    )
    _require_same(one, resolution, RESOLVE)
    await store.resolve(connection, resolution, one.hold_id, now)
    line = resolution.line
    if resolution.attempt_key is not None and resolution.tells is not None:
        event = event_of(line, resolution.attempt_key, resolution.tells, now)
        await inbox.store_events(connection, line.rail, [event], seen=None, cursor=None)
    await post(connection, [resolution.posting])
    await close_alert(
        connection, AlertKind.STATEMENT_LINE_UNCLEAR, one.subject, reason=f"resolved by hold {one.hold_id}"
    )


async def _correct(connection: Connection, one: Decided, now: datetime) -> None:
    wrong = await _standing(connection, int(one.subject))
    _require_same(one, wrong, CORRECT)
    await store.correct(connection, wrong, one.hold_id, now)
    await post(connection, [line_corrected(wrong.line.id, wrong.number, wrong.posting)])


async def _give_up(connection: Connection, one: Decided, why: str) -> None:
    log.warning("statement_line_decision_not_applied", line_id=one.subject, reason=why)
    await withdraw_hold(connection, HoldKind.STATEMENT_LINE, one.subject, reason=why)
    await open_alert(
        connection,
        kind=AlertKind.DECISION_NOT_APPLIED,
        subject=f"statement line {one.subject}",
        message=f"What was decided in hold {one.hold_id} about statement line {one.subject} was not done: {why}",
    )


def _require_same(one: Decided, resolution: Resolution, action: str) -> None:
    if digest_of(resolution.content(action)) != one.digest:
        raise Conflict("What was agreed to is not what would be done now: look again and decide anew.")


async def _resolution(
    connection: Connection, line_id: int, purpose: Purpose, attempt_key: str | None
) -> Resolution:
    """Lock a line in suspense and say what it would be."""
    if (purpose is Purpose.PAYOUT) != (attempt_key is not None):
        raise BadInput("Give an attempt with the purpose payout, and with no other.")
    found = await store.lock_line(connection, line_id)
    if found.status is not LineStatus.SUSPENDED:
        raise Conflict(
            f"Line {line_id} is {found.status}: only a line in suspense is resolved; see roadstead statements suspense."
        )
    number = found.resolutions + 1
    if attempt_key is None:
        resolution = to_account(found.line, number, purpose)
    else:
        named = await store.named(connection, found.line.rail, attempt_key)
        if named is None:
            raise NotFound(
                f"No attempt over {found.line.rail} has this key: copy it from roadstead payouts show."
            )
        resolution = to_payout(found.line, number, named)
    if isinstance(resolution, NotPossible):
        raise Conflict(resolution.why)
    return resolution


async def _standing(connection: Connection, line_id: int) -> Resolution:
    """Lock a line and return the resolution of it that stands and may be corrected."""
    found = await store.lock_line(connection, line_id)
    resolution = await store.standing(connection, found)
    if resolution is None:
        raise Conflict(
            f"Line {line_id} is {found.status}, and no resolution of it stands: nothing to correct."
        )
    if resolution.tells is not None:
        raise Conflict(
            f"By line {line_id} a payout was told that it is {resolution.tells}, and it moved: that is not taken back. "
            "Settle it with the bank; what it books then is a line of its own."
        )
    return resolution
