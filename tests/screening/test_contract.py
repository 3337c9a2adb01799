"""The built-in screener keeps the contract that integrators put their own to."""

from datetime import date

import pytest
from tests.fixtures.house import House
from tests.screening.conftest import ImportList
from tests.screening.lists import NOBODY, ofac

from roadstead.contract.screener import ScreenerContract
from roadstead.screening.protocol import Screener
from roadstead.screening.subjects import Subject


class BuiltInBench:
    """The built-in screener over a database of its own."""

    listed = Subject(persons=("Ignatius Dreadmoor",), birth_date=date(1971, 3, 14), countries=("MLT",))
    unlisted = Subject(persons=("Leopoldina Zweig",))

    def __init__(self, house: House, import_into: ImportList) -> None:
        self.house = house
        self.import_into = import_into

    @property
    def screener(self) -> Screener:
        return self.house.screener

    async def change_lists(self) -> bool:
        await self.import_into(ofac(NOBODY, published="03/12/2021"))
        return True

    async def go_away(self) -> bool:
        await self.house.database.close()
        return True


class TestTheBuiltInScreener(ScreenerContract):
    @pytest.fixture
    async def bench(self, house: House, import_into: ImportList) -> BuiltInBench:
        await import_into(ofac(NOBODY))
        return BuiltInBench(house, import_into)
