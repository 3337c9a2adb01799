"""Submitting payouts: an attempt is written first and sent after, and what is unknown is asked, never guessed.

Each step is short: claim, write, call the rail outside any transaction, record. A worker that dies anywhere leaves a
row that says how far it came; when its lease is over, another worker asks the rail (`find`) and repeats the very same
attempt only where the rail never had it, or promises to recognise it. A worker that was halted meanwhile sees that
its lease is over before it sends, and sends nothing.
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
from roadstead.operations.alerts import Severity
from roadstead.operations.holds import HoldKind, is_open
from roadstead.payouts import deciding, doubt, holding, preparation, screened, store
from roadstead.payouts.carriage import carriage_of
from roadstead.payouts.deciding import ASK_AGAIN_AFTER, RECHECK_AFTER
from roadstead.payouts.desk import Desk
from roadstead.payouts.recording import INQUIRE_AFTER, Word, due_after, record, record_unknown, word_found
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
from roadstead.remittances import store as remittances
from roadstead.remittances.states import RemittanceStatus

log = structlog.get_logger()

CLAIMS_MAX = 16

_ASKED = frozenset(
    {RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE, RemittanceStatus.PENDING_TRANSACTION_INFO_UPDATE}
)


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
            case PayoutStatus.REFUSED:
                await deciding.decide_refused(desk, payout, token)
            case PayoutStatus.RETURNED:
                await deciding.decide_returned(desk, payout, token)
            case PayoutStatus.SETTLED | PayoutStatus.HELD | PayoutStatus.CANCELLED:
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
    """Write the next attempt and send it, or say what stands in its way."""
    prepared = await preparation.prepare(desk, payout)
    if isinstance(prepared, preparation.Refusal):
        await deciding.decide_refusal_foreseen(desk, payout, token, prepared.reason)
        return
    async with desk.database.transaction() as connection:
        locked = await store.lock_leased(connection, payout.id, token)
        if await store.is_stopped(connection, payout.id):
            # It is due at once when the stop is over; until then no claim takes it.
            await store.release(connection, payout.id, token, timedelta())
            return
        if not isinstance(prepared, preparation.Prepared):
            due_in = await _wait(desk, connection, locked, prepared)
            await store.release(connection, payout.id, token, due_in)
            return
        if await screened.is_barred(desk, connection, locked):
            # It is due again by itself when both parties are clear.
            await store.release(connection, payout.id, token, None)
            return
        if prepared.approvals:
            await _hold_for_approval(desk, connection, locked, prepared)
            await store.release(connection, payout.id, token, None)
            return
        if await doubt.is_with_another_rail(connection, payout.id, desk.rail.name):
            why = "another rail told of an attempt that was lost with a database"
            await _hold_for_decision(connection, locked, desk.clock.now(), why)
            await store.release(connection, payout.id, token, None)
            return
        await preparation.write(connection, locked, prepared, desk.clock.now())
        is_doubtful = await doubt.lost_since(connection, payout.id) is not None
        is_known = is_doubtful and await doubt.hear_again(connection, desk.rail.name, prepared.attempt.key)
    if is_known:
        # The rail has told of this very attempt already: what it told is applied by itself.
        await _rest(desk, payout, token, ASK_AGAIN_AFTER)
    elif is_doubtful:
        await _clear_up(desk, payout, token)
    else:
        await _send(desk, payout, prepared.attempt, token)


async def _wait(
    desk: Desk,
    connection: Connection,
    payout: store.Payout,
    lack: preparation.NotReady | preparation.Verifying | preparation.Corrected | preparation.Impossible,
) -> timedelta | None:
    """Ask for what lacks, or let people decide when that does not help; return how long the payout rests."""
    now = desk.clock.now()
    if isinstance(lack, preparation.Impossible):
        await _hold_for_decision(connection, payout, now, lack.why)
        return None
    if isinstance(lack, preparation.Verifying):
        await preparation.wait_for_verifier(connection, payout)
        return RECHECK_AFTER
    remittance = await remittances.by_id(connection, payout.remittance_id)
    answer_within = timedelta(seconds=desk.configuration.anchor.payouts.answer_within_s)
    is_asked = remittance is not None and remittance.status in _ASKED
    if remittance is not None and is_asked and now - remittance.status_at > answer_within:
        await _hold_for_decision(connection, payout, now, "the partner has not sent what was asked for")
        return None
    if isinstance(lack, preparation.NotReady):
        await preparation.wait_for_customer(desk, connection, payout, lack, now)
    return RECHECK_AFTER


async def _hold_for_decision(connection: Connection, payout: store.Payout, now: datetime, why: str) -> None:
    attempts = await store.attempts(connection, payout.id)
    await holding.hold_for_release(
        connection, payout, now, why=why, content=holding.release_content(payout, attempts=len(attempts))
    )


async def _hold_for_approval(
    desk: Desk, connection: Connection, payout: store.Payout, prepared: preparation.Prepared
) -> None:
    """Let people approve exactly what would go out; of anything else their approval does not count."""
    await holding.hold_for_release(
        connection,
        payout,
        desk.clock.now(),
        why=prepared.why,
        content=holding.release_content(payout, attempts=prepared.number - 1, pays=prepared.pays),
        approvals=prepared.approvals,
    )


async def _send(desk: Desk, payout: store.Payout, attempt: PayoutAttempt, token: UUID) -> None:
    async with desk.database.connection() as connection:
        needed = timedelta(seconds=desk.rail.terms.submit_timeout_s)
        await store.require_time(connection, payout.id, token, needed)
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
        if await _is_recognised(desk, payout, written):
            await _send_again(desk, payout, attempt, token)
            return
        why = "the rail can neither find nor recognise this attempt any more"
        await _hold_unknown(desk, payout, token, written, why)
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
                limit = timedelta(seconds=desk.configuration.anchor.payouts.unknown_after_s)
                is_old = desk.clock.now() - written.written_at > limit
                if is_old:
                    await _ask_people(connection, locked, written, "nobody knows what became of it")
                await _give_back(connection, payout.id, token, slowly=is_old)


async def _send_again(desk: Desk, payout: store.Payout, attempt: PayoutAttempt, token: UUID) -> None:
    """Send the very same attempt once more, unless outgoing money is stopped, or a party is not clear now."""
    async with desk.database.connection() as connection:
        stopped = await store.is_stopped(connection, payout.id)
        barred = await screened.may_not_be_sent_again(desk, connection, payout)
    if stopped or barred:
        await _rest(desk, payout, token, ASK_AGAIN_AFTER)
        return
    await _send(desk, payout, attempt, token)


async def _inquire(desk: Desk, payout: store.Payout, token: UUID) -> None:
    """Ask after an attempt that the rail has and says nothing of."""
    if desk.rail.terms.can_find:
        _, attempt = await _open_attempt(desk, payout)
        found = await _find(desk, attempt)
        if isinstance(found, Observation):
            await _record_observation(desk, payout, attempt.key, found, token)
            return
        log.warning(
            "payout_not_told", payout_id=str(payout.id), key=attempt.key, absent=isinstance(found, Absent)
        )
    async with desk.database.transaction() as connection:
        locked = await store.lock_leased(connection, payout.id, token)
        await _watch_silence(desk, connection, locked)
        await _give_back(connection, payout.id, token)


async def _watch_silence(desk: Desk, connection: Connection, payout: store.Payout) -> None:
    """Let people ask the bank when it has said nothing more of an attempt for too long."""
    if payout.status not in {PayoutStatus.SUBMITTED, PayoutStatus.ACCEPTED}:
        return
    now = desk.clock.now()
    limit = timedelta(seconds=desk.configuration.anchor.payouts.silent_after_s)
    if now - payout.status_at <= limit:
        return
    # What still waits in a batch of ours, the bank has not heard of: nobody can be asked what it made of it.
    carriage = await carriage_of(connection, payout.remittance_id, now)
    if (
        carriage is not None
        and carriage.handed_over_at is not None
        and now - carriage.handed_over_at <= limit
    ):
        return
    attempts = await store.attempts(connection, payout.id)
    written = next((attempt for attempt in attempts if attempt.status is AttemptStatus.OPEN), None)
    if written is not None:
        await _ask_people(
            connection, payout, written, f"the bank has said no more since it was {payout.status}"
        )


async def _ask_people(connection: Connection, payout: store.Payout, written: store.Attempt, why: str) -> None:
    """Ask once; the rail is asked on meanwhile, and whoever says it first is believed."""
    if not await is_open(connection, HoldKind.PAYOUT_UNKNOWN, str(payout.id)):
        await holding.ask_for_word(connection, payout, written, why=why, severity=Severity.CRITICAL)


async def _find(desk: Desk, attempt: PayoutAttempt) -> Observation | Absent | Unknown:
    boundary("payout.find.before")
    found = await desk.rail.find(attempt)
    boundary("payout.find.after")
    return found


async def _record_observation(
    desk: Desk, payout: store.Payout, key: str, found: Observation, token: UUID
) -> None:
    async with desk.database.transaction() as connection:
        locked = await store.lock_leased(connection, payout.id, token)
        await record(connection, locked, key, word_found(found), desk.clock.now())
        await _watch_silence(desk, connection, await store.lock_leased(connection, payout.id, token))
        await _give_back(connection, payout.id, token)


async def _open_attempt(desk: Desk, payout: store.Payout) -> tuple[store.Attempt, PayoutAttempt]:
    async with desk.database.connection() as connection:
        attempts = await store.attempts(connection, payout.id)
    written = next((attempt for attempt in attempts if attempt.status is AttemptStatus.OPEN), None)
    if written is None:
        raise InvariantViolated(f"Payout {payout.id} is {payout.status} and has no open attempt.")
    return written, await preparation.unseal(desk, payout, written)


async def _is_recognised(desk: Desk, payout: store.Payout, written: store.Attempt) -> bool:
    window = desk.rail.terms.dedupe_window
    if window is None:
        return True
    async with desk.database.connection() as connection:
        lost_since = await doubt.lost_since(connection, payout.id)
    first_sent_at = written.written_at if lost_since is None else min(lost_since, written.written_at)
    return desk.clock.now() + desk.lease < first_sent_at + window


async def _hold_unknown(
    desk: Desk, payout: store.Payout, token: UUID, written: store.Attempt, why: str
) -> None:
    log.error("payout_held", payout_id=str(payout.id), reason=why)
    async with desk.database.transaction() as connection:
        locked = await store.lock_leased(connection, payout.id, token)
        await record_unknown(connection, locked, why, desk.clock.now())
        await store.set_status(connection, locked, PayoutStatus.HELD, why, desk.clock.now())
        await holding.ask_for_word(connection, locked, written, why=why, severity=Severity.CRITICAL)
        await store.release(connection, payout.id, token, None)


async def _rest(desk: Desk, payout: store.Payout, token: UUID, due_in: timedelta | None) -> None:
    async with desk.database.connection() as connection:
        await store.release(connection, payout.id, token, due_in)


async def _give_back(connection: Connection, payout_id: UUID, token: UUID, *, slowly: bool = False) -> None:
    """Give the lease back; when the payout is due again follows from where it stands now."""
    payout = await store.lock_leased(connection, payout_id, token)
    match payout.status:
        case PayoutStatus.SUBMITTING | PayoutStatus.UNKNOWN:
            due_in: timedelta | None = INQUIRE_AFTER if slowly else ASK_AGAIN_AFTER
        case _:
            due_in = due_after(payout.status)
    await store.release(connection, payout_id, token, due_in)
