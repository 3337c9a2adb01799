"""The calendars of the `holidays` library, reached one by one, are those that the library gives itself."""

from __future__ import annotations

import subprocess
import sys

import holidays
import pytest
from holidays.utils import list_supported_countries, list_supported_financial

from roadstead.config.holiday_calendars import holidays_of, is_holiday_calendar
from roadstead.errors import InvariantViolated

PARTS = [f"{code}-{part}" for code in ("DE", "GB", "MX", "US") for part in list_supported_countries()[code]]
FINANCIAL = sorted(list_supported_financial())
COUNTRIES = sorted(code for code in list_supported_countries() if len(code) == 2)


class TestACalendar:
    @pytest.mark.parametrize("name", FINANCIAL)
    def test_of_a_market_is_the_librarys(self, name: str) -> None:
        assert is_holiday_calendar(name)
        assert holidays_of(name, 2026) == frozenset(holidays.financial_holidays(name, years=2026))

    @pytest.mark.parametrize("name", [*COUNTRIES, *PARTS])
    def test_of_a_country_or_a_part_of_it_is_the_librarys(self, name: str) -> None:
        code, _, part = name.partition("-")

        assert is_holiday_calendar(name)
        assert holidays_of(name, 2026) == frozenset(
            holidays.country_holidays(code, subdiv=part or None, years=2026)
        )

    @pytest.mark.parametrize("name", ["ATLANTIS", "XX", "DE-ZZ", "ZZ-DE", ""])
    def test_that_the_library_has_not_is_told(self, name: str) -> None:
        assert not is_holiday_calendar(name)

    def test_that_nobody_checked_is_not_taken_for_one_without_holidays(self) -> None:
        with pytest.raises(InvariantViolated, match="no calendar XX"):
            holidays_of("XX", 2026)

    def test_is_loaded_without_the_others(self) -> None:
        program = (
            "import sys\nfrom roadstead.config.holiday_calendars import holidays_of\n"
            "for name in ('ECB', 'FED', 'JP', 'DE-BY'): assert holidays_of(name, 2026)\n"
            "print([name for name in ('holidays.countries', 'holidays.financial') if name in sys.modules])"
        )
        ended = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, check=True, text=True, timeout=60
        )

        assert ended.stdout.strip() == "[]"
