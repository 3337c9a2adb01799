"""The contract of `roadstead.rails.protocol` as tests, to which any rail can be put.

Run them against a rail of your own with

    pytest --pyargs roadstead.contract.rail --rail package.module:factory

where the factory opens a `RailBench`, or subclass `RailContract` in a test module that has a fixture `bench`. Each test
is a method that takes the bench, so that it can also be called by itself. docs/integrating/rails.md explains it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
import pytest_asyncio

from roadstead.contract.bench import (
    RailBench,
    all_events,
    all_statements,
    calls_outside,
    executions_after_a_marker,
    expect,
    named_bench,
    until,
    until_executed,
)
from roadstead.errors import Unauthenticated
from roadstead.money import Money, currency
from roadstead.rails.protocol import (
    Absent,
    Observation,
    PayoutAttempt,
    RailEvent,
    RailStatus,
    Refused,
    Submitted,
    Unknown,
)
from roadstead.rails.statements import StatementSource

EVENTS_MAX = 200
TAKEN = frozenset({RailStatus.RECEIVED, RailStatus.ACCEPTED, RailStatus.SETTLED})
ONCE = "Clause 4: however often one attempt is submitted, the bank executes it once."
NO_CODE = currency("XXX")
"""ISO 4217's code for no currency: no rail pays in it."""


