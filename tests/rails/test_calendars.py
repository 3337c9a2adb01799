"""Business days, cut-offs, holidays, and the day on which money should be there."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadstead.config.calendar_terms import CalendarTerms, Weekday
from roadstead.errors import ConfigurationError
from roadstead.rails.calendars import BusinessCalendar

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")


def target(**more: Any) -> BusinessCalendar:
    terms: dict[str, Any] = {
        "name": "target",
        "time_zone": "Europe/Berlin",
        "cut_off": time(15),
        "holidays": ("ECB",),
    }
    return BusinessCalendar(CalendarTerms(**(terms | more)))


def fedwire(**more: Any) -> BusinessCalendar:
    terms: dict[str, Any] = {
        "name": "fed",
        "time_zone": "America/New_York",
        "cut_off": time(16, 45),
        "holidays": ("FED",),
    }
    return BusinessCalendar(CalendarTerms(**(terms | more)))


def berlin(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=BERLIN)  # type: ignore[arg-type, misc]  # the parts of a moment


class TestTheCutOff:
    def test_before_it_the_bank_starts_today(self) -> None:
        assert target().starts_on(berlin(2026, 11, 25, 14, 59, 59)) == date(2026, 11, 25)

    def test_at_it_to_the_second_it_starts_tomorrow(self) -> None:
        assert target().starts_on(berlin(2026, 11, 25, 15, 0, 0)) == date(2026, 11, 26)

    def test_is_the_banks_hour_wherever_the_server_stands(self) -> None:
        assert target().starts_on(datetime(2026, 7, 1, 12, 59, tzinfo=UTC)) == date(2026, 7, 1)
        assert target().starts_on(datetime(2026, 7, 1, 13, 0, tzinfo=UTC)) == date(2026, 7, 2)
        assert target().starts_on(datetime(2026, 12, 1, 13, 59, tzinfo=UTC)) == date(2026, 12, 1)

    def test_left_out_is_midnight(self) -> None:
        assert target(cut_off=None).starts_on(berlin(2026, 11, 25, 23, 59, 59)) == date(2026, 11, 25)
        assert target(cut_off=None).starts_on(berlin(2026, 11, 26)) == date(2026, 11, 26)

    def test_the_next_one_is_that_of_the_next_business_day(self) -> None:
        friday_evening = berlin(2026, 11, 27, 18)

        assert target().next_cut_off(friday_evening) == berlin(2026, 11, 30, 15)

    def test_the_next_one_after_itself_is_another(self) -> None:
        cut_off = target().next_cut_off(berlin(2026, 11, 25, 9))

        assert target().next_cut_off(cut_off) == cut_off + timedelta(days=1)

    def test_of_midnight_ends_a_saturday_of_the_bank_that_is_a_sunday_elsewhere(self) -> None:
        bank = target(time_zone="Pacific/Auckland", weekend=(Weekday.SUNDAY,), cut_off=None, holidays=())

        assert bank.starts_on(datetime(2026, 11, 28, 10, 59, tzinfo=UTC)) == date(2026, 11, 28)
        assert bank.starts_on(datetime(2026, 11, 28, 11, 0, tzinfo=UTC)) == date(2026, 11, 30)


class TestDaysWithoutBusiness:
    @pytest.mark.parametrize(
        ("day", "why"),
        [
            (date(2026, 11, 28), "a Saturday"),
            (date(2026, 4, 3), "Good Friday"),
            (date(2026, 4, 6), "Easter Monday"),
            (date(2026, 5, 1), "Labour Day"),
            (date(2026, 12, 25), "Christmas Day"),
            (date(2027, 1, 1), "New Year"),
        ],
    )
    def test_of_target_are_those_of_the_central_bank(self, day: date, why: str) -> None:
        assert not target().is_business_day(day), why

    def test_of_the_federal_reserve_are_not_those_of_europe(self) -> None:
        thanksgiving, labour_day = date(2026, 11, 26), date(2026, 5, 1)

        assert not fedwire().is_business_day(thanksgiving)
        assert target().is_business_day(thanksgiving)
        assert fedwire().is_business_day(labour_day)

    def test_a_holiday_of_the_federal_reserve_on_a_saturday_does_not_move_to_friday(self) -> None:
        assert fedwire().is_business_day(date(2026, 7, 3))

    def test_of_a_country_and_of_a_part_of_it(self) -> None:
        revolution, corpus_christi = date(2026, 11, 16), date(2026, 6, 4)

        assert not target(holidays=("MX",)).is_business_day(revolution)
        assert not target(holidays=("DE-BY",)).is_business_day(corpus_christi)
        assert target(holidays=("DE",)).is_business_day(corpus_christi)

    def test_declared_late_by_the_bank_are_named_in_the_configuration(self) -> None:
        assert target(closed_on=(date(2026, 12, 24),)).starts_on(berlin(2026, 12, 24, 9)) == date(
            2026, 12, 28
        )

    def test_open_days_win_over_everything(self) -> None:
        saturday = date(2026, 12, 26)

        assert target(open_on=(saturday,), closed_on=(saturday,)).is_business_day(saturday)

    def test_without_end_are_a_mistake_of_the_configuration(self) -> None:
        shut = target(closed_on=tuple(date(2026, 1, 1) + timedelta(days=n) for n in range(366)))

        with pytest.raises(ConfigurationError, match="no business day for 60 days"):
            shut.starts_on(berlin(2026, 2, 1))


class TestWhenTheMoneyIsThere:
    def test_the_same_day_where_it_settles_at_once(self) -> None:
        assert target().settles_on(berlin(2026, 11, 25, 9)) == date(2026, 11, 25)

    def test_business_days_later_over_a_weekend(self) -> None:
        assert target(settles_after_days=1).settles_on(berlin(2026, 11, 27, 9)) == date(2026, 11, 30)

    def test_over_the_end_of_the_year(self) -> None:
        new_years_eve = berlin(2026, 12, 31, 15)

        assert target(settles_after_days=1).settles_on(new_years_eve) == date(2027, 1, 5)

    def test_over_easter(self) -> None:
        maundy_thursday = berlin(2026, 4, 2, 16)

        assert target().settles_on(maundy_thursday) == date(2026, 4, 7)

    def test_on_the_leap_day(self) -> None:
        assert target().settles_on(berlin(2028, 2, 28, 16)) == date(2028, 2, 29)

    def test_by_the_end_of_that_day_by_the_banks_clock(self) -> None:
        assert fedwire().settles_by(datetime(2026, 11, 25, 9, tzinfo=NEW_YORK)) == datetime(
            2026, 11, 26, 5, 0, tzinfo=UTC
        )


class TestWhenTheClocksChange:
    def test_in_spring_the_cut_off_is_an_hour_nearer(self) -> None:
        saturday = berlin(2026, 3, 28, 16)

        assert target(weekend=(), holidays=()).next_cut_off(saturday) - saturday == timedelta(hours=22)

    def test_in_autumn_it_is_an_hour_farther(self) -> None:
        saturday = berlin(2026, 10, 24, 16)

        assert target(weekend=(), holidays=()).next_cut_off(saturday) - saturday == timedelta(hours=24)

    def test_a_cut_off_in_the_repeated_hour_is_its_first_time(self) -> None:
        bank = target(weekend=(), holidays=(), cut_off=time(2, 30))

        assert bank.cut_off(date(2026, 10, 25)) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)

    def test_a_cut_off_in_the_hour_that_is_left_out_is_a_moment_all_the_same(self) -> None:
        bank = target(weekend=(), holidays=(), cut_off=time(2, 30))

        assert bank.cut_off(date(2026, 3, 29)) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@given(
    at=st.datetimes(min_value=datetime(2024, 1, 1), max_value=datetime(2030, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis gives them their zone
    days=st.integers(0, 3),
)
def test_whatever_the_moment_money_moves_on_business_days_and_never_backwards(
    at: datetime, days: int
) -> None:
    bank = target(settles_after_days=days)
    starts_on = bank.starts_on(at)

    assert bank.is_business_day(starts_on)
    assert at < bank.cut_off(starts_on)
    assert bank.is_business_day(bank.settles_on(at))
    assert bank.settles_on(at) >= starts_on
    assert bank.starts_on(at + timedelta(hours=1)) >= starts_on
    assert bank.next_cut_off(at) > at
