"""Every commit passes a boundary before and after, named after whoever opened the transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from roadstead.boundaries import boundary, is_watched, watched_by
from roadstead.database.pool import Connection, Database, open_database
from roadstead.errors import Conflict

HERE = __name__


class Stopped(Exception):
    pass


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = await open_database(url, application="tests", connections_max=2)
    try:
        async with database.connection() as connection:
            await connection.execute("CREATE TABLE marks (mark integer)")
        yield database
    finally:
        await database.close()


async def write(database: Database) -> None:
    async with database.transaction() as connection:
        await put(connection)


async def read(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.fetch("SELECT mark FROM marks")


async def write_and_fail(database: Database) -> None:
    async with database.transaction() as connection:
        await put(connection)
        raise Conflict("Nothing of it.")


async def write_outside(database: Database) -> None:
    async with database.connection() as connection:
        await connection.fetch("SELECT mark FROM marks")
        await put(connection)
        await connection.fetchval("DELETE FROM marks RETURNING mark")


async def write_twice(database: Database) -> None:
    async with database.transaction() as connection:
        await put(connection)
    try:
        async with database.connection() as connection:
            await put(connection)
    finally:
        async with database.transaction() as connection:
            await put(connection)


async def put(connection: Connection) -> None:
    await connection.execute("INSERT INTO marks VALUES (1)")


async def count(database: Database) -> int:
    async with database.connection() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM marks"))


class TestATransaction:
    async def test_passes_a_boundary_before_and_one_after_its_commit(self, database_url: str) -> None:
        passed: list[str] = []
        async with opened(database_url) as database:
            with watched_by(passed.append):
                await write(database)

        assert passed == [f"{HERE}.write.commit.before", f"{HERE}.write.commit.after"]

    @pytest.mark.parametrize(("moment", "marks"), [("before", 0), ("after", 1)])
    async def test_is_not_committed_before_and_is_committed_after(
        self, database_url: str, moment: str, marks: int
    ) -> None:
        def stop(name: str) -> None:
            if name.endswith(moment):
                raise Stopped

        async with opened(database_url) as database:
            with watched_by(stop), pytest.raises(Stopped):
                await write(database)
            assert await count(database) == marks

    async def test_that_wrote_nothing_says_that_it_only_read(self, database_url: str) -> None:
        passed: list[str] = []
        async with opened(database_url) as database:
            with watched_by(passed.append):
                await read(database)

        assert passed == [f"{HERE}.read.read"]

    async def test_that_is_undone_passes_none(self, database_url: str) -> None:
        passed: list[str] = []
        async with opened(database_url) as database:
            with watched_by(passed.append), pytest.raises(Conflict):
                await write_and_fail(database)
            assert await count(database) == 0

        assert passed == []


class TestAFunctionThatOpensSeveral:
    async def test_has_a_name_for_each(self, database_url: str) -> None:
        passed: list[str] = []
        async with opened(database_url) as database:
            with watched_by(passed.append):
                await write_twice(database)

        name = f"{HERE}.write_twice"
        assert passed[::2] == [f"{name}.commit.before", f"{name}.2.commit.before", f"{name}.3.commit.before"]


class TestAStatementOutsideATransaction:
    async def test_is_a_commit_of_its_own(self, database_url: str) -> None:
        passed: list[str] = []
        async with opened(database_url) as database:
            with watched_by(passed.append):
                await write_outside(database)
            assert await count(database) == 0

        name = f"{HERE}.write_outside"
        assert passed == [
            f"{name}.read",
            f"{name}.commit.before",
            f"{name}.commit.after",
            f"{name}.commit.before",
            f"{name}.commit.after",
        ]

    async def test_cannot_open_a_transaction_that_nobody_would_see(self, database_url: str) -> None:
        async with opened(database_url) as database:
            with watched_by(lambda _: None):
                async with database.connection() as connection:
                    with pytest.raises(AttributeError, match="open it at the database"):
                        connection.transaction()

    async def test_can_open_one_that_only_reads(self, database_url: str) -> None:
        passed: list[str] = []
        async with opened(database_url) as database:
            with watched_by(passed.append):
                async with database.connection() as connection, connection.transaction(readonly=True):
                    await connection.fetch("SELECT mark FROM marks")

        assert len(passed) == 1
        assert passed[0].endswith(".read")


class TestWhenNobodyWatches:
    async def test_nothing_happens_at_a_boundary(self, database_url: str) -> None:
        passed: list[str] = []
        async with opened(database_url) as database:
            with watched_by(passed.append):
                assert is_watched()
            await write(database)
            boundary("rail.poll.before")

        assert not is_watched()
        assert passed == []
