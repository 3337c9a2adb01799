"""Recording what a rail said: payout, attempt, remittance and books move together, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from roadstead.database.pool import Connection
from roadstead.errors import InvariantViolated
from roadstead.ledger import postings
from roadstead.ledger.store import post
from roadstead.money import Money
from roadstead.operations.alerts import AlertKind, Severity, open_alert
from roadstead.payouts import holding, store
from roadstead.payouts.states import (
    Advance,
    AttemptStatus,
    Contradiction,
    Old,
    PayoutStatus,
    Standing,
    conclude,
    remittance_status,
    standing,
)
from roadstead.rails.protocol import Observation, RailStatus
from roadstead.remittances import store as remittances
from roadstead.remittances.states import RemittanceStatus

log = structlog.get_logger()

INQUIRE_AFTER = timedelta(seconds=60)
"""How long a rail may stay silent about a submitted attempt before it is asked."""
AT_ONCE = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What a rail said of an attempt, and where we heard it (`submit`, `find`, `event`, `person`)."""

    status: RailStatus
    heard: str
    reference: str | None = None
    reason: str | None = None
    amount: Money | None = None
    """Of a return: what came back; None means all of it."""


def word_found(found: Observation) -> Word:
    """Return the word of a rail that was asked about an attempt."""
    return Word(
        status=found.status,
        heard="find",
        reference=found.reference,
        reason=found.reason,
        amount=found.amount,
    )


async def record(connection: Connection, payout: store.Payout, key: str, word: Word, now: datetime) -> str:
    """Record a rail's word of an attempt, whose payout the caller has locked; return what was made of it.

    Repeating a word changes nothing, and the order of words does not matter.

    Raises:
        InvariantViolated: The payout has no such attempt, or no remittance.
    """
    attempts = await store.attempts(connection, payout.id)
    attempt = next((attempt for attempt in attempts if attempt.key == key), None)
    if attempt is None:
        raise InvariantViolated(f"Payout {payout.id} has no attempt {key}.")
    here = standing(attempt.status, payout.status, is_taken_on=attempt.taken_on_at is not None)
    conclusion = conclude(here, word.status)
    match conclusion:
        case Old():
            return "old"
        case Contradiction(detail=detail):
            await _contradict(connection, payout, attempt, word, now, detail=detail)
            return f"contradiction: {detail}"
        case Advance():
            is_clear = all(
                other.status is not AttemptStatus.CONTRADICTED for other in attempts if other.key != key
            )
            await _advance(connection, payout, attempt, word, now, advance=conclusion, is_clear=is_clear)
            return str(conclusion.standing)


async def _contradict(
    connection: Connection,
    payout: store.Payout,
    attempt: store.Attempt,
    word: Word,
    now: datetime,
    *,
    detail: str,
) -> None:
    log.error("rail_contradicts_itself", payout_id=str(payout.id), key=attempt.key, detail=detail)
    news = store.AttemptNews(status=AttemptStatus.CONTRADICTED, reference=word.reference, reason=word.reason)
    await store.set_attempt(connection, attempt.key, news, now)
    if payout.status is PayoutStatus.CANCELLED:
        await open_alert(
            connection,
            kind=AlertKind.PAYOUT_PAID_TWICE,
            subject=str(payout.id),
            message=f"Payout {payout.id} is cancelled and its refund ordered, and now {detail} ({attempt.key}). Ask "
            "the bank; stop the refund if it has not left.",
            severity=Severity.CRITICAL,
        )
        return
    await store.set_status(connection, payout, PayoutStatus.HELD, f"contradiction: {detail}", now)
    await store.set_due(connection, payout.id, None)
    doubted = replace(attempt, status=AttemptStatus.CONTRADICTED)
    await holding.ask_nobody_outside(connection, payout, now)
    await holding.nothing_to_ask(connection, payout, "the bank contradicts itself")
    await holding.ask_for_word(connection, payout, doubted, why=detail, severity=Severity.CRITICAL)


