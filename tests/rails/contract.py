"""The contract of `roadstead.rails.protocol`, as tests that any rail can be put to.

A test module subclasses `RailContract` and gives a fixture `subject`. Each clause is a method that takes the subject,
so that it can also be called by itself, against a rail that is broken on purpose.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import pytest

from roadstead.errors import Unauthenticated
from roadstead.rails.protocol import (
    Absent,
    Observation,
    PayoutAttempt,
    Rail,
    RailEvent,
    RailStatus,
    Refused,
    Submitted,
    Unknown,
)

DEADLINE_S = 20
POLL_S = 0.1
EVENTS_MAX = 200
TAKEN = {RailStatus.RECEIVED, RailStatus.ACCEPTED, RailStatus.SETTLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A rail, and what an outside observer of its bank can see and do."""

    rail: Rail
    new_attempt: Callable[[], PayoutAttempt]
    """Makes an attempt that the bank pays, with identifiers that were never used."""
    new_refused_attempt: Callable[[], PayoutAttempt]
    """Makes an attempt that the bank refuses as soon as it has it."""
    executions: Callable[[str], Awaitable[int]]
    """Counts the payouts that the bank executed for an end-to-end id, by the bank's own word."""
    lose_next_answer: Callable[[], Awaitable[None]]
    """Makes the bank carry out the next submission and cut the connection instead of answering."""
    delay_next_execution: Callable[[], Awaitable[None]]
    """Makes the bank carry out the next submission only after the rail has given up waiting."""


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition, and fail when it does not come."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                if await condition():
                    return
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        pytest.fail("What the contract promises did not come.")


async def until_executed(subject: Subject, attempt: PayoutAttempt) -> None:
    """Wait until the bank executed the attempt."""

    async def is_executed() -> bool:
        return await subject.executions(attempt.end_to_end_id) > 0

    await until(is_executed)


async def executions_after_a_marker(subject: Subject, attempt: PayoutAttempt) -> int:
    """Count the executions of an attempt once another one, submitted now, is executed.

    What the bank still had to do for the first attempt, it has done by then: it settles in order.
    """
    marker = subject.new_attempt()
    await subject.rail.submit(marker)
    await until_executed(subject, marker)
    return await subject.executions(attempt.end_to_end_id)


async def all_events(rail: Rail, cursor: str | None = None) -> list[RailEvent]:
    """Poll until nothing is new."""
    events: list[RailEvent] = []
    while True:
        page, cursor = await rail.poll(cursor)
        if not page:
            return events
        events += page


