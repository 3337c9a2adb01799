"""A database in which people work, with the rights of the server and no more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fixtures.certificates import Certificate, certificate_for

from roadstead.database.migrate import APP_ROLE
from roadstead.database.pool import Database, open_database


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    url = f"{database_url}?role={APP_ROLE}"
    opened = await open_database(url, application="tests", connections_max=6)
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return certificate_for("localhost", tmp_path)
