"""The simulated rail keeps the contract, and rails that break it are caught."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from tests.rails.broken_rails import NewKeyEachCall, PassingRail, SilenceIsAbsent, TimeoutIsRefused
from tests.rails.contract import RailContract, Subject, executions_after_a_marker

from roadstead.rails.protocol import Rail

Clause = Callable[[RailContract, Subject], Awaitable[None]]


class TestTheSimulatedRail(RailContract):
    """Every clause, over a real bank process."""


def broken(subject: Subject, kind: Callable[[Rail], Rail]) -> Subject:
    return replace(subject, rail=kind(subject.rail))


class TestBrokenRailsAreCaught:
    """Each clause below passes with the sound rail above; here it has to fail, on an assertion and nothing else."""

    @pytest.mark.parametrize(
        "clause",
        [
            RailContract.test_an_attempt_submitted_again_pays_once,
            RailContract.test_an_attempt_submitted_many_times_at_once_pays_once,
            RailContract.test_a_lost_answer_is_unknown_and_a_repeat_pays_no_second_time,
        ],
    )
    async def test_a_new_key_for_every_call(self, subject: Subject, clause: Clause) -> None:
        with pytest.raises(AssertionError):
            await clause(RailContract(), broken(subject, NewKeyEachCall))

    async def test_a_new_key_for_every_call_really_pays_twice(self, subject: Subject) -> None:
        rail, attempt = NewKeyEachCall(subject.rail), subject.new_attempt()
        await rail.submit(attempt)
        await rail.submit(attempt)
        assert await executions_after_a_marker(subject, attempt) == 2

    @pytest.mark.parametrize(
        "clause",
        [
            RailContract.test_a_lost_answer_is_unknown_and_a_repeat_pays_no_second_time,
            RailContract.test_a_timeout_is_unknown_and_the_late_payment_is_found,
            RailContract.test_a_key_with_other_content_is_never_called_refused,
        ],
    )
    async def test_silence_taken_for_a_refusal(self, subject: Subject, clause: Clause) -> None:
        with pytest.raises(AssertionError):
            await clause(RailContract(), broken(subject, TimeoutIsRefused))

    async def test_silence_taken_for_absence(self, subject: Subject) -> None:
        with pytest.raises(AssertionError):
            await RailContract().test_a_key_with_other_content_is_never_called_refused(
                broken(subject, SilenceIsAbsent)
            )

    async def test_the_wrapper_alone_breaks_nothing(self, subject: Subject) -> None:
        await RailContract().test_an_attempt_submitted_again_pays_once(broken(subject, PassingRail))
