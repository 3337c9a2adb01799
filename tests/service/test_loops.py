"""A role's loop goes on: through absence, surprise and hints, until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from roadstead.errors import Unavailable
from roadstead.service.loops import Backoff, every, pause
from roadstead.service.metrics import registry


def quick() -> Backoff:
    return Backoff(first_s=0.001, max_s=0.002)


async def run(step: Callable[[int], bool | None], *, interval_s: float = 0.001, times: int) -> int:
    """Run a step until its number reaches `times`; return how often it ran."""
    stop, ran = asyncio.Event(), 0

    async def counted() -> bool | None:
        nonlocal ran
        ran += 1
        if ran == times:
            stop.set()
        return step(ran)

    async with asyncio.timeout(10):
        await every(interval_s, counted, name="test", stop=stop, backoff=quick())
    return ran


class TestEvery:
    async def test_a_step_is_repeated_until_the_stop(self) -> None:
        assert await run(lambda _: None, times=3) == 3

    @pytest.mark.parametrize(
        ("error", "reason"), [(Unavailable("away"), "unavailable"), (ValueError("surprise"), "unexpected")]
    )
    async def test_a_failing_step_is_counted_and_repeated(self, error: Exception, reason: str) -> None:
        labels = {"loop": "test", "reason": reason}
        before = registry.get_sample_value("roadstead_loop_failures_total", labels) or 0

        def fail(_: int) -> None:
            raise error

        assert await run(fail, times=3) == 3
        assert registry.get_sample_value("roadstead_loop_failures_total", labels) == before + 3

    async def test_a_step_that_has_more_to_do_is_not_made_to_wait(self) -> None:
        assert await run(lambda _: True, interval_s=3600, times=100) == 100

    async def test_others_get_their_turn_beside_a_step_that_always_has_more(self) -> None:
        stop = asyncio.Event()

        async def greedy() -> bool:
            return True

        async def end() -> None:
            stop.set()

        async with asyncio.timeout(10):
            await asyncio.gather(every(1, greedy, name="test", stop=stop), end())

    async def test_a_hint_ends_the_pause_but_one_that_came_before_the_step_does_not(self) -> None:
        stop, wake = asyncio.Event(), asyncio.Event()
        wake.set()
        ran: list[int] = []

        async def step() -> None:
            ran.append(len(ran))
            if len(ran) == 2:
                stop.set()

        async def hint() -> None:
            await asyncio.sleep(0.2)
            assert len(ran) == 1
            wake.set()

        async with asyncio.timeout(10):
            await asyncio.gather(every(3600, step, name="test", stop=stop, wake=wake), hint())

    async def test_the_stop_ends_a_pause_and_a_back_off_at_once(self) -> None:
        stop = asyncio.Event()

        async def fail() -> None:
            raise Unavailable("away")

        async def rest() -> None:
            return None

        async def end() -> None:
            await asyncio.sleep(0.1)
            stop.set()

        slow = Backoff(first_s=3600, max_s=3600)
        async with asyncio.timeout(10):
            await asyncio.gather(
                every(3600, fail, name="test", stop=stop, backoff=slow),
                every(3600, rest, name="test", stop=stop),
                end(),
            )


class TestBackoff:
    def test_it_doubles_up_to_its_limit_and_is_at_least_half_of_it(self) -> None:
        backoff = Backoff(first_s=1.0, max_s=5.0)
        for full_s in (1.0, 2.0, 4.0, 5.0, 5.0):
            assert full_s / 2 <= backoff.next_s() <= full_s
        backoff.reset()
        assert backoff.next_s() <= 1.0


class TestPause:
    async def test_it_leaves_no_task_behind(self) -> None:
        before = asyncio.all_tasks()
        await pause(0.01, asyncio.Event(), None, asyncio.Event())
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == before
