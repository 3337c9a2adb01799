"""When the bank settles: to the second around the cut-off, over weekends, holidays, and the ends of years."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from roadstead.sandbox.bank.calendar import BankCalendar

CALENDAR = BankCalendar(
    cut_off=time(15),
    rests_at_weekends=True,
    holidays=frozenset({date(2026, 12, 25), date(2027, 1, 1)}),
)
SECOND = timedelta(seconds=1)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("accepted", "settles"),
    [
        ("2026-11-24T10:00:00", "2026-11-24T10:00:01"),
        ("2026-11-24T14:59:59", "2026-11-24T15:00:00"),
        ("2026-11-24T15:00:00", "2026-11-25T00:00:00"),
        ("2026-11-27T14:59:58", "2026-11-27T14:59:59"),
        ("2026-11-27T15:00:00", "2026-11-30T00:00:00"),
        ("2026-11-28T09:00:00", "2026-11-30T00:00:00"),
        ("2026-12-24T15:00:00", "2026-12-28T00:00:00"),
        ("2026-12-31T15:00:00", "2027-01-04T00:00:00"),
        ("2028-02-28T15:00:00", "2028-02-29T00:00:00"),
    ],
)
def test_a_payout_settles_at_once_or_on_the_next_open_day(accepted: str, settles: str) -> None:
    assert CALENDAR.settles_at(moment(accepted), SECOND) == moment(settles)


def test_a_delay_over_midnight_ends_on_an_open_day() -> None:
    assert CALENDAR.settles_at(moment("2026-11-27T14:00:00"), timedelta(hours=12)) == moment(
        "2026-11-30T00:00:00"
    )


def test_a_bank_that_never_rests_settles_after_the_delay() -> None:
    assert BankCalendar().settles_at(moment("2026-11-28T23:59:59"), SECOND) == moment("2026-11-29T00:00:00")


def test_later_acceptances_never_settle_earlier() -> None:
    begin = moment("2026-12-20T00:00:00")
    accepted = [begin + timedelta(minutes=37 * number) for number in range(600)]
    settled = [CALENDAR.settles_at(each, timedelta(hours=3)) for each in accepted]
    assert settled == sorted(settled)
    assert all(CALENDAR.is_open(each.date()) for each in settled)
