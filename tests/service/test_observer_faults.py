"""The observer and several Horizons: which one is read, what a reset does, and what never moves the cursor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest
from starlette.requests import Request
from tests.service.test_observer import OPEN_ALERTS, eventually, reads_to, rows, stored_ids, stores
from tests.stellar.scripted_horizon import (
    ACCOUNT,
    PASSPHRASE,
    ScriptedHorizon,
    operation_id,
    payment_record,
    problem,
    scripted_horizon,
)

from roadstead.clock import Clock
from roadstead.database.pool import Database, open_database
from roadstead.payments.cursors import SeedingKind, cursor, cursor_source
from roadstead.service.continuity import begin_anew, known_of
from roadstead.service.observer import Observer
from roadstead.stellar.horizon import HorizonClient
from roadstead.stellar.horizons import ChainBroken, Horizons

SOURCE = cursor_source(ACCOUNT)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await open_database(database_url, application="test")
    yield opened
    await opened.close()


@pytest.fixture
async def horizon() -> AsyncIterator[ScriptedHorizon]:
    async with scripted_horizon() as scripted:
        yield scripted


@pytest.fixture
async def second() -> AsyncIterator[ScriptedHorizon]:
    async with scripted_horizon() as scripted:
        yield scripted


class MovedClock:
    """A clock that is off from a network's by some time."""

    def __init__(self, horizon: ScriptedHorizon, by: timedelta) -> None:
        self._horizon = horizon
        self._by = by

    def now(self) -> datetime:
        """Return the network's time, moved."""
        return self._horizon.now() + self._by


@asynccontextmanager
async def observing(
    database: Database,
    *servers: ScriptedHorizon,
    clock: Clock | None = None,
    rest_s: float = 0.2,
    **options: Any,
) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        clients = [HorizonClient(server.url, answer_timeout_s=2.0) for server in servers]
        for client in clients:
            stack.push_async_callback(client.close)
        time = clock or servers[0]
        observer = Observer(
            account=ACCOUNT,
            database=database,
            horizons=Horizons(clients, network_passphrase=PASSPHRASE, clock=time, rest_s=rest_s),
            clock=time,
            rescan_every_s=0.2,
            balances_every_s=0.2,
            backoff_max_s=0.3,
            **options,
        )
        stop = asyncio.Event()
        running = asyncio.create_task(observer.run(stop))
        try:
            yield
            assert not running.done(), "the observer has ended by itself"
        finally:
            stop.set()
            await running


async def alerts(database: Database) -> list[str]:
    return [row[0] for row in await rows(database, OPEN_ALERTS)]


async def tells(database: Database, *kinds: str) -> None:
    async def is_told() -> bool:
        return await alerts(database) == sorted(kinds)

    await eventually(is_told)


async def asked_again(server: ScriptedHorizon, times: int = 3) -> None:
    wanted = server.requests.count("root") + times

    async def was_asked() -> bool:
        return server.requests.count("root") >= wanted

    await eventually(was_asked)


