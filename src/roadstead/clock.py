"""Time, injected: nothing in Roadstead asks the operating system for the time by itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time as an aware `datetime` in UTC."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return datetime.now(UTC)


@dataclass(slots=True)
class ManualClock:
    """A clock that stands still until it is moved; for tests and rehearsals."""

    moment: datetime = field(default_factory=lambda: datetime(2026, 1, 1, tzinfo=UTC))

    def now(self) -> datetime:
        """Return the moment at which the clock stands."""
        return self.moment

    def advance(self, by: timedelta) -> None:
        """Move the clock; a negative duration moves it back."""
        self.moment += by


def utc_text(moment: datetime) -> str:
    """Write a moment as the SEPs want it: UTC, ISO 8601, a literal `Z`, microseconds only when there are any.

    Raises:
        ValueError: The moment carries no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("A moment without a time zone cannot be written as UTC.")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
