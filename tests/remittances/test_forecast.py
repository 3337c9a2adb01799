"""When a partner may expect the status of a remittance to change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.fixtures.house import house_on

from roadstead.config.anchor import Anchor
from roadstead.config.calendar_terms import CalendarTerms
from roadstead.remittances.forecast import seconds_until_change
from roadstead.remittances.states import RemittanceStatus
from roadstead.remittances.store import Remittance

FRIDAY_NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
MONDAY_IS_OVER = datetime(2026, 12, 1, tzinfo=UTC)
WEEKDAYS = CalendarTerms(name="weekdays", settles_after_days=1)


async def seconds(
    database_url: str,
    status: RemittanceStatus,
    *,
    status_at: datetime = FRIDAY_NOON,
    now: datetime = FRIDAY_NOON,
    calendar: CalendarTerms | None = WEEKDAYS,
    funded: bool = True,
) -> int | None:
    async with house_on(database_url) as house:
        opened = await house.open()
        remittance: Remittance = replace(
            await house.remittance(opened.id),
            status=status,
            status_at=status_at,
            funded_by=1 if funded else None,
        )
        return seconds_until_change(with_calendar(house.configuration.anchor, calendar), remittance, now)


def with_calendar(anchor: Anchor, calendar: CalendarTerms | None) -> Anchor:
    rails = tuple(replace(rail, calendar=calendar.name if calendar else None) for rail in anchor.rails)
    return replace(anchor, rails=rails, calendars=(calendar,) if calendar else ())


@pytest.mark.parametrize("status", [RemittanceStatus.PENDING_RECEIVER, RemittanceStatus.PENDING_EXTERNAL])
async def test_what_is_under_way_tells_when_the_money_should_be_there(
    database_url: str, status: RemittanceStatus
) -> None:
    assert await seconds(database_url, status) == (MONDAY_IS_OVER - FRIDAY_NOON).total_seconds()


async def test_what_the_bank_has_counts_from_when_it_took_it_on(database_url: str) -> None:
    now = FRIDAY_NOON + timedelta(days=1)

    assert (
        await seconds(database_url, RemittanceStatus.PENDING_EXTERNAL, now=now)
        == (MONDAY_IS_OVER - now).total_seconds()
    )


async def test_a_forecast_that_was_wrong_is_told_no_more(database_url: str) -> None:
    assert await seconds(database_url, RemittanceStatus.PENDING_EXTERNAL, now=MONDAY_IS_OVER) is None


async def test_a_rail_that_never_rests_gives_no_forecast(database_url: str) -> None:
    assert await seconds(database_url, RemittanceStatus.PENDING_EXTERNAL, calendar=None) is None


async def test_nothing_is_forecast_of_what_is_not_paid(database_url: str) -> None:
    assert await seconds(database_url, RemittanceStatus.PENDING_RECEIVER, funded=False) is None


@pytest.mark.parametrize(
    "status",
    [
        RemittanceStatus.PENDING_SENDER,
        RemittanceStatus.COMPLETED,
        RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE,
    ],
)
async def test_nothing_is_forecast_of_what_waits_for_others_or_is_over(
    database_url: str, status: RemittanceStatus
) -> None:
    assert await seconds(database_url, status) is None
