"""A database in which people work."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from roadstead.database.pool import Database, open_database


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await open_database(database_url, application="tests", connections_max=6)
    try:
        yield opened
    finally:
        await opened.close()