async def _advance(
    connection: Connection,
    payout: store.Payout,
    attempt: store.Attempt,
    word: Word,
    now: datetime,
    *,
    advance: Advance,
    is_clear: bool,
) -> None:
    """Move everything on; while another attempt is contradicted, the payout itself stays held."""
    remittance = await remittances.by_id(connection, payout.remittance_id, lock=True)
    if remittance is None:
        raise InvariantViolated(f"Payout {payout.id} has no remittance.")
    status = PayoutStatus(advance.standing.value)
    returned = await _came_back(connection, payout, attempt, word) if advance.returns else None
    news = store.AttemptNews(
        status=_attempt_status(advance.standing),
        reference=word.reference,
        reason=word.reason,
        is_taken_on=advance.takes_on,
        is_settled=advance.settles,
        returned_units=None if returned is None else returned.units,
    )
    await store.set_attempt(connection, attempt.key, news, now)
    if is_clear:
        await store.set_status(connection, payout, status, word.reason, now)
        await store.set_due(connection, payout.id, due_after(status))
        if _was_doubtful(payout, attempt, now):
            await holding.nothing_to_ask(connection, payout, f"the bank says {word.status}")
    await post(connection, _postings(attempt, advance, remittance, returned))
    await move_remittance(connection, remittance, status, word, now)


def _was_doubtful(payout: store.Payout, attempt: store.Attempt, now: datetime) -> bool:
    """Whether somebody may have been asked about it."""
    doubtful = payout.status in {PayoutStatus.UNKNOWN, PayoutStatus.HELD}
    return doubtful or now - attempt.status_at >= INQUIRE_AFTER


async def _came_back(
    connection: Connection, payout: store.Payout, attempt: store.Attempt, word: Word
) -> Money:
    """Return how much came back: all of it, where the rail does not say or says what cannot be."""
    if word.amount is None:
        return payout.amount
    if word.amount.asset == payout.amount.asset and 0 <= word.amount.units <= payout.amount.units:
        return word.amount
    await open_alert(
        connection,
        kind=AlertKind.PAYOUT_RETURNED,
        subject=str(payout.id),
        message=f"The rail {attempt.rail} returns {word.amount} of {payout.amount}, which cannot be; all of it was "
        "booked. Compare with the bank's statement.",
        severity=Severity.CRITICAL,
    )
    return payout.amount


def due_after(status: PayoutStatus) -> timedelta | None:
    """Say how long a payout rests that has just come to a status; None means until something else happens."""
    match status:
        case PayoutStatus.SUBMITTED | PayoutStatus.ACCEPTED:
            return INQUIRE_AFTER
        case PayoutStatus.REFUSED | PayoutStatus.RETURNED:
            return AT_ONCE
        case _:
            return None


def _attempt_status(reached: Standing) -> AttemptStatus:
    if reached in {Standing.SUBMITTED, Standing.ACCEPTED}:
        return AttemptStatus.OPEN
    return AttemptStatus(reached.value)


def _postings(
    attempt: store.Attempt,
    advance: Advance,
    remittance: remittances.Remittance,
    returned: Money | None,
) -> list[postings.Posting]:
    key, rail, delivery = attempt.key, attempt.rail, remittance.delivery
    amount = delivery.amount_out
    result = []
    if advance.takes_on:
        result.append(postings.payout_submitted(key, rail, remittance.id, amount))
    if advance.settles:
        result.append(postings.payout_settled(key, rail, delivery))
    if returned is not None:
        result.append(postings.payout_returned(key, rail, delivery, returned))
    if advance.gives_back:
        result.append(postings.payout_refused(key, rail, remittance.id, amount))
    return result


async def move_remittance(
    connection: Connection,
    remittance: remittances.Remittance,
    status: PayoutStatus,
    word: Word,
    now: datetime,
) -> None:
    """Move a locked remittance to where its payout's status puts it, if that is elsewhere and it may go there."""
    target = remittance_status(status)
    if target is None or target is remittance.status or remittance.status.is_final:
        return
    message = None
    if target is RemittanceStatus.PENDING_RECEIVER:
        message = "The bank did not accept the payout. We are looking into it; nothing is asked of you now."
    await remittances.move(
        connection,
        remittances.Move(
            remittance_id=remittance.id,
            status_from=remittance.status,
            status_to=target,
            cause=f"payout {status} ({word.heard})",
            message=message,
            reference=word.reference,
        ),
        now,
    )


async def record_unknown(connection: Connection, payout: store.Payout, detail: str, now: datetime) -> None:
    """Record that nobody can say whether a sent attempt will pay. It is asked about until somebody can."""
    if payout.status is not PayoutStatus.SUBMITTING:
        return
    await store.set_status(connection, payout, PayoutStatus.UNKNOWN, detail[:200], now)
    remittance = await remittances.by_id(connection, payout.remittance_id, lock=True)
    if remittance is not None:
        word = Word(status=RailStatus.RECEIVED, heard="no answer")
        await move_remittance(connection, remittance, PayoutStatus.UNKNOWN, word, now)
