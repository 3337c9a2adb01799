"""Importing a list: all of it or nothing, every version kept, and nothing implausible without a person's word."""

import asyncio

import pytest
from tests.fixtures.house import House
from tests.screening.conftest import ImportList
from tests.screening.lists import EU, NOBODY, ROSA, UN, Listed, ofac

from roadstead.errors import BadInput, Conflict
from roadstead.screening import lists_store

MANY = [Listed(uid=100 + number, name=f"Invented Person{number}") for number in range(20)]


async def searched(house: House) -> dict[str, str]:
    async with house.database.connection() as connection:
        return {state.name: state.version for state in await lists_store.states(connection)}


class TestANewVersion:
    async def test_is_searched_and_its_changes_are_counted(
        self, house: House, import_into: ImportList
    ) -> None:
        first = (await import_into(ofac(NOBODY, *MANY))).imported
        changed = Listed(uid=3, name="Ignatius Dreadmore")
        second = (await import_into(ofac(changed, ROSA, *MANY[1:], published="03/11/2021"))).imported

        assert (first.entries, first.added, first.changed, first.removed) == (21, 21, 0, 0)
        assert (second.entries, second.added, second.changed, second.removed) == (21, 1, 1, 1)
        assert await searched(house) == {"ofac": second.version}

    async def test_leaves_what_the_earlier_ones_said(self, house: House, import_into: ImportList) -> None:
        await import_into(ofac(NOBODY, *MANY))
        await import_into(ofac(Listed(uid=3, name="Ignatius Dreadmore"), *MANY, published="03/11/2021"))

        names = await house.value(
            "SELECT array_agg(names[1] ORDER BY since) FROM screening_entries WHERE entry_id = '3'"
        )
        assert names == ["Ignatius Dreadmoor", "Ignatius Dreadmore"]

    async def test_is_written_to_the_audit_log(self, house: House, import_into: ImportList) -> None:
        await import_into(ofac(NOBODY))

        assert await house.value("SELECT action FROM audit_log ORDER BY id DESC LIMIT 1") == (
            "screening_list.imported"
        )

    async def test_of_each_publisher_is_kept_beside_the_others(
        self, house: House, import_into: ImportList
    ) -> None:
        for name, data in (("ofac", ofac(NOBODY)), ("un", UN), ("eu", EU)):
            await import_into(data, name)

        assert list(await searched(house)) == ["eu", "ofac", "un"]


class TestTheSameFileAgain:
    async def test_says_that_it_is_still_current_and_screens_nobody_anew(
        self, house: House, import_into: ImportList
    ) -> None:
        await import_into(ofac(NOBODY))
        await house.screen()
        before = await house.value("SELECT count(*) FROM screenings")
        again = await import_into(ofac(NOBODY))
        await house.screen()

        assert not again.is_new
        assert await house.value("SELECT count(*) FROM screening_list_versions") == 1
        assert await house.value("SELECT count(*) FROM screenings") == before


class TestAnImplausibleFile:
    async def test_that_is_older_asks_for_a_word(self, house: House, import_into: ImportList) -> None:
        kept = (await import_into(ofac(NOBODY))).imported
        with pytest.raises(Conflict, match="is newer"):
            await import_into(ofac(NOBODY, published="03/09/2021"))

        assert await searched(house) == {"ofac": kept.version}
        assert (await import_into(ofac(NOBODY, published="03/09/2021"), force=True)).is_new

    async def test_that_is_much_shorter_asks_for_a_word(self, house: House, import_into: ImportList) -> None:
        await import_into(ofac(NOBODY, *MANY))
        with pytest.raises(Conflict, match="cut off"):
            await import_into(ofac(NOBODY, *MANY[:10], published="03/11/2021"))

        assert (await import_into(ofac(NOBODY, *MANY[:19], published="03/11/2021"))).imported.removed == 1
        assert (await import_into(ofac(NOBODY, published="03/12/2021"), force=True)).imported.removed == 19

    async def test_that_cannot_be_read_changes_nothing(self, house: House, import_into: ImportList) -> None:
        await import_into(ofac(NOBODY))
        before = await searched(house)
        with pytest.raises(BadInput):
            await import_into(ofac(NOBODY)[:-9])

        assert await searched(house) == before


class TestTwoImportsAtOnce:
    async def test_are_done_one_after_the_other(self, house: House, import_into: ImportList) -> None:
        files = [ofac(NOBODY, *MANY, published=f"03/{day}/2021") for day in (10, 11, 12)]
        outcomes = await asyncio.gather(*(import_into(file) for file in files), return_exceptions=True)

        assert any(not isinstance(outcome, Conflict) for outcome in outcomes)
        current = "SELECT count(*) FROM screening_entries WHERE until IS NULL"
        assert await house.value(current) == 21


class TestWhatAListSays:
    async def test_is_never_changed_afterwards(self, house: House, import_into: ImportList) -> None:
        await import_into(ofac(NOBODY))
        for statement in (
            "UPDATE screening_entries SET names = '{}'",
            "DELETE FROM screening_entries",
            "UPDATE screening_list_versions SET entries = 5",
        ):
            with pytest.raises(Exception, match=r"fixed|append-only"):
                await house.execute(statement)