@pytest.mark.asyncio
class RailContract:
    """What every rail owes. The numbers are those of the clauses of the protocol."""

    async def test_a_payable_attempt_has_no_problems_and_is_taken(self, bench: RailBench) -> None:
        """Nothing else means anything if this fails: the bench has to make attempts that the bank pays."""
        attempt = bench.new_attempt()
        problems = list(bench.rail.check(attempt))
        expect(is_kept=not problems, clause=f"An attempt that the bank pays has no problems: {problems}")
        outcome = await bench.rail.submit(attempt)
        expect(is_kept=_is_taken(outcome), clause=f"An attempt that the bank pays is taken, not {outcome}.")
        await until_executed(bench, attempt)

    async def test_check_is_pure_and_asks_nobody(self, bench: RailBench) -> None:
        """`check` is called often and in the middle of things: it gives the same answer and no call leaves."""
        attempt = bench.new_attempt()
        list(bench.rail.check(attempt))
        with calls_outside() as calls:
            first, again = list(bench.rail.check(attempt)), list(bench.rail.check(attempt))
        expect(is_kept=not calls, clause=f"check asks nobody, and it did: {calls}")
        expect(is_kept=first == again, clause="check says the same of the same attempt.")
        if bench.rail.terms.can_find:
            found = await bench.rail.find(attempt)
            expect(is_kept=isinstance(found, Absent), clause="check submits nothing.")

    async def test_what_the_terms_exclude_is_a_problem_before_it_is_sent(self, bench: RailBench) -> None:
        """Currencies and limits are declared, so that a payout is not tried which cannot go."""
        terms, attempt = bench.rail.terms, bench.new_attempt()
        unit = Money(attempt.amount.asset, 1)
        unfit = [replace(attempt, amount=attempt.amount - attempt.amount)]
        unfit.append(replace(attempt, amount=Money(NO_CODE, attempt.amount.units)))
        if terms.amount_max is not None and terms.amount_max.asset == unit.asset:
            unfit.append(replace(attempt, amount=terms.amount_max + unit))
        if terms.amount_min is not None and terms.amount_min.asset == unit.asset:
            unfit.append(replace(attempt, amount=terms.amount_min - unit))
        for one in unfit:
            fields = [problem.field for problem in bench.rail.check(one)]
            expect(
                is_kept=fields == ["amount"], clause=f"{one.amount} is a problem of the amount, not {fields}."
            )

    async def test_the_terms_make_sense(self, bench: RailBench) -> None:
        """Roadstead plans by the terms: leases, questions, repeats and how long a return may come."""
        terms = bench.rail.terms
        expect(is_kept=bool(bench.rail.name), clause="A rail has the name that anchor.toml gives it.")
        expect(is_kept=bool(terms.currencies), clause="A rail pays in a currency.")
        expect(is_kept=terms.submit_timeout_s > 0, clause="submit_timeout_s is above zero.")
        expect(is_kept=terms.poll_interval_s > 0, clause="poll_interval_s is above zero.")
        expect(is_kept=terms.return_window >= timedelta(), clause="return_window is not negative.")
        window = terms.dedupe_window
        expect(is_kept=window is None or window >= timedelta(), clause="dedupe_window is not negative.")
        least, most = terms.amount_min, terms.amount_max
        in_order = least is None or most is None or least.asset != most.asset or least <= most
        expect(is_kept=in_order, clause="amount_min does not exceed amount_max.")

    async def test_identifiers_of_the_declared_length_arrive_unchanged(self, bench: RailBench) -> None:
        """Clause 3: what was stored is what the bank sees; a rail that has to shorten says so in its terms."""
        length = bench.rail.terms.identifier_length_max
        attempt = bench.new_attempt()
        longest = replace(
            attempt,
            key=attempt.key.ljust(length, "x"),
            end_to_end_id=attempt.end_to_end_id.ljust(length, "x"),
        )
        too_long = replace(longest, end_to_end_id=f"{longest.end_to_end_id}x")
        expect(is_kept=not list(bench.rail.check(longest)), clause=f"{length} characters are taken.")
        expect(is_kept=bool(list(bench.rail.check(too_long))), clause=f"{length + 1} characters are not.")
        await bench.rail.submit(longest)
        await until_executed(bench, longest)
        events = await _settlement(bench, longest)
        same = all(event.key in {longest.key, None} for event in events)
        expect(is_kept=same, clause="Clause 3: events carry the attempt's own key.")

    async def test_an_attempt_submitted_again_pays_once(self, bench: RailBench) -> None:
        """Clause 4, after a crash: the same attempt is submitted again, before and after it was paid."""
        attempt = bench.new_attempt()
        outcomes = [await bench.rail.submit(attempt) for _ in range(3)]
        expect(is_kept=all(map(_is_taken, outcomes)), clause="A repetition is answered like the first time.")
        await until_executed(bench, attempt)
        late = await bench.rail.submit(attempt)
        expect(is_kept=not isinstance(late, Refused), clause="What is paid is not called refused.")
        expect(is_kept=await executions_after_a_marker(bench, attempt) == 1, clause=ONCE)

    async def test_an_attempt_submitted_many_times_at_once_pays_once(self, bench: RailBench) -> None:
        """Clause 4, when a lease ran out: two workers submit the same attempt at the same moment."""
        attempt = bench.new_attempt()
        outcomes = await asyncio.gather(*(bench.rail.submit(attempt) for _ in range(8)))
        refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
        expect(is_kept=not refused, clause="What is paid is not called refused.")
        expect(is_kept=await executions_after_a_marker(bench, attempt) == 1, clause=ONCE)

    async def test_a_lost_answer_is_unknown_and_a_repeat_pays_no_second_time(self, bench: RailBench) -> None:
        """Clauses 4 and 5: the bank has it and nobody was told."""
        attempt = bench.new_attempt()
        if not await bench.lose_next_answer():
            pytest.skip("no answer of this rail can be lost")
        outcome = await bench.rail.submit(attempt)
        expect(is_kept=isinstance(outcome, Unknown), clause=f"A lost answer is unknown, not {outcome}.")
        if bench.rail.terms.can_find:
            found = await bench.rail.find(attempt)
            known = isinstance(found, Observation) and found.status in TAKEN
            expect(is_kept=known, clause=f"The bank has it, and find says {found}.")
        again = await bench.rail.submit(attempt)
        expect(is_kept=_is_taken(again), clause=f"The repetition is taken, not {again}.")
        expect(is_kept=await executions_after_a_marker(bench, attempt) == 1, clause=ONCE)

    async def test_a_timeout_is_unknown_and_the_late_payment_is_found(self, bench: RailBench) -> None:
        """Clause 5: silence is never a refusal. The bank pays after the rail gave up waiting."""
        attempt = bench.new_attempt()
        if not await bench.delay_next_execution():
            pytest.skip("this rail waits for nothing")
        outcome = await bench.rail.submit(attempt)
        expect(is_kept=isinstance(outcome, Unknown), clause=f"A timeout is unknown, not {outcome}.")
        await until_executed(bench, attempt)
        if bench.rail.terms.can_find:
            found = await bench.rail.find(attempt)
            known = isinstance(found, Observation) and found.status is RailStatus.SETTLED
            expect(is_kept=known, clause=f"The bank paid it, and find says {found}.")
        again = await bench.rail.submit(attempt)
        expect(is_kept=_is_taken(again), clause=f"The repetition is taken, not {again}.")
        expect(is_kept=await executions_after_a_marker(bench, attempt) == 1, clause=ONCE)

    async def test_a_refusal_stays_a_refusal_and_pays_nothing(self, bench: RailBench) -> None:
        """Clause 5: on a refusal a new attempt is made, so it has to be final and to give its reason."""
        attempt = bench.new_refused_attempt()
        first = await bench.rail.submit(attempt)
        reason = first.reason if isinstance(first, Refused) else await _refusal(bench, attempt)
        expect(is_kept=bool(reason), clause="A refusal has a reason code.")
        if isinstance(first, Refused):
            again = await bench.rail.submit(attempt)
            same = isinstance(again, Refused) and again.reason == reason
            expect(is_kept=same, clause=f"What was refused stays refused for {reason}, not {again}.")
        if bench.rail.terms.can_find:
            found = await bench.rail.find(attempt)
            told = (found.status, found.reason) if isinstance(found, Observation) else None
            same = told == (RailStatus.REFUSED, reason)
            expect(is_kept=same, clause=f"find tells of the refusal, not {found}.")
        count = await executions_after_a_marker(bench, attempt)
        expect(is_kept=count == 0, clause="Clause 5: what was refused never pays.")

    async def test_a_new_attempt_after_a_refusal_is_paid(self, bench: RailBench) -> None:
        """Clause 5: it has the same end-to-end id and another key, and must not be taken for a repetition."""
        refused = bench.new_refused_attempt()
        if not isinstance(await bench.rail.submit(refused), Refused):
            await _refusal(bench, refused)
        corrected = replace(bench.new_attempt(), end_to_end_id=refused.end_to_end_id)
        outcome = await bench.rail.submit(corrected)
        expect(is_kept=_is_taken(outcome), clause=f"The corrected attempt is taken, not {outcome}.")
        await until_executed(bench, corrected)
        count = await executions_after_a_marker(bench, corrected)
        expect(is_kept=count == 1, clause="The corrected attempt is paid once.")

    async def test_what_was_never_submitted_is_absent_and_asking_changes_nothing(
        self, bench: RailBench
    ) -> None:
        """Only with certainty may find say that there is nothing: the attempt is submitted again on its word."""
        if not bench.rail.terms.can_find:
            pytest.skip("this rail cannot find")
        attempt = bench.new_attempt()
        for _ in range(2):
            found = await bench.rail.find(attempt)
            expect(is_kept=isinstance(found, Absent), clause=f"Nobody submitted it, and find says {found}.")
        count = await executions_after_a_marker(bench, attempt)
        expect(is_kept=count == 0, clause="Asking pays nothing.")

    async def test_a_key_with_other_content_is_neither_paid_nor_called_refused(
        self, bench: RailBench
    ) -> None:
        """Clauses 3 and 4: the key has a payment already; to call the key refused would deny that one."""
        attempt = bench.new_attempt()
        await bench.rail.submit(attempt)
        other = replace(attempt, amount=attempt.amount + attempt.amount)
        outcome = await bench.rail.submit(other)
        expect(is_kept=isinstance(outcome, Unknown), clause=f"It is unknown, not {outcome}.")
        if bench.rail.terms.can_find:
            found = await bench.rail.find(other)
            expect(is_kept=isinstance(found, Unknown), clause=f"find does not take it for its own: {found}")
        await until_executed(bench, attempt)
        expect(is_kept=await executions_after_a_marker(bench, attempt) == 1, clause=ONCE)

    async def test_polling_tells_of_the_settlement_of_the_attempt(self, bench: RailBench) -> None:
        """Events name the attempt by its identifiers and carry its amount and a moment with a time zone."""
        attempt = bench.new_attempt()
        await bench.rail.submit(attempt)
        await until_executed(bench, attempt)
        for event in await _settlement(bench, attempt):
            same = event.amount in {attempt.amount, None}
            expect(is_kept=same, clause="An event tells the amount of its attempt.")
            expect(is_kept=event.occurred_at.tzinfo is not None, clause="occurred_at has a time zone.")

    async def test_polling_again_tells_the_same_identities(self, bench: RailBench) -> None:
        """Clause 6: a second copy of an event is known by its identity, so it must not change."""
        attempt = bench.new_attempt()
        await bench.rail.submit(attempt)
        await until_executed(bench, attempt)
        await _settlement(bench, attempt)
        once, again = await all_events(bench.rail), await all_events(bench.rail)
        identities = [event.identity for event in again]
        told = [event.identity for event in once]
        expect(is_kept=bool(told), clause="What was settled is told.")
        expect(is_kept=identities[: len(told)] == told, clause="Clause 6: read again, events are the same.")
        unique = len(identities) == len(set(identities))
        expect(is_kept=unique, clause="Clause 6: no two events have one identity.")

    async def test_the_cursor_resumes_and_stays_at_the_end(self, bench: RailBench) -> None:
        """After a restart the rail is asked from the stored cursor: nothing is skipped, nothing told twice."""
        first, second = bench.new_attempt(), bench.new_attempt()
        await bench.rail.submit(first)
        await until_executed(bench, first)
        await _settlement(bench, first)
        cursor: str | None = None
        seen: list[str] = []
        page, following = await bench.rail.poll(cursor)
        while page or following != cursor:
            expect(is_kept=len(page) <= EVENTS_MAX, clause=f"At most {EVENTS_MAX} events come at a time.")
            expect(is_kept=following != cursor, clause="A page of events moves the cursor.")
            seen += [event.identity for event in page]
            cursor = following
            page, following = await bench.rail.poll(cursor)
        await bench.rail.submit(second)
        await until_executed(bench, second)
        await _settlement(bench, second)
        later = [event.identity for event in await all_events(bench.rail, cursor)]
        expect(is_kept=bool(later), clause="After the cursor comes what happened later.")
        expect(is_kept=not set(later) & set(seen), clause="What lies before the cursor is not told again.")

    async def test_a_pushed_message_without_proof_is_not_believed(self, bench: RailBench) -> None:
        """Whoever finds the address could send it."""
        with pytest.raises(Unauthenticated):
            bench.rail.receive({"content-type": "application/json"}, b'{"status":"settled"}')

    async def test_a_genuine_message_is_translated_and_a_forged_one_refused(self, bench: RailBench) -> None:
        """One changed byte and the proof is gone; a repetition has the same identities."""
        attempt = bench.new_attempt()
        pushed = bench.pushed(attempt)
        if pushed is None:
            expect(is_kept=not bench.rail.terms.pushes, clause="A rail that pushes can be shown a message.")
            pytest.skip("this rail takes no pushed messages")
        events, again = (list(bench.rail.receive(pushed.headers, pushed.body)) for _ in range(2))
        expect(is_kept=[event.key for event in events] == [attempt.key], clause="It tells of its attempt.")
        expect(is_kept=events == again, clause="Clause 6: received again, it is the same event.")
        with pytest.raises(Unauthenticated):
            bench.rail.receive(pushed.headers, pushed.body.replace(attempt.key.encode(), b"A0", 1))
        with pytest.raises(Unauthenticated):
            bench.rail.receive({}, pushed.body)

    async def test_the_balance_is_in_a_currency_of_the_rail(self, bench: RailBench) -> None:
        """The reserve report counts it."""
        attempt = bench.new_attempt()
        await bench.rail.submit(attempt)
        await until_executed(bench, attempt)
        balance = await bench.rail.balance()
        known = {balance.booked.asset, balance.available.asset} <= bench.rail.terms.currencies
        expect(is_kept=known, clause="The balance is in a currency of the rail.")
        expect(is_kept=balance.as_of.tzinfo is not None, clause="as_of has a time zone.")

    async def test_statements_add_up_and_follow_one_another(self, bench: RailBench) -> None:
        """The books follow them: opening plus lines is closing, and the next one opens where the last closed."""
        if not bench.rail.terms.has_statements:
            pytest.skip("this rail yields no statements")
        rail = bench.rail
        if not isinstance(rail, StatementSource):
            pytest.fail("A rail with has_statements has the method statements.")
        attempt = bench.new_attempt()
        await rail.submit(attempt)
        await until_executed(bench, attempt)

        async def is_stated() -> bool:
            lines = [line for statement in await all_statements(rail) for line in statement.lines]
            return any(line.end_to_end_id == attempt.end_to_end_id for line in lines)

        await until(bench, is_stated, "What was paid stands in a statement.")
        statements = await all_statements(rail)
        for statement in statements:
            if statement.opening is not None and statement.closing is not None:
                moved = sum(
                    line.amount.units if line.is_credit else -line.amount.units
                    for line in statement.lines
                    if line.is_booked
                )
                adds_up = statement.opening.units + moved == statement.closing.units
                expect(is_kept=adds_up, clause=f"Statement {statement.identity} adds up.")
        for before, after in pairwise(statements):
            follows = before.account != after.account or before.closing == after.opening
            expect(is_kept=follows, clause=f"Statement {after.identity} opens where the last closed.")