class TestSeveralHorizons:
    async def test_the_first_is_read_while_it_answers(
        self, database: Database, horizon: ScriptedHorizon, second: ScriptedHorizon
    ) -> None:
        horizon.add(payment_record(101))
        async with observing(database, horizon, second):
            await stores(database, 101)
        assert second.requests == []

    async def test_the_second_takes_over_and_the_first_is_read_again_later(
        self, database: Database, horizon: ScriptedHorizon, second: ScriptedHorizon
    ) -> None:
        for server in (horizon, second):
            server.add(payment_record(101))
        horizon.root_fault = problem(503, "Still Ingesting")
        async with observing(database, horizon, second):
            await stores(database, 101)
            assert "page" not in horizon.requests
            horizon.root_fault = None
            horizon.add(payment_record(102))
            await stores(database, 101, 102)

    async def test_pages_that_fail_are_read_from_the_second(
        self, database: Database, horizon: ScriptedHorizon, second: ScriptedHorizon
    ) -> None:
        for server in (horizon, second):
            server.add(payment_record(101))
        horizon.page_fault = problem(410, "Data Requested Is Before Recorded History")
        async with observing(database, horizon, second, rest_s=60):
            await stores(database, 101)

    async def test_one_of_another_network_is_passed_over(
        self, database: Database, horizon: ScriptedHorizon, second: ScriptedHorizon
    ) -> None:
        horizon.passphrase = "Another Network"
        horizon.add(payment_record(101, amount="1.0000000"))
        second.add(payment_record(101))
        async with observing(database, horizon, second):
            await stores(database, 101)
        assert "page" not in horizon.requests
        (payment,) = await rows(database, "SELECT amount_units FROM payments")
        assert payment["amount_units"] == 1_000_000_000

    async def test_one_that_lags_is_left_for_one_that_does_not(
        self, database: Database, horizon: ScriptedHorizon, second: ScriptedHorizon
    ) -> None:
        second.add(payment_record(150))
        async with observing(database, horizon, second, clock=second):
            await stores(database, 150)
            await reads_to(database, 150)
        assert "page" not in horizon.requests

    async def test_when_all_lag_the_best_is_read_and_the_mark_tells_its_true_time(
        self, database: Database, horizon: ScriptedHorizon
    ) -> None:
        horizon.add(payment_record(101))
        async with observing(database, horizon, clock=MovedClock(horizon, timedelta(hours=2))):
            await stores(database, 101)
            await reads_to(database, 101)
        (mark,) = await rows(database, "SELECT ledger_closed_at FROM cursors")
        assert mark["ledger_closed_at"] == horizon.closed_at(101)

    async def test_a_ledger_from_the_future_moves_no_mark(
        self, database: Database, horizon: ScriptedHorizon
    ) -> None:
        horizon.add(payment_record(101))
        async with observing(database, horizon, clock=MovedClock(horizon, timedelta(hours=-2))):
            await stores(database, 101)
            await asked_again(horizon)
        (mark,) = await rows(database, "SELECT ledger, ledger_closed_at FROM cursors")
        assert tuple(mark) == (None, None)

    async def test_one_far_behind_what_was_read_is_not_read_and_moves_nothing(
        self, database: Database, horizon: ScriptedHorizon
    ) -> None:
        horizon.add(payment_record(150))
        async with observing(database, horizon):
            await reads_to(database, 150)
            before = await rows(database, "SELECT position, ledger, ledger_closed_at FROM cursors")
            horizon.latest_ledger = 100
            pages = horizon.requests.count("page")
            await asked_again(horizon)
            assert horizon.requests.count("page") <= pages + 1
        assert await rows(database, "SELECT position, ledger, ledger_closed_at FROM cursors") == before
        assert await alerts(database) == []

    async def test_a_liar_cannot_lead_the_cursor_past_the_ledger_it_named(
        self, database: Database, horizon: ScriptedHorizon
    ) -> None:
        horizon.add(payment_record(101))
        horizon.records.append(horizon.records[0].replace(b'"%d"' % operation_id(101), b'"%d"' % (2**62)))
        async with observing(database, horizon):
            await stores(database, 101)
            await reads_to(database, 101)
            horizon.records.pop()
            horizon.add(payment_record(102))
            await stores(database, 101, 102)


class TestReset:
    async def reset(self, database: Database, horizon: ScriptedHorizon) -> None:
        """Read one life of the network up to ledger 110, and begin another one with the same operation ids."""
        horizon.add(payment_record(101), payment_record(110))
        async with observing(database, horizon):
            await stores(database, 101, 110)
            await reads_to(database, 110)
        await rows(
            database, "UPDATE payments SET disposition = 'unmatched', reason = 'x', disposed_at = now()"
        )
        horizon.begin_anew(latest_ledger=105)
        horizon.add(
            payment_record(101, transaction_hash="e" * 64), payment_record(103, transaction_hash="f" * 64)
        )

    async def test_where_money_is_real_nothing_is_read_and_a_person_is_told(
        self, database: Database, horizon: ScriptedHorizon
    ) -> None:
        await self.reset(database, horizon)
        pages = horizon.requests.count("page")
        before = await rows(database, "SELECT * FROM cursors")
        async with observing(database, horizon):
            await tells(database, "chain_reset")
            await asked_again(horizon, 5)
        assert horizon.requests.count("page") == pages
        assert await rows(database, "SELECT * FROM cursors") == before
        (alert,) = await rows(database, "SELECT severity, count, message FROM alerts")
        assert (alert["severity"], alert["count"]) == ("critical", 1)
        assert "roadstead chain reseed" in alert["message"]

    async def test_on_a_test_network_reading_begins_anew_and_nothing_of_the_old_life_returns(
        self, database: Database, horizon: ScriptedHorizon
    ) -> None:
        await self.reset(database, horizon)
        async with observing(database, horizon, reseeds_by_itself=True):
            await reads_to(database, 105)
        found = await rows(
            database, "SELECT operation_id, transaction_hash, disposition FROM payments ORDER BY 1"
        )
        shifted = 111 << 32
        assert [tuple(row) for row in found] == [
            (operation_id(101), f"{operation_id(101):064x}", "unmatched"),
            (operation_id(110), f"{operation_id(110):064x}", "unmatched"),
            (operation_id(101) + shifted, "e" * 64, "stored"),
            (operation_id(103) + shifted, "f" * 64, "stored"),
        ]
        assert await rows(database, "SELECT 1 FROM undecodable_records") == []
        (seeding,) = await rows(database, "SELECT number, kind, actor, position_after FROM chain_seedings")
        assert tuple(seeding) == (1, "reset", "observer", "0")
        (act,) = await rows(database, "SELECT actor, action FROM audit_log")
        assert tuple(act) == ("observer", "chain.reseeded")
        assert await alerts(database) == []

    async def test_a_second_reset_is_survived_as_well(
        self, database: Database, horizon: ScriptedHorizon
    ) -> None:
        await self.reset(database, horizon)
        async with observing(database, horizon, reseeds_by_itself=True):
            await reads_to(database, 105)
            horizon.begin_anew(latest_ledger=50)
            horizon.add(payment_record(101, transaction_hash="d" * 64))
            await reads_to(database, 101)
        keys = await stored_ids(database)
        assert len(keys) == 5
        assert keys[-1] == operation_id(101) + ((111 + 106) << 32)

    async def test_a_life_that_has_outgrown_the_old_one_is_told_apart_by_its_close_times(
        self, database: Database, horizon: ScriptedHorizon
    ) -> None:
        await self.reset(database, horizon)
        horizon.add(payment_record(500, transaction_hash="c" * 64))
        async with observing(database, horizon, reseeds_by_itself=True):
            await reads_to(database, 500)
        assert len(await stored_ids(database)) == 5

    async def test_one_that_still_shows_the_old_life_is_believed_while_it_is_fresh(
        self, database: Database, horizon: ScriptedHorizon, second: ScriptedHorizon
    ) -> None:
        await self.reset(database, horizon)
        second.add(payment_record(101), payment_record(110), payment_record(111))
        async with observing(database, horizon, second, clock=second, reseeds_by_itself=True):
            await stores(database, 101, 110, 111)
        assert await rows(database, "SELECT 1 FROM chain_seedings") == []

    async def test_a_page_under_way_while_a_person_sets_the_cursor_anew_is_given_up(
        self, database: Database, horizon: ScriptedHorizon
    ) -> None:
        async with observing(database, horizon):
            await reads_to(database, 100)
        client = HorizonClient(horizon.url)
        asked, go_on = asyncio.Event(), asyncio.Event()

        async def hold(_: Request) -> None:
            asked.set()
            await go_on.wait()

        horizon.page_fault = hold
        horizon.add(payment_record(101))
        async with observing(database, horizon):
            await asked.wait()
            finding = await Horizons([client], network_passphrase=PASSPHRASE, clock=horizon).prove(None)
            async with database.transaction() as connection:
                committed = await cursor(connection, SOURCE)
                assert committed is not None
                await begin_anew(
                    connection, SOURCE, committed, SeedingKind.RESET, finding, actor="tests", reason="a test"
                )
            horizon.page_fault = None
            go_on.set()
            await reads_to(database, 101)
        assert await stored_ids(database) == [operation_id(101) + (101 << 32)]
        await client.close()


