"""A house whose refunds are ordered by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.fixtures.chain import Chain, chain_at, network_process
from tests.fixtures.house import House, house_on
from tests.refunds.sending import Sending, sending_from


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    """A house on a fresh database."""
    async with house_on(database_url) as furnished:
        yield furnished


@pytest.fixture
async def chain() -> AsyncIterator[Chain]:
    """A network on which ledgers close as soon as a transaction comes."""
    with network_process("--close", "on-submit", "--submit-timeout", "2") as url:
        async with chain_at(url) as network:
            await network.furnish()
            yield network


@pytest.fixture
async def sending(house: House, chain: Chain) -> AsyncIterator[Sending]:
    """A house that sends its refunds on the network."""
    async with sending_from(house, chain) as ready:
        yield ready
