"""Hosts that do not answer are left alone for a while, so that their callbacks do not take the room of others'."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

FAILURES_BEFORE_REST = 4
REST_FIRST_S = 1.0
REST_MAX_S = 30.0
HOSTS_MAX = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class _Illness:
    failures: int
    until_s: float


class RestingHosts:
    """Remembers which hosts failed several times in a row; each further failure makes the rest longer, up to a limit.

    A rest is short beside the pauses of a callback: it only spares this process from waiting for a dead host again and
    again. One good answer ends it.
    """

    def __init__(
        self, *, rest_first_s: float = REST_FIRST_S, time_s: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin with every host in good health; `time_s` gives steady seconds."""
        self._rest_first_s = rest_first_s
        self._time_s = time_s
        self._ill: dict[str, _Illness] = {}

    def note(self, host: str, *, is_ill: bool) -> None:
        """Take note of how a call to a host ended."""
        known = self._ill.pop(host, None)
        if not is_ill:
            return
        failures = known.failures + 1 if known else 1
        over = failures - FAILURES_BEFORE_REST
        rest_s = 0.0 if over < 0 else min(REST_MAX_S, self._rest_first_s * 2 ** min(over, 10))
        if len(self._ill) >= HOSTS_MAX:
            del self._ill[next(iter(self._ill))]
        self._ill[host] = _Illness(failures=failures, until_s=self._time_s() + rest_s)

    def hosts(self) -> list[str]:
        """Return the hosts that rest now."""
        now_s = self._time_s()
        return [host for host, illness in self._ill.items() if illness.until_s > now_s]
