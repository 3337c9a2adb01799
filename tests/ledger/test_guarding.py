"""What happens by itself when the books are not sound: money stays where it is, and people are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from tests.fixtures.house import House, house_on

from roadstead.ledger.guarding import guard
from roadstead.screening.clearance import requirements_of
from roadstead.service.leases import Leadership
from roadstead.service.scheduler import ROLE, run_scheduler

ALERTS = """
SELECT array_agg(subject || ' ' || status || ' ' || severity ORDER BY subject) FROM alerts WHERE kind = 'books_unsound'
"""
STOPS = "SELECT array_agg(COALESCE(asset, 'every asset') ORDER BY asset) FROM stops WHERE resumed_at IS NULL"


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        yield furnished


async def funded(house: House) -> UUID:
    opened = await house.open("100")
    await house.pay(opened.memo)
    await house.match()
    return opened.id


async def plant(house: House, statement: str) -> None:
    async with house.database.transaction() as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(statement)


class TestSoundBooks:
    async def test_nothing_is_stopped_and_nobody_is_told(self, house: House) -> None:
        await funded(house)
        guarded = await guard(house.database)
        assert (guarded.report.is_sound, guarded.stops) == (True, ())
        assert await house.value(ALERTS) is None
        assert await house.work() == 1


class TestUnsoundBooks:
    async def test_money_of_that_asset_stays_where_it_is(self, house: House) -> None:
        await funded(house)
        await plant(house, "UPDATE payments SET amount_units = 7")
        await guard(house.database)
        assert await house.value(STOPS) == [house.eurx.id]
        assert await house.work() == 0
        assert house.rail.submissions == []

    async def test_a_critical_alert_names_the_rows(self, house: House) -> None:
        await funded(house)
        await plant(house, "UPDATE payments SET amount_units = 7")
        await guard(house.database)
        operation_id = await house.value("SELECT operation_id::text FROM payments")
        assert await house.value(ALERTS) == ["payments_booked open critical"]
        assert f"found {operation_id}." in await house.value(
            "SELECT message FROM alerts WHERE kind = 'books_unsound'"
        )

    async def test_repeating_it_stops_once_and_counts_the_alert_up(self, house: House) -> None:
        await funded(house)
        await plant(house, "UPDATE payments SET amount_units = 7")
        first = await guard(house.database)
        second = await guard(house.database)
        assert first.stops == second.stops
        assert await house.value("SELECT count FROM alerts WHERE kind = 'books_unsound'") == 2

    async def test_what_concerns_no_single_asset_stops_all_of_them(self, house: House) -> None:
        await funded(house)
        await plant(house, "UPDATE postings SET event = 'invented'")
        await guard(house.database)
        assert await house.value(STOPS) == ["every asset"]

    async def test_a_migrations_check_alerts_and_stops_nothing(self, house: House) -> None:
        await plant(house, "INSERT INTO leases VALUES ('nobody', 'nobody', 0, now())")
        assert (await guard(house.database)).stops == ()
        assert await house.value(ALERTS) == ["migrations open critical"]

    async def test_the_alert_ends_with_its_cause_and_the_stop_waits_for_people(self, house: House) -> None:
        await funded(house)
        await plant(house, "UPDATE payments SET amount_units = 7")
        await guard(house.database)
        await plant(house, "UPDATE payments SET amount_units = 1000000000")
        assert (await guard(house.database)).report.is_sound
        assert await house.value(ALERTS) == ["payments_booked closed critical"]
        assert await house.value(STOPS) == [house.eurx.id]
        assert await house.work() == 0


class TestTheScheduler:
    async def test_verifies_the_books_when_it_begins_to_lead(self, house: House) -> None:
        await funded(house)
        await plant(house, "UPDATE payments SET amount_units = 7")
        stop = asyncio.Event()
        leadership = Leadership(house.database, role=ROLE, holder="tests")
        async with leadership.kept(), asyncio.timeout(20):
            work = asyncio.create_task(
                run_scheduler(
                    house.database,
                    {},
                    leadership=leadership,
                    screening=requirements_of(house.configuration),
                    clock=house.clock,
                    stop=stop,
                )
            )
            while await house.value(STOPS) is None:  # noqa: ASYNC110 - the database tells, no event does
                await asyncio.sleep(0.1)
            stop.set()
            await work
        assert await house.value(STOPS) == [house.eurx.id]
