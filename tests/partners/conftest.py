"""A database for the tests of partners."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from roadstead.database.pool import Database, open_database


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A fresh database, opened."""
    opened = await open_database(database_url, application="test")
    yield opened
    await opened.close()