class TestOldCursor:
    async def test_a_gap_stops_reading_until_a_longer_history_is_there(
        self, database: Database, horizon: ScriptedHorizon, second: ScriptedHorizon
    ) -> None:
        async with observing(database, horizon):
            await reads_to(database, 100)
        for server in (horizon, second):
            server.add(payment_record(150), payment_record(300))
        horizon.elder_ledger = 200
        async with observing(database, horizon):
            await tells(database, "chain_gap")
            assert await stored_ids(database) == []
        async with observing(database, horizon, second):
            await stores(database, 150, 300)
        assert await alerts(database) == []

    async def test_on_a_test_network_the_gap_is_stepped_over_and_on_record(
        self, database: Database, horizon: ScriptedHorizon
    ) -> None:
        async with observing(database, horizon):
            await reads_to(database, 100)
        horizon.elder_ledger = 200
        horizon.add(payment_record(300))
        async with observing(database, horizon, reseeds_by_itself=True):
            await stores(database, 300)
        (seeding,) = await rows(database, "SELECT kind, position_after, ledger_offset FROM chain_seedings")
        assert tuple(seeding) == ("gap", str((200 << 32) - 1), 0)


class TestTheProof:
    async def test_a_chain_that_was_never_read_needs_none(self) -> None:
        assert known_of(None) is None

    async def test_a_reset_is_told_with_what_the_server_says(
        self, database: Database, horizon: ScriptedHorizon
    ) -> None:
        horizon.add(payment_record(110))
        async with observing(database, horizon):
            await reads_to(database, 110)
        horizon.begin_anew(latest_ledger=120)
        client = HorizonClient(horizon.url)
        async with database.connection() as connection:
            committed = await cursor(connection, SOURCE)
        with pytest.raises(ChainBroken, match="was reset"):
            await Horizons([client], network_passphrase=PASSPHRASE, clock=horizon).prove(known_of(committed))
        await client.close()


class TestEffects:
    async def test_a_merge_whose_effects_cannot_be_had_holds_nothing_up_and_stays_visible(
        self, database: Database, horizon: ScriptedHorizon
    ) -> None:
        horizon.effects_fault = problem(503, "Stale History")
        horizon.add(
            payment_record(101, type="account_merge", account="G" + "B" * 55, into=ACCOUNT),
            payment_record(102),
        )
        async with observing(database, horizon):
            await stores(database, 101, 102)
        found: list[asyncpg.Record] = await rows(
            database, "SELECT amount_units FROM payments ORDER BY operation_id"
        )
        assert [row[0] for row in found] == [None, 1_000_000_000]
        assert horizon.requests.count("effects") == 5
