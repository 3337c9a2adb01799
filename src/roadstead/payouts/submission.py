"""Submitting payouts: an attempt is written first and sent after, and what is unknown is asked, never guessed.

Each step is short: claim, write, call the rail outside any transaction, record. A worker that dies anywhere leaves a
row that says how far it came; when its lease is over, another worker asks the rail (`find`) and repeats the very same
attempt only where the rail never had it, or promises to recognise it.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import assert_never
from uuid import UUID

import structlog

from roadstead.boundaries import boundary
from roadstead.database.pool import Connection
from roadstead.errors import Conflict, InvariantViolated, Unavailable
from roadstead.payouts import preparation, store
from roadstead.payouts.desk import Desk
from roadstead.payouts.recording import INQUIRE_AFTER, Word, record, record_unknown
from roadstead.payouts.states import AttemptStatus, PayoutStatus
from roadstead.rails.protocol import (
    Absent,
    Observation,
    Outcome,
    PayoutAttempt,
    RailStatus,
    Refused,
    Submitted,
    Unknown,
)
from roadstead.randomness import new_id

log = structlog.get_logger()

CLAIMS_MAX = 16
RECHECK_AFTER = timedelta(seconds=30)
"""How long a payout that waits for a customer's data rests before it is looked at again."""
ASK_AGAIN_AFTER = timedelta(seconds=5)
"""How long an unknown attempt rests before the rail is asked again."""


async def work_due(desk: Desk) -> int:
    """Claim what is due on the desk's rail and carry each payout one step on; return how many were claimed.

    Safe to run anywhere, at any time, by any number of workers.
    """
    token = new_id(desk.randomness)
    async with desk.database.connection() as connection:
        payouts = await store.claim_due(
            connection, rail=desk.rail.name, token=token, lease=desk.lease, limit=CLAIMS_MAX
        )
    await asyncio.gather(*(_carry_on(desk, payout, token) for payout in payouts))
    return len(payouts)


async def _carry_on(desk: Desk, payout: store.Payout, token: UUID) -> None:
    try:
        match payout.status:
            case PayoutStatus.ORDERED:
                await _start(desk, payout, token)
            case PayoutStatus.SUBMITTING | PayoutStatus.UNKNOWN:
                await _clear_up(desk, payout, token)
            case PayoutStatus.SUBMITTED | PayoutStatus.ACCEPTED:
                await _inquire(desk, payout, token)
            case (
                PayoutStatus.SETTLED
                | PayoutStatus.REFUSED
                | PayoutStatus.RETURNED
                | PayoutStatus.HELD
                | PayoutStatus.CANCELLED
            ):
                await _rest(desk, payout, token, None)
            case _:
                assert_never(payout.status)
    except Conflict as conflict:
        log.warning("payout_lease_lost", payout_id=str(payout.id), detail=conflict.message)
    except Unavailable as error:
        log.warning("payout_step_unavailable", payout_id=str(payout.id), error=error.message)
    except Exception:
        # One payout that fails must not hold up the others; when its lease is over it is looked at again.
        log.exception("payout_step_failed", payout_id=str(payout.id), status=str(payout.status))


async def _start(desk: Desk, payout: store.Payout, token: UUID) -> None:
    """Write the first attempt and send it."""
    prepared = await preparation.prepare(desk, payout)
    async with desk.database.transaction() as connection:
        locked = await store.lock_leased(connection, payout.id, token)
        if await store.is_stopped(connection, payout.id):
            # It is due at once when the stop is over; until then no claim takes it.
            await store.release(connection, payout.id, token, timedelta())
            return
        if isinstance(prepared, preparation.NotReady):
            await preparation.wait_for_customer(connection, locked, prepared, desk.clock.now())
            await store.release(connection, payout.id, token, RECHECK_AFTER)
            return
        await preparation.write(connection, locked, prepared, desk.clock.now())
    await _send(desk, payout, prepared.attempt, token)


async def _send(desk: Desk, payout: store.Payout, attempt: PayoutAttempt, token: UUID) -> None:
    boundary("payout.submit.before")
    outcome = await desk.rail.submit(attempt)
    boundary("payout.submit.after")
    async with desk.database.transaction() as connection:
        locked = await store.lock_leased(connection, payout.id, token)
        await _record_outcome(connection, locked, attempt.key, outcome, desk.clock.now())
        await _give_back(connection, payout.id, token)


async def _record_outcome(
    connection: Connection, payout: store.Payout, key: str, outcome: Outcome, now: datetime
) -> None:
    match outcome:
        case Submitted(status=status, reference=reference):
            await record(
                connection, payout, key, Word(status=status, heard="submit", reference=reference), now
            )
        case Refused(reason=reason):
            word = Word(status=RailStatus.REFUSED, heard="submit", reason=reason)
            await record(connection, payout, key, word, now)
        case Unknown(detail=detail):
            log.warning("payout_outcome_unknown", payout_id=str(payout.id), key=key, detail=detail)
            await record_unknown(connection, payout, detail, now)


