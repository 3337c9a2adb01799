"""On which days and until which hour banks work: the same in every environment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, time
from enum import IntEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from roadstead.config.forms import RAIL_NAME, whole
from roadstead.config.holiday_calendars import is_holiday_calendar
from roadstead.config.schema import Form, Key, Section, Unfit

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_HOLIDAYS = re.compile(r"[A-Z]{2,4}(?:-[A-Z0-9]{1,3})?", re.ASCII)


class Weekday(IntEnum):
    """The days of the week as `date.weekday` counts them."""

    MONDAY = 0
    TUESDAY = 1
    WEDNESDAY = 2
    THURSDAY = 3
    FRIDAY = 4
    SATURDAY = 5
    SUNDAY = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarTerms:
    """When a bank works. What is left out makes it work on weekdays, without holidays, until midnight."""

    name: str
    time_zone: str = "UTC"
    """Of every hour and day below (IANA)."""
    cut_off: time | None = None
    """What is handed over at this hour or later belongs to the next business day; None means midnight."""
    weekend: tuple[Weekday, ...] = (Weekday.SATURDAY, Weekday.SUNDAY)
    """Days of the week without business; empty for a rail that never rests."""
    holidays: tuple[str, ...] = ()
    """Calendars of the `holidays` library: a financial one (ECB, FED), a country (MX), or a part of it (DE-BY)."""
    closed_on: tuple[date, ...] = ()
    """Further days without business: what the bank itself publishes."""
    open_on: tuple[date, ...] = ()
    """Days with business all the same; they win over everything else."""
    settles_after_days: int = 0
    """Business days between the day on which a bank starts and the one on which the money is there."""


def _time_zone(value: object) -> str:
    if not isinstance(value, str):
        raise Unfit(f"is {value!r}, which is no text")
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Unfit(f"is {value[:40]!r}, which this machine does not know") from error
    return value


def _hour(value: object) -> time:
    if isinstance(value, time):
        return value.replace(tzinfo=None)
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Unfit(f"is {str(value)[:40]!r}")
    return time(int(match[1]), int(match[2]))


def _weekdays(value: object) -> tuple[Weekday, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Unfit("is no list of names")
    names = {day.name.lower(): day for day in Weekday}
    for item in value:
        if item.lower() not in names:
            raise Unfit(f"names {item[:40]!r}")
    return tuple(sorted({names[item.lower()] for item in value}))


def _dates(value: object) -> tuple[date, ...]:
    if not isinstance(value, list):
        raise Unfit("is no list of dates")
    return tuple(sorted({_date(item) for item in value}))


def _date(value: object) -> date:
    if type(value) is date:
        return value
    try:
        if isinstance(value, str) and len(value) == len("2026-12-24"):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise Unfit(f"names {str(value)[:40]!r}")


def _holiday_names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Unfit("is no list of names")
    for item in value:
        if not _HOLIDAYS.fullmatch(item) or not is_holiday_calendar(item):
            raise Unfit(f"names {item[:40]!r}, which the library does not have")
    return tuple(value)


_ZONE = Form(words="a time zone of IANA such as Europe/Berlin", read=_time_zone)
_HOUR = Form(words="an hour such as 15:00", read=_hour)
_WEEKDAYS = Form(words="a list of days of the week such as saturday", read=_weekdays)
_DATES = Form(words="a list of dates such as 2026-12-24", read=_dates)
_NAMES = Form(
    words="a list of calendars: ECB, FED, a country such as MX, or a part of it such as DE-BY",
    read=_holiday_names,
)


def _may(name: str, form: Form, description: str, example: str) -> Key:
    return Key(name=name, form=form, description=description, example=example)


CALENDARS = Section(
    name="calendars",
    make=CalendarTerms,
    many=True,
    description="On which days and until which hour a bank works. A rail without a calendar never rests.",
    keys=(
        Key(name="name", form=RAIL_NAME, required=True, description="Name.", example='"target"'),
        _may(
            "time_zone", _ZONE, "Time zone of all hours and days here; UTC when left out.", '"Europe/Berlin"'
        ),
        _may(
            "cut_off",
            _HOUR,
            "What is handed over then or later belongs to the next business day; midnight when left out.",
            '"15:00"',
        ),
        _may(
            "weekend",
            _WEEKDAYS,
            "Days of the week without business; saturday and sunday when left out.",
            '["saturday", "sunday"]',
        ),
        _may("holidays", _NAMES, "Whose holidays are without business.", '["ECB"]'),
        _may(
            "closed_on",
            _DATES,
            "Further days without business, as the bank publishes them.",
            '["2026-12-24"]',
        ),
        _may("open_on", _DATES, "Days with business all the same.", '["2026-12-26"]'),
        _may(
            "settles_after_days",
            whole(0, 10),
            "Business days from the start of a payout to the money's arrival.",
            "1",
        ),
    ),
)
