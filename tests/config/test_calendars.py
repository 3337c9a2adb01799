"""Calendars in `anchor.toml`: what may stand there, and how mistakes are told."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path

import pytest

from roadstead.config.anchor import Anchor
from roadstead.config.anchor_file import load_anchor
from roadstead.config.calendar_terms import Weekday
from roadstead.errors import ConfigurationError

ANCHOR = """
[organization]
name = "Small Anchor"

[[assets]]
code = "EURX"
name = "Euro"
description = "One euro."
issued = true
delivers = "iso4217:EUR"
amount_min = 1
amount_max = 100
fee_fixed = 0
fee_percent = 0
funding_methods = ["SEPA"]

[[funding_methods]]
name = "SEPA"
description = "Credit transfer."
rail = "sepa"

[[rails]]
name = "sepa"
currency = "iso4217:EUR"
calendar = "target"

[[calendars]]
name = "target"
"""


def load(folder: Path, calendar: str) -> Anchor:
    path = folder / "anchor.toml"
    path.write_text(ANCHOR + calendar)
    return load_anchor(path)


def problem(folder: Path, calendar: str) -> str:
    with pytest.raises(ConfigurationError) as refusal:
        load(folder, calendar)
    return refusal.value.message


def test_everything_that_a_bank_publishes_can_be_said(tmp_path: Path) -> None:
    anchor = load(
        tmp_path,
        """
        time_zone = "Europe/Berlin"
        cut_off = "15:30"
        weekend = ["Sunday", "saturday"]
        holidays = ["ECB", "DE-BY"]
        closed_on = ["2026-12-24", 2026-12-31]
        open_on = [2026-12-26]
        settles_after_days = 1
        """,
    )
    calendar = anchor.calendar("target")

    assert calendar.cut_off == time(15, 30)
    assert calendar.weekend == (Weekday.SATURDAY, Weekday.SUNDAY)
    assert calendar.closed_on == (date(2026, 12, 24), date(2026, 12, 31))
    assert calendar.settles_after_days == 1


def test_a_name_is_enough(tmp_path: Path) -> None:
    assert load(tmp_path, "").calendar("target").cut_off is None


@pytest.mark.parametrize(
    ("calendar", "told"),
    [
        ('time_zone = "Mars/Olympus"', "a time zone of IANA such as Europe/Berlin"),
        ('time_zone = "../etc"', "a time zone of IANA"),
        ('cut_off = "25:00"', "an hour such as 15:00"),
        ("cut_off = 15", "an hour such as 15:00"),
        ('weekend = ["caturday"]', "a list of days of the week"),
        ('weekend = "sunday"', "a list of days of the week"),
        ('holidays = ["ATLANTIS"]', "a list of calendars: ECB, FED"),
        ('holidays = ["DE-ZZ"]', "a list of calendars: ECB, FED"),
        ('closed_on = ["2026-02-30"]', "a list of dates such as 2026-12-24"),
        ('closed_on = ["20261224"]', "a list of dates such as 2026-12-24"),
        ("settles_after_days = 11", "a whole number from 0 to 10"),
        (
            'weekend = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]',
            "nothing is ever paid out",
        ),
    ],
)
def test_a_mistake_is_told_with_what_to_write_instead(tmp_path: Path, calendar: str, told: str) -> None:
    assert told in problem(tmp_path, calendar)


def test_a_rail_whose_calendar_is_not_there_is_told(tmp_path: Path) -> None:
    path = tmp_path / "anchor.toml"
    path.write_text(ANCHOR.replace('[[calendars]]\nname = "target"', '[[calendars]]\nname = "targett"'))

    with pytest.raises(
        ConfigurationError, match=r"rails sepa: calendar: target is not among \[\[calendars\]\]"
    ):
        load_anchor(path)
