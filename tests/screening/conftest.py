from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from tests.fixtures.house import House, house_on

from roadstead.screening.importing import ImportOutcome, import_list

ImportList = Callable[..., Awaitable[ImportOutcome]]


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        yield furnished


@pytest.fixture
def import_into(house: House) -> ImportList:
    async def do(data: bytes, name: str = "ofac", *, force: bool = False) -> ImportOutcome:
        return await import_list(house.database, name, data, actor="tests", clock=house.clock, force=force)

    return do