async def _clear_up(desk: Desk, payout: store.Payout, token: UUID) -> None:
    """Find out what became of an attempt that somebody began to send."""
    written, attempt = await _open_attempt(desk, payout)
    if not desk.rail.terms.can_find:
        if _is_recognised(desk, written):
            await _send_again(desk, payout, attempt, token)
            return
        await _hold(desk, payout, token, "the rail can neither find nor recognise this attempt any more")
        return
    found = await _find(desk, attempt)
    match found:
        case Absent():
            await _send_again(desk, payout, attempt, token)
        case Observation():
            await _record_observation(desk, payout, attempt.key, found, token)
        case Unknown(detail=detail):
            async with desk.database.transaction() as connection:
                locked = await store.lock_leased(connection, payout.id, token)
                await record_unknown(connection, locked, detail, desk.clock.now())
                await _give_back(connection, payout.id, token)


async def _send_again(desk: Desk, payout: store.Payout, attempt: PayoutAttempt, token: UUID) -> None:
    """Send the very same attempt once more, unless outgoing money is stopped."""
    async with desk.database.connection() as connection:
        stopped = await store.is_stopped(connection, payout.id)
    if stopped:
        await _rest(desk, payout, token, ASK_AGAIN_AFTER)
        return
    await _send(desk, payout, attempt, token)


async def _inquire(desk: Desk, payout: store.Payout, token: UUID) -> None:
    """Ask after an attempt that the rail has and says nothing of."""
    if not desk.rail.terms.can_find:
        await _rest(desk, payout, token, INQUIRE_AFTER)
        return
    _, attempt = await _open_attempt(desk, payout)
    found = await _find(desk, attempt)
    if isinstance(found, Observation):
        await _record_observation(desk, payout, attempt.key, found, token)
        return
    log.warning(
        "payout_not_told", payout_id=str(payout.id), key=attempt.key, absent=isinstance(found, Absent)
    )
    await _rest(desk, payout, token, INQUIRE_AFTER)


async def _find(desk: Desk, attempt: PayoutAttempt) -> Observation | Absent | Unknown:
    boundary("payout.find.before")
    found = await desk.rail.find(attempt)
    boundary("payout.find.after")
    return found


async def _record_observation(
    desk: Desk, payout: store.Payout, key: str, found: Observation, token: UUID
) -> None:
    word = Word(status=found.status, heard="find", reference=found.reference, reason=found.reason)
    async with desk.database.transaction() as connection:
        locked = await store.lock_leased(connection, payout.id, token)
        await record(connection, locked, key, word, desk.clock.now())
        await _give_back(connection, payout.id, token)


async def _open_attempt(desk: Desk, payout: store.Payout) -> tuple[store.Attempt, PayoutAttempt]:
    async with desk.database.connection() as connection:
        attempts = await store.attempts(connection, payout.id)
    written = next((attempt for attempt in attempts if attempt.status is AttemptStatus.OPEN), None)
    if written is None:
        raise InvariantViolated(f"Payout {payout.id} is {payout.status} and has no open attempt.")
    return written, await preparation.unseal(desk, payout, written)


def _is_recognised(desk: Desk, written: store.Attempt) -> bool:
    window = desk.rail.terms.dedupe_window
    return window is None or desk.clock.now() + desk.lease < written.written_at + window


async def _hold(desk: Desk, payout: store.Payout, token: UUID, reason: str) -> None:
    log.error("payout_held", payout_id=str(payout.id), reason=reason)
    async with desk.database.transaction() as connection:
        locked = await store.lock_leased(connection, payout.id, token)
        await record_unknown(connection, locked, reason, desk.clock.now())
        await store.set_status(connection, locked, PayoutStatus.HELD, reason, desk.clock.now())
        await store.release(connection, payout.id, token, None)


async def _rest(desk: Desk, payout: store.Payout, token: UUID, due_in: timedelta | None) -> None:
    async with desk.database.connection() as connection:
        await store.release(connection, payout.id, token, due_in)


async def _give_back(connection: Connection, payout_id: UUID, token: UUID) -> None:
    """Give the lease back; when the payout is due again follows from where it stands now."""
    payout = await store.lock_leased(connection, payout_id, token)
    match payout.status:
        case PayoutStatus.SUBMITTED | PayoutStatus.ACCEPTED:
            due_in: timedelta | None = INQUIRE_AFTER
        case PayoutStatus.SUBMITTING | PayoutStatus.UNKNOWN:
            due_in = ASK_AGAIN_AFTER
        case _:
            due_in = None
    await store.release(connection, payout_id, token, due_in)
