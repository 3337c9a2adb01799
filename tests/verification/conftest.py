"""A house whose customers are verified."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.fixtures.verification import VerifiedHouse, verified_house_on


@pytest.fixture
async def at(database_url: str) -> AsyncIterator[VerifiedHouse]:
    """The house, with both customers registered and nothing submitted yet."""
    async with verified_house_on(database_url) as found:
        yield found
