"""When the bank works: cut-off, weekends and holidays, all in UTC. Pure."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

_DAY = timedelta(days=1)
_SATURDAY = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class BankCalendar:
    """The days on which the bank books, and until when on a day it takes payouts for that day."""

    cut_off: time | None = None
    """What is accepted at this moment or later is for the next day; None means never too late."""
    rests_at_weekends: bool = False
    holidays: frozenset[date] = frozenset()

    def is_open(self, day: date) -> bool:
        """Say whether the bank books on a day."""
        return day not in self.holidays and not (self.rests_at_weekends and day.weekday() >= _SATURDAY)

    def open_day(self, day: date) -> date:
        """Return the day itself, or the next on which the bank books."""
        while not self.is_open(day):
            day += _DAY
        return day

    def settles_at(self, accepted_at: datetime, delay: timedelta) -> datetime:
        """Return when a payout settles that was accepted at a moment and needs `delay` on an ordinary day."""
        day = accepted_at.date()
        if self.cut_off is not None and accepted_at.time() >= self.cut_off:
            day += _DAY
        earliest = max(accepted_at + delay, _beginning(self.open_day(day)))
        booked = self.open_day(earliest.date())
        return earliest if booked == earliest.date() else _beginning(booked)


def _beginning(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
