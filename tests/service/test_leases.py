"""One leader at a time: taken, renewed, given back, taken over, and proved in the transaction that writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from tests.service.processes import python_process
from tests.service.relay import Relay

from roadstead.database.pool import Database, open_database
from roadstead.errors import LeadershipLost
from roadstead.service.leases import Leadership

HOLDER_PROGRAM = """
import asyncio, sys
from roadstead.database.pool import open_database
from roadstead.service.leases import Leadership

async def main():
    database = await open_database(sys.argv[1], application="holder")
    async with Leadership(database, role="observer", holder="other process").kept() as leadership:
        await leadership.wait_until_held(asyncio.Event())
        async with database.transaction() as connection:
            await leadership.confirm(connection)
            if sys.argv[2] == "between preparing and executing":
                await connection.prepare("SELECT 1")
            print("held", flush=True)
            if sys.argv[2] != "outside":
                await asyncio.sleep(60)
        await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await open_database(database_url, application="test")
    yield opened
    await opened.close()


def claim(database: Database, holder: str, *, lease_s: float = 5.0, renew_every_s: float = 0.1) -> Leadership:
    return Leadership(database, role="observer", holder=holder, lease_s=lease_s, renew_every_s=renew_every_s)


async def held(leadership: Leadership, *, within_s: float = 10.0) -> None:
    async with asyncio.timeout(within_s):
        await leadership.wait_until_held(asyncio.Event())


async def confirm(database: Database, leadership: Leadership) -> None:
    async with database.transaction() as connection:
        await leadership.confirm(connection)


async def row(database: Database) -> asyncpg.Record:
    async with database.connection() as connection:
        found = await connection.fetchrow(
            "SELECT holder, epoch, expires_at > clock_timestamp() AS is_held FROM leases WHERE role = 'observer'"
        )
    assert found is not None
    return found


class TestOneHolder:
    async def test_the_first_takes_the_role_and_the_second_waits(self, database: Database) -> None:
        async with claim(database, "first").kept() as first:
            await held(first)
            async with claim(database, "second").kept() as second:
                await asyncio.sleep(0.7)
                assert not second.is_held
                await confirm(database, first)
                with pytest.raises(LeadershipLost):
                    await confirm(database, second)

    async def test_a_renewed_lease_outlives_its_length(self, database: Database) -> None:
        async with claim(database, "first", lease_s=0.5).kept() as first:
            await held(first)
            await asyncio.sleep(1.2)
            await confirm(database, first)
            assert first.epoch == 1

    async def test_many_claims_at_once_make_one_leader(self, database: Database) -> None:
        claims = [claim(database, f"holder {number}") for number in range(4)]
        async with claims[0].kept(), claims[1].kept(), claims[2].kept(), claims[3].kept():
            _, waiting = await asyncio.wait([asyncio.create_task(held(one)) for one in claims], timeout=1.5)
            assert len(waiting) == 3
            assert sum(one.is_held for one in claims) == 1
            for task in waiting:
                task.cancel()


class TestHandover:
    async def test_a_released_role_is_free_at_once_and_the_epoch_rises(self, database: Database) -> None:
        async with claim(database, "second").kept() as second:
            async with claim(database, "first").kept():
                pass
            await held(second)
            before = (await row(database))["epoch"]
        async with claim(database, "third", lease_s=60.0).kept() as third:
            await held(third, within_s=3)
            assert third.epoch == before + 1

    async def test_who_is_released_no_longer_confirms(self, database: Database) -> None:
        async with claim(database, "first").kept() as first:
            await held(first)
        with pytest.raises(LeadershipLost):
            await confirm(database, first)
        assert not (await row(database))["is_held"]

    async def test_the_same_holder_in_a_new_term_gets_a_new_epoch(self, database: Database) -> None:
        async with claim(database, "first").kept() as first:
            await held(first)
        async with claim(database, "first").kept() as again:
            await held(again)
            assert again.epoch == 2


class TestStaleHolder:
    async def test_a_holder_that_was_overtaken_cannot_write(self, database: Database) -> None:
        async with claim(database, "first", renew_every_s=60).kept() as first:
            await held(first)
            await expire(database)
            async with claim(database, "second").kept() as second:
                await held(second)
                assert first.is_held, "the first has not noticed yet"
                with pytest.raises(LeadershipLost):
                    await confirm(database, first)
                assert first.epoch is None
                await confirm(database, second)

    async def test_a_lease_that_ran_out_does_not_confirm_even_if_nobody_took_over(
        self, database: Database
    ) -> None:
        async with claim(database, "first", renew_every_s=60).kept() as first:
            await held(first)
            await expire(database)
            with pytest.raises(LeadershipLost):
                await confirm(database, first)

    async def test_a_transaction_begun_before_the_lease_ran_out_does_not_confirm_after(
        self, database: Database
    ) -> None:
        async with claim(database, "first", renew_every_s=60).kept() as first:
            await held(first)
            async with database.transaction() as connection:
                await connection.fetchval("SELECT now()")
                await expire(database)
                with pytest.raises(LeadershipLost):
                    await first.confirm(connection)

    async def test_nobody_takes_over_between_confirmation_and_commit(self, database: Database) -> None:
        async with (
            claim(database, "first", lease_s=0.5, renew_every_s=60).kept() as first,
            claim(database, "second").kept() as second,
        ):
            await held(first)
            async with database.transaction() as connection:
                await first.confirm(connection)
                await asyncio.sleep(1.5)
                assert not second.is_held
                assert await connection.fetchval("SELECT epoch FROM leases") == 1
            await held(second)


async def expire(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("UPDATE leases SET expires_at = clock_timestamp()")


class TestTakeover:
    @pytest.mark.parametrize("where", ["outside", "inside", "between preparing and executing"])
    async def test_of_a_stopped_process_also_in_the_middle_of_a_transaction(
        self, database: Database, database_url: str, where: str
    ) -> None:
        with python_process(HOLDER_PROGRAM, database_url, where) as process:
            await process.says("held")
            process.stop()
            async with claim(database, "here").kept() as here:
                await held(here, within_s=15)
                process.resume()
                await confirm(database, here)

    async def test_of_a_process_behind_a_dead_socket(self, database: Database, database_url: str) -> None:
        async with (
            Relay.to(database_url) as relay,
            opened(relay.url) as far_database,
            claim(far_database, "far").kept() as far,
        ):
            await held(far)
            relay.swallow()
            async with claim(database, "here").kept() as here:
                await held(here, within_s=10)
                assert not far.is_held
                relay.cut()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = await open_database(url, application="far")
    try:
        yield database
    finally:
        await database.close()
