"""The loop of a role: one step again and again, with pauses, back-off and an orderly end. It never dies silently."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog

from roadstead.errors import LeadershipLost, Unavailable
from roadstead.service.metrics import loop_failures

log = structlog.get_logger()

BACKOFF_FIRST_S = 0.25
BACKOFF_MAX_S = 10.0

_random = random.SystemRandom()


class Backoff:
    """Waiting times after failures in a row: each twice the one before, up to a limit.

    Each is shortened by up to a half at random, which keeps many processes from coming back at the same moment.
    """

    def __init__(self, *, first_s: float = BACKOFF_FIRST_S, max_s: float = BACKOFF_MAX_S) -> None:
        """Start with no failure."""
        self._first_s = first_s
        self._max_s = max_s
        self._next_s = first_s

    def next_s(self) -> float:
        """Return how long to wait after one more failure, in seconds."""
        full_s = self._next_s
        self._next_s = min(self._max_s, full_s * 2)
        return full_s * _random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Forget the failures."""
        self._next_s = self._first_s


async def every(
    interval_s: float,
    step: Callable[[], Awaitable[bool | None]],
    *,
    name: str,
    stop: asyncio.Event,
    wake: asyncio.Event | None = None,
    backoff: Backoff | None = None,
) -> None:
    """Run a step now and every `interval_s` seconds until `stop` is set; a step under way is finished first.

    A step that returns True has more to do and is run again at once. `wake` ends a pause early, but never a back-off:
    it is a hint, and losing one costs at most `interval_s`. After `Unavailable` or an unexpected error the step is
    repeated with back-off, so it must be safe to repeat; every failure is logged and counted.
    """
    backoff = backoff or Backoff()
    while not stop.is_set():
        if wake is not None:
            wake.clear()
        try:
            has_more = await step()
        except Unavailable as error:
            _tell_unavailable(name, error)
            await pause(backoff.next_s(), stop)
            continue
        except Exception:
            loop_failures(name, "unexpected")
            log.exception("step_failed", loop=name)
            await pause(backoff.next_s(), stop)
            continue
        backoff.reset()
        await pause(0 if has_more else interval_s, stop, wake)


async def pause(duration_s: float, *events: asyncio.Event | None) -> None:
    """Wait for a time, or until one of the events is set."""
    waited = [event for event in events if event is not None]
    if duration_s <= 0 or any(event.is_set() for event in waited):
        # Others get their turn even when there is always more to do.
        await asyncio.sleep(0)
        return
    tasks = [asyncio.ensure_future(event.wait()) for event in waited]
    if not tasks:
        await asyncio.sleep(duration_s)
        return
    try:
        await asyncio.wait(tasks, timeout=duration_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def _tell_unavailable(name: str, error: Unavailable) -> None:
    loop_failures(name, error.code)
    if isinstance(error, LeadershipLost):
        log.warning("leadership_lost", loop=name, error=error.message)
    else:
        log.warning("step_unavailable", loop=name, code=error.code, error=error.message)
