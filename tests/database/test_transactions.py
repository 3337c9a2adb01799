"""A transaction whose process stands still gives its locks back, wherever the process was halted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from roadstead.database.pool import Database, limit_transaction, open_database
from roadstead.errors import Unavailable

LIMIT = "SELECT current_setting('transaction_timeout')"
LOCK = "SELECT pg_advisory_xact_lock(7)"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await open_database(database_url, application="test", connections_max=3)
    yield opened
    await opened.close()


async def lock(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(LOCK)


async def stand_still_between_preparing_and_executing(
    database: Database, limit_s: float, *, until: asyncio.Event
) -> None:
    """Hold a lock meanwhile; PostgreSQL does not count this as idle, as it waits for the rest of what was begun."""
    async with database.transaction() as connection:
        await limit_transaction(connection, limit_s)
        await connection.execute("SET LOCAL idle_in_transaction_session_timeout = '100ms'")
        await connection.execute(LOCK)
        await connection.prepare("SELECT 1")
        await until.wait()
        await connection.fetchval("SELECT 1")


@asynccontextmanager
async def standing_still(database: Database, limit_s: float) -> AsyncIterator[asyncio.Task[None]]:
    until = asyncio.Event()
    task = asyncio.create_task(stand_still_between_preparing_and_executing(database, limit_s, until=until))
    while not await locked(database):  # noqa: ASYNC110 - only the database knows
        await asyncio.sleep(0.01)
    yield task
    until.set()
    await asyncio.wait([task])


async def locked(database: Database) -> bool:
    async with database.connection() as connection:
        found: bool = await connection.fetchval(
            # The server's other databases are other tests'.
            "SELECT EXISTS (SELECT FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database "
            "WHERE l.locktype = 'advisory' AND d.datname = current_database())"
        )
    return found


class TestATransactionThatStandsStill:
    async def test_is_ended_when_its_time_is_over(self, database: Database) -> None:
        async with standing_still(database, 0.5) as task:
            await lock(database)

        assert isinstance(task.exception(), Unavailable)

    async def test_would_hold_its_locks_without_that(self, database: Database) -> None:
        async with standing_still(database, 0) as task:
            with pytest.raises(Unavailable):
                await lock(database)

        assert task.exception() is None


class TestTheLimit:
    async def test_holds_for_every_transaction_of_a_pool(self, database: Database) -> None:
        async with database.transaction() as one, database.transaction() as other:
            assert [await one.fetchval(LIMIT), await other.fetchval(LIMIT)] == ["30s", "30s"]

    async def test_of_one_transaction_ends_with_it(self, database_url: str) -> None:
        opened = await open_database(database_url, application="test", connections_max=1)
        async with opened.transaction() as connection:
            await limit_transaction(connection, 8)
            assert await connection.fetchval(LIMIT) == "8s"
        async with opened.connection() as connection:
            assert await connection.fetchval(LIMIT) == "30s"
        await opened.close()

    async def test_can_be_taken_away_for_what_takes_long(self, database: Database) -> None:
        async with database.transaction() as connection:
            await limit_transaction(connection, 0.2)
            await limit_transaction(connection, 0)
            await asyncio.sleep(0.4)

            assert await connection.fetchval("SELECT 1") == 1