def _is_taken(outcome: object) -> bool:
    return isinstance(outcome, Submitted) and outcome.status in TAKEN


async def _refusal(bench: RailBench, attempt: PayoutAttempt) -> str | None:
    """Wait until the rail tells of the refusal, where it does not answer with it at once."""
    told: list[RailEvent] = []

    async def is_told() -> bool:
        told[:] = [
            event
            for event in await all_events(bench.rail)
            if _is_about(event, attempt) and event.status is RailStatus.REFUSED
        ]
        return bool(told)

    await until(bench, is_told, "An attempt that the bank refuses is called refused.")
    return told[0].reason


async def _settlement(bench: RailBench, attempt: PayoutAttempt) -> list[RailEvent]:
    """Wait until the settlement of an attempt is told; return everything that was told of it."""
    told: list[RailEvent] = []

    async def is_told() -> bool:
        told[:] = [event for event in await all_events(bench.rail) if _is_about(event, attempt)]
        return any(event.status is RailStatus.SETTLED for event in told)

    await until(bench, is_told, "What the bank paid is told as settled.")
    return told


def _is_about(event: RailEvent, attempt: PayoutAttempt) -> bool:
    return event.key == attempt.key or (event.key is None and event.end_to_end_id == attempt.end_to_end_id)


class TestRail(RailContract):
    """The contract, for the rail that `--rail` names."""

    @pytest_asyncio.fixture
    async def bench(self, request: pytest.FixtureRequest) -> AsyncIterator[RailBench]:
        """Open the bench that `--rail` names, anew for each test."""
        async with named_bench(request.config.getoption("rail"))() as opened:
            yield opened
