"""When a callback is tried again, and when it is given up. Pure rules."""

from __future__ import annotations

from datetime import timedelta

FIRST_PAUSE = timedelta(seconds=5)
PAUSE_MAX = timedelta(hours=1)
AGE_MAX = timedelta(hours=24)
TRIES_MAX = 40


def next_pause(*, tries: int, age: timedelta, chance: int) -> timedelta | None:
    """Return how long a callback rests after a failed try; None when it is given up.

    `tries` counts those of this round, the failed one included; `age` is the time since the round began. The pause
    doubles from 5 seconds up to an hour; `chance` (0 to 255) shortens it by up to a half, so that callbacks that failed
    together do not come back together.
    """
    if tries >= TRIES_MAX or age >= AGE_MAX:
        return None
    doublings = min(tries - 1, 16)
    pause = min(FIRST_PAUSE * (1 << doublings), PAUSE_MAX)
    return pause * (512 - chance) / 512
