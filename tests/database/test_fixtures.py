"""The databases that tests are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from tests.fixtures.database import Server


async def _tables(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS trace (number int)")
        rows = await connection.fetch("SELECT number FROM trace")
        await connection.execute("INSERT INTO trace VALUES (1)")
        return [row[0] for row in rows]
    finally:
        await connection.close()


class TestFreshDatabase:
    async def test_one_test_leaves_rows(self, empty_database_url: str) -> None:
        assert await _tables(empty_database_url) == []

    async def test_and_the_next_does_not_see_them(self, empty_database_url: str) -> None:
        assert await _tables(empty_database_url) == []

    async def test_a_connection_left_open_does_not_hinder_the_drop(self, empty_database_url: str) -> None:
        connection = await asyncpg.connect(empty_database_url)
        assert await connection.fetchval("SELECT 1") == 1
        connection.terminate()

    def test_the_server_is_the_same_for_the_whole_run(
        self, postgres: Server, empty_database_url: str
    ) -> None:
        assert empty_database_url.startswith(postgres.url.rsplit("/", 1)[0])
        assert postgres.prefix in empty_database_url
