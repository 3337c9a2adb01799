"""Business days: when a bank takes a payout on, and when its money is there. Pure, but for the library's own tables.

Moments are absolute; days and hours are those of the bank's own time zone. What is handed over at the cut-off or later
belongs to the next business day. Where the clocks go back, a cut-off in the repeated hour is its first time; where they
go forward, one in the hour that is left out is the same moment by the old time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from roadstead.config.calendar_terms import CalendarTerms
from roadstead.config.holiday_calendars import holidays_of
from roadstead.errors import ConfigurationError

CLOSED_DAYS_MAX = 60
"""No bank is shut for longer; a calendar that says so is a mistake."""
_DAY = timedelta(days=1)
_MIDNIGHT = time()


@dataclass(frozen=True, slots=True)
class BusinessCalendar:
    """The business days of one bank or payment network."""

    terms: CalendarTerms

    def is_business_day(self, day: date) -> bool:
        """Whether the bank works on a day of its own time zone."""
        terms = self.terms
        if day in terms.open_on:
            return True
        if day.weekday() in terms.weekend or day in terms.closed_on:
            return False
        return not any(day in holidays_of(name, day.year) for name in terms.holidays)

    def next_business_day(self, day: date) -> date:
        """Return the first business day that is not before a day.

        Raises:
            ConfigurationError: There is none within 60 days.
        """
        for _ in range(CLOSED_DAYS_MAX):
            if self.is_business_day(day):
                return day
            day += _DAY
        raise ConfigurationError(
            f"The calendar {self.terms.name} has no business day for {CLOSED_DAYS_MAX} days: check its weekend and "
            "closed_on in anchor.toml."
        )

    def cut_off(self, day: date) -> datetime:
        """Return the moment from which on what is handed over no longer belongs to a day."""
        if self.terms.cut_off is None:
            return self._at(day + _DAY, _MIDNIGHT)
        return self._at(day, self.terms.cut_off)

    def starts_on(self, handed_over_at: datetime) -> date:
        """Return the business day on which the bank takes on what it was handed."""
        day = handed_over_at.astimezone(self._zone).date()
        if handed_over_at >= self.cut_off(day):
            day += _DAY
        return self.next_business_day(day)

    def next_cut_off(self, after: datetime) -> datetime:
        """Return the next cut-off of a business day that is later than a moment."""
        return self.cut_off(self.starts_on(after))

    def settles_on(self, handed_over_at: datetime) -> date:
        """Return the day on which the money of what the bank was handed should be there."""
        day = self.starts_on(handed_over_at)
        for _ in range(self.terms.settles_after_days):
            day = self.next_business_day(day + _DAY)
        return day

    def settles_by(self, handed_over_at: datetime) -> datetime:
        """Return the end of the day on which the money should be there."""
        return self._at(self.settles_on(handed_over_at) + _DAY, _MIDNIGHT)

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.terms.time_zone)

    def _at(self, day: date, hour: time) -> datetime:
        """Return an absolute moment: differences within one zone would count hours of the wall, not of time."""
        return datetime.combine(day, hour, tzinfo=self._zone).astimezone(ZoneInfo("UTC"))
