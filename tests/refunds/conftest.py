"""A house whose refunds are ordered by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.fixtures.house import House, house_on


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    """A house on a fresh database."""
    async with house_on(database_url) as furnished:
        yield furnished