class RailContract:
    """What every rail owes. See the clauses of the protocol."""

    async def test_a_payable_attempt_has_no_problems_and_is_taken(self, subject: Subject) -> None:
        attempt = subject.new_attempt()
        assert list(subject.rail.check(attempt)) == []
        outcome = await subject.rail.submit(attempt)
        assert isinstance(outcome, Submitted)
        assert outcome.status in TAKEN
        await until_executed(subject, attempt)

    async def test_an_amount_of_zero_is_a_problem_before_it_is_sent(self, subject: Subject) -> None:
        attempt = subject.new_attempt()
        nothing = replace(attempt, amount=attempt.amount - attempt.amount)
        assert [problem.field for problem in subject.rail.check(nothing)] == ["amount"]

    async def test_an_attempt_submitted_again_pays_once(self, subject: Subject) -> None:
        attempt = subject.new_attempt()
        outcomes = [await subject.rail.submit(attempt) for _ in range(3)]
        assert all(isinstance(outcome, Submitted) for outcome in outcomes)
        await until_executed(subject, attempt)
        assert isinstance(await subject.rail.submit(attempt), Submitted)
        assert await executions_after_a_marker(subject, attempt) == 1

    async def test_an_attempt_submitted_many_times_at_once_pays_once(self, subject: Subject) -> None:
        attempt = subject.new_attempt()
        outcomes = await asyncio.gather(*(subject.rail.submit(attempt) for _ in range(8)))
        assert not any(isinstance(outcome, Refused) for outcome in outcomes)
        assert await executions_after_a_marker(subject, attempt) == 1

    async def test_a_lost_answer_is_unknown_and_a_repeat_pays_no_second_time(self, subject: Subject) -> None:
        attempt = subject.new_attempt()
        await subject.lose_next_answer()
        assert isinstance(await subject.rail.submit(attempt), Unknown)
        found = await subject.rail.find(attempt)
        assert isinstance(found, Observation)
        assert found.status in TAKEN
        assert isinstance(await subject.rail.submit(attempt), Submitted)
        assert await executions_after_a_marker(subject, attempt) == 1

    async def test_a_timeout_is_unknown_and_the_late_payment_is_found(self, subject: Subject) -> None:
        attempt = subject.new_attempt()
        await subject.delay_next_execution()
        assert isinstance(await subject.rail.submit(attempt), Unknown)
        await until_executed(subject, attempt)
        found = await subject.rail.find(attempt)
        assert isinstance(found, Observation)
        assert found.status is RailStatus.SETTLED
        assert isinstance(await subject.rail.submit(attempt), Submitted)
        assert await executions_after_a_marker(subject, attempt) == 1

    async def test_a_refusal_stays_a_refusal_and_pays_nothing(self, subject: Subject) -> None:
        attempt = subject.new_refused_attempt()
        first = await subject.rail.submit(attempt)
        assert isinstance(first, Refused)
        assert first.reason
        assert await subject.rail.submit(attempt) == first
        found = await subject.rail.find(attempt)
        assert isinstance(found, Observation)
        assert (found.status, found.reason) == (RailStatus.REFUSED, first.reason)
        assert await executions_after_a_marker(subject, attempt) == 0

    async def test_what_was_never_submitted_is_absent_and_asking_changes_nothing(
        self, subject: Subject
    ) -> None:
        if not subject.rail.terms.can_find:
            pytest.skip("this rail cannot find")
        attempt = subject.new_attempt()
        for _ in range(2):
            assert isinstance(await subject.rail.find(attempt), Absent)
        assert await executions_after_a_marker(subject, attempt) == 0

    async def test_a_key_with_other_content_is_never_called_refused(self, subject: Subject) -> None:
        attempt = subject.new_attempt()
        await subject.rail.submit(attempt)
        other = replace(attempt, amount=attempt.amount + attempt.amount)
        assert isinstance(await subject.rail.submit(other), Unknown)
        assert isinstance(await subject.rail.find(other), Unknown)
        assert await executions_after_a_marker(subject, attempt) == 1

    async def test_polling_tells_of_acceptance_and_settlement_of_the_attempt(self, subject: Subject) -> None:
        attempt = subject.new_attempt()
        await subject.rail.submit(attempt)
        await until_executed(subject, attempt)

        async def settlement_is_told() -> bool:
            told = [event for event in await all_events(subject.rail) if event.key == attempt.key]
            return any(
                event.status is RailStatus.SETTLED and event.end_to_end_id == attempt.end_to_end_id
                for event in told
            )

        await until(settlement_is_told)
        told = [event for event in await all_events(subject.rail) if event.key == attempt.key]
        assert all(event.amount == attempt.amount for event in told)
        assert all(event.occurred_at.tzinfo is not None for event in told)

    async def test_polling_from_the_same_cursor_tells_the_same_identities_again(
        self, subject: Subject
    ) -> None:
        first = subject.new_attempt()
        await subject.rail.submit(first)
        await until_executed(subject, first)
        once = await all_events(subject.rail)
        again = await all_events(subject.rail)
        assert once
        assert again[: len(once)] == once
        identities = [event.identity for event in again]
        assert len(identities) == len(set(identities))

    async def test_an_empty_poll_keeps_the_cursor(self, subject: Subject) -> None:
        attempt = subject.new_attempt()
        await subject.rail.submit(attempt)
        await until_executed(subject, attempt)
        cursor: str | None = None
        page, next_cursor = await subject.rail.poll(cursor)
        while page:
            assert len(page) <= EVENTS_MAX
            assert next_cursor != cursor
            cursor = next_cursor
            page, next_cursor = await subject.rail.poll(cursor)
        assert next_cursor == cursor

    async def test_a_pushed_message_without_proof_is_not_believed(self, subject: Subject) -> None:
        with pytest.raises(Unauthenticated):
            subject.rail.receive({"content-type": "application/json"}, b'{"status":"settled"}')

    async def test_the_balance_is_in_a_currency_of_the_rail(self, subject: Subject) -> None:
        await subject.rail.submit(subject.new_attempt())
        balance = await subject.rail.balance()
        assert balance.booked.asset in subject.rail.terms.currencies
        assert balance.available <= balance.booked
        assert balance.as_of.tzinfo is not None
