"""Failures on request: what the server should do wrong, and for how long."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from .problems import Problem, rate_limited, stale_history, timeout


@dataclass(slots=True)
class Faults:
    """The failures that are staged now. All off at the start."""

    monotonic: Callable[[], float] = time.monotonic
    status: int | None = None
    status_until: float = 0.0
    status_left: int | None = None
    status_paths: str = ""
    lost_answers: int = 0
    drop_stream_after: int | None = None
    drop_streams_left: int = 0
    duplicate_events: int = 0
    skipped_events: int = 0
    lag: int = 0
    frozen_at: int | None = None

    def lag_ledgers(self, latest: int) -> int:
        """How many closed ledgers history does not show yet."""
        frozen = 0 if self.frozen_at is None else max(0, latest - self.frozen_at)
        return max(self.lag, frozen)

    def fail(self, status: int, *, seconds: float, requests: int | None, paths: str) -> None:
        """Answer with a status for a while, or for a number of requests."""
        self.status = status
        self.status_until = self.monotonic() + seconds
        self.status_left = requests
        self.status_paths = paths

    def meet(self, path: str) -> None:
        """Raise the failure that a request to this path meets, if any."""
        problem = None if path.startswith("/sandbox") else self._problem_for(path)
        if problem is not None:
            raise problem

    def _problem_for(self, path: str) -> Problem | None:
        if self.status is None or not path.startswith(self.status_paths or "/"):
            return None
        if self.monotonic() >= self.status_until:
            self.status = None
            return None
        status = self.status
        if self.status_left is not None:
            self.status_left -= 1
            if self.status_left <= 0:
                self.status = None
        match status:
            case 429:
                return rate_limited(101, 60)
            case 504:
                return timeout()
            case 503:
                return stale_history()
            case _:
                return Problem(status, "staged_failure", "Staged Failure", "Asked for.")

    def lose_answer(self) -> bool:
        """Whether this submission is accepted but answered with a time-out."""
        if self.lost_answers <= 0:
            return False
        self.lost_answers -= 1
        return True

    def drop_after(self) -> int | None:
        """After how many events this stream breaks off, if it does."""
        if self.drop_stream_after is None or self.drop_streams_left <= 0:
            return None
        self.drop_streams_left -= 1
        return self.drop_stream_after

    def copies(self) -> int:
        """How often the next event is sent: once, twice or not at all."""
        if self.skipped_events > 0:
            self.skipped_events -= 1
            return 0
        if self.duplicate_events > 0:
            self.duplicate_events -= 1
            return 2
        return 1

    def clear(self) -> None:
        """Everything works again."""
        fresh = Faults(monotonic=self.monotonic)
        for name in self.__slots__:
            setattr(self, name, getattr(fresh, name))
