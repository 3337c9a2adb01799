"""A house whose partner may be called on this machine, and a way to deliver what is due."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.fixtures.callbacks import Outbox
from tests.fixtures.house import House, house_on

from roadstead.database.migrate import APP_ROLE
from roadstead.partners.registry import change_callback_hosts


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    # With the rights of the server and no more.
    async with house_on(f"{database_url}?role={APP_ROLE}") as furnished:
        await change_callback_hosts(
            furnished.database, "Example Sender", "tests", add=["127.0.0.1", "localhost"]
        )
        yield furnished


@pytest.fixture
async def outbox(house: House) -> AsyncIterator[Outbox]:
    opened = Outbox(house=house)
    yield opened
    for client in opened.clients:
        await client.close()
