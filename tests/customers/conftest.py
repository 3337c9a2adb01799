"""A registry of customers on a real database, with the rights of the server and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.fixtures.customers import EXAMPLE

from roadstead.clock import ManualClock
from roadstead.config.anchor_file import load_anchor
from roadstead.customers.registry import CustomerRegistry
from roadstead.customers.vault import LocalKeyProvider
from roadstead.database.migrate import APP_ROLE
from roadstead.database.pool import Database, open_database
from roadstead.randomness import SystemRandomness

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await open_database(f"{database_url}?role={APP_ROLE}", application="test")
    yield opened
    await opened.close()


@pytest.fixture
def registry(database: Database) -> CustomerRegistry:
    return CustomerRegistry(
        anchor=load_anchor(EXAMPLE),
        database=database,
        keys=LocalKeyProvider(bytes(range(32))),
        clock=ManualClock(),
        randomness=SystemRandomness(),
    )
