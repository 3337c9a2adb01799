"""The desk at which the files of one rail are worked on: everything that is needed for it, put together once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from roadstead.clock import Clock
from roadstead.customers.vault import KeyProvider
from roadstead.database.pool import Database
from roadstead.money import Asset
from roadstead.rails.calendars import BusinessCalendar
from roadstead.rails.channels.protocol import FileChannel
from roadstead.rails.iso20022.payments import Debtor
from roadstead.randomness import Randomness

LEASE = timedelta(minutes=5)
"""How long a worker has a batch in hand: longer than building its file, or sending it, may take."""
CUT_OFF_MARGIN = timedelta(minutes=5)
"""How long before a cut-off a batch is closed, so that its file is there in time."""
SETTLE_S = 5.0
"""How long a file must not have changed before it is read."""


class Hours(Protocol):
    """When a bank takes files; a calendar of cut-offs and business days is one."""

    def closes_at(self, opened_at: datetime) -> datetime | None:
        """Return the next cut-off after a moment, at which an open batch has to be closed; None when there is none."""
        ...

    def execution_date(self, closed_at: datetime) -> date:
        """Return the day on which a file that is closed at a moment asks the bank to pay."""
        ...


@dataclass(frozen=True, slots=True)
class AlwaysOpen:
    """A bank without cut-offs, asked to pay on the day of the file, by UTC."""

    def closes_at(self, opened_at: datetime) -> datetime | None:  # noqa: ARG002 - part of the protocol
        """Return no cut-off."""
        return None

    def execution_date(self, closed_at: datetime) -> date:
        """Return the day of the file."""
        return closed_at.astimezone(UTC).date()


@dataclass(frozen=True, slots=True)
class CalendarHours:
    """The cut-offs and business days of a calendar; files leave a little before the cut-off."""

    calendar: BusinessCalendar

    def closes_at(self, opened_at: datetime) -> datetime | None:
        """Return the moment before the next cut-off by which a batch has to be closed to be there in time."""
        return self.calendar.next_cut_off(opened_at + CUT_OFF_MARGIN) - CUT_OFF_MARGIN

    def execution_date(self, closed_at: datetime) -> date:
        """Return the business day on which the bank takes on a file that is closed at a moment."""
        return self.calendar.starts_on(closed_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDesk:
    """What the files of one rail are worked on with."""

    rail: str
    asset: Asset
    debtor: Debtor
    channel: FileChannel
    database: Database
    keys: KeyProvider
    clock: Clock
    randomness: Randomness
    hours: Hours = AlwaysOpen()
    calendar_name: str | None = None
    """The calendar that `hours` follow; None for a bank that is always open."""
    items_max: int = 10_000
    age_max: timedelta = timedelta(minutes=15)
    kept: timedelta = timedelta(days=180)
    settle_s: float = SETTLE_S
    look_every_s: float = 60.0

    def closes_at(self, opened_at: datetime) -> datetime:
        """Return when a batch that is opened now takes no more payouts: when it is old enough, or at the cut-off."""
        by_age = opened_at + self.age_max
        cut_off = self.hours.closes_at(opened_at)
        return by_age if cut_off is None else min(by_age, cut_off)
