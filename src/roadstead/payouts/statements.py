"""What people say became of an attempt, with the bank's evidence: a word like a rail's, but it ends contradictions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from roadstead.database.pool import Connection
from roadstead.errors import Conflict, InvariantViolated
from roadstead.ledger import postings
from roadstead.ledger.store import post
from roadstead.money import Money
from roadstead.operations.alerts import AlertKind, Severity, open_alert
from roadstead.payouts import holding, store
from roadstead.payouts.recording import AT_ONCE, Word, move_remittance, record
from roadstead.payouts.states import AttemptStatus, PayoutStatus
from roadstead.rails.protocol import RailStatus
from roadstead.remittances import store as remittances

HEARD = "person"
"""Where such a word was heard."""


async def state_outcome(
    connection: Connection, payout: store.Payout, key: str, *, is_paid: bool, now: datetime
) -> None:
    """Record that the bank paid an attempt, or that it never did and never will; the caller has locked the payout.

    Of an attempt of which the books say that it paid, "never" means that its money is back in our account.

    Raises:
        Conflict: It is certain already what became of the attempt.
        InvariantViolated: The payout has no such attempt, or no remittance.
    """
    attempts = await store.attempts(connection, payout.id)
    attempt = next((attempt for attempt in attempts if attempt.key == key), None)
    if attempt is None:
        raise InvariantViolated(f"Payout {payout.id} has no attempt {key}.")
    match attempt.status:
        case AttemptStatus.OPEN:
            said = RailStatus.SETTLED if is_paid else RailStatus.REFUSED
            reason = None if is_paid else HEARD
            await record(connection, payout, key, Word(status=said, heard=HEARD, reason=reason), now)
        case AttemptStatus.CONTRADICTED:
            await _end_contradiction(connection, payout, attempt, is_paid=is_paid, now=now)
        case certain:
            raise Conflict(f"Attempt {key} is {certain}: nobody need say what became of it.")


async def _end_contradiction(
    connection: Connection, payout: store.Payout, attempt: store.Attempt, *, is_paid: bool, now: datetime
) -> None:
    remittance = await remittances.by_id(connection, payout.remittance_id, lock=True)
    if remittance is None:
        raise InvariantViolated(f"Payout {payout.id} has no remittance.")
    others = [one for one in await store.attempts(connection, payout.id) if one.key != attempt.key]
    if is_paid:
        await _paid(connection, payout, attempt, remittance, now, others=others)
    else:
        await _never_paid(connection, payout, attempt, remittance, now)
    attempts = await store.attempts(connection, payout.id)
    status, due_in = _where_it_stands(attempts)
    if status is not payout.status:
        await store.set_status(connection, payout, status, HEARD, now)
    await store.set_due(connection, payout.id, due_in)
    doubted = next((one for one in attempts if one.status is AttemptStatus.CONTRADICTED), None)
    if doubted is not None:
        why = "the bank contradicts itself about this attempt too"
        await holding.ask_for_word(connection, payout, doubted, why=why, severity=Severity.CRITICAL)
    word = Word(status=RailStatus.SETTLED if is_paid else RailStatus.REFUSED, heard=HEARD)
    await move_remittance(connection, remittance, status, word, now)


async def _paid(
    connection: Connection,
    payout: store.Payout,
    attempt: store.Attempt,
    remittance: remittances.Remittance,
    now: datetime,
    *,
    others: Sequence[store.Attempt],
) -> None:
    await store.settle_after_all(connection, attempt.key, now)
    if attempt.is_booked_as_paid:
        return
    is_second = any(other.is_booked_as_paid for other in others)
    fee = Money(remittance.service_fee.asset, 0) if is_second else remittance.service_fee
    posting = postings.payout_found_settled(attempt.key, attempt.rail, remittance.id, payout.amount, fee)
    await post(connection, [posting])
    if is_second:
        await open_alert(
            connection,
            kind=AlertKind.PAYOUT_PAID_TWICE,
            subject=str(payout.id),
            message=f"The bank paid payout {payout.id} twice; the last time as {attempt.key}. Claim the money back.",
            severity=Severity.CRITICAL,
        )


async def _never_paid(
    connection: Connection,
    payout: store.Payout,
    attempt: store.Attempt,
    remittance: remittances.Remittance,
    now: datetime,
) -> None:
    if not attempt.is_booked_as_paid:
        was_out = attempt.settled_at is not None
        status = AttemptStatus.RETURNED if was_out else AttemptStatus.REFUSED
        await store.set_attempt(connection, attempt.key, store.AttemptNews(status=status), now)
        return
    news = store.AttemptNews(status=AttemptStatus.RETURNED, returned_units=payout.amount.units)
    await store.set_attempt(connection, attempt.key, news, now)
    posting = postings.payout_returned(attempt.key, attempt.rail, remittance.delivery, payout.amount)
    await post(connection, [posting])


def _where_it_stands(attempts: Sequence[store.Attempt]) -> tuple[PayoutStatus, timedelta | None]:
    """Say where attempts leave their payout, and when it is due."""
    statuses = {attempt.status for attempt in attempts}
    if AttemptStatus.CONTRADICTED in statuses:
        return PayoutStatus.HELD, None
    if AttemptStatus.SETTLED in statuses:
        return PayoutStatus.SETTLED, None
    if AttemptStatus.OPEN in statuses:
        return PayoutStatus.UNKNOWN, AT_ONCE
    if AttemptStatus.RETURNED in statuses:
        return PayoutStatus.RETURNED, AT_ONCE
    return PayoutStatus.REFUSED, AT_ONCE
