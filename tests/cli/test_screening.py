"""Screening at a terminal: importing lists, looking at cases, comparing and deciding."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from tests.fixtures.house import House, house_on
from tests.fixtures.terminal import TerminalInHouse
from tests.screening.lists import NOBODY, ROSA, Listed, ofac
from typer.testing import Result

from roadstead.payouts.states import PayoutStatus
from roadstead.service import gauges
from roadstead.service.metrics import registry


class ListsTerminal(TerminalInHouse):
    """A terminal at which lists are imported."""

    def __init__(self, house: House, database_url: str, folder: Path) -> None:
        super().__init__(house, database_url)
        self._folder = folder

    def file(self, *listed: Listed, published: str = "03/10/2021") -> str:
        path = self._folder / f"{uuid4()}.xml"
        path.write_bytes(ofac(*listed, published=published))
        return str(path)

    async def imports(self, *listed: Listed) -> Result:
        return await self.types("olga", "screening", "import", "--list", "ofac", self.file(*listed))


@pytest.fixture
async def terminal(database_url: str, tmp_path: Path) -> AsyncIterator[ListsTerminal]:
    async with house_on(database_url) as house:
        made = ListsTerminal(house, database_url, tmp_path)
        await made.lets_in("anna", "administrator", by=None)
        await made.lets_in("piet", "approver", by="anna")
        await made.lets_in("olga", "operator", by="anna")
        yield made


async def funded(house: House) -> UUID:
    opened = await house.open()
    await house.pay(opened.memo)
    await house.match()
    return opened.id


class TestLists:
    async def test_are_imported_confirmed_and_shown(self, terminal: ListsTerminal) -> None:
        assert "1 entries, of them 1 new" in (await terminal.imports(NOBODY)).output
        assert "is current" in (await terminal.imports(NOBODY)).output
        shown = await terminal.json(None, "screening", "lists")

        assert [one["name"] for one in shown["lists"]] == ["ofac"]
        assert [one["entries"] for one in shown["imports"]] == [1]
        assert "ofac" in (await terminal.types(None, "screening", "lists")).output

    async def test_have_a_sample(self, terminal: ListsTerminal) -> None:
        result = await terminal.types("olga", "screening", "import", "--sample")

        assert "38 entries" in result.output

    async def test_that_cannot_be_read_are_refused_with_a_sentence(
        self, terminal: ListsTerminal, tmp_path: Path
    ) -> None:
        hostile = tmp_path / "hostile.xml"
        hostile.write_text('<!DOCTYPE x SYSTEM "file:///etc/passwd"><sdnList/>')
        for words in (
            ("--list", "ofac", str(hostile)),
            ("--list", "ofac", str(tmp_path / "absent.xml")),
            ("--list", "un", terminal.file(NOBODY)),
            ("--list", "Not A Name", terminal.file(NOBODY)),
        ):
            result = await terminal.types("olga", "screening", "import", *words)
            assert result.exit_code == 1, result.output
            assert result.exception is None or isinstance(result.exception, SystemExit)


class TestACase:
    async def test_is_listed_compared_and_cleared_by_two_people(self, terminal: ListsTerminal) -> None:
        house = terminal.house
        await terminal.imports(ROSA)
        remittance_id = await funded(house)
        await house.work()
        (case,) = await terminal.json(None, "screening", "cases")
        assert case["subject"] == str(house.receiver_id)
        assert str(house.receiver_id) in (await terminal.types(None, "screening", "cases")).output

        plain = await terminal.types(None, "screening", "show", case["subject"])
        assert "may be on a list" in plain.output
        revealed = await terminal.json("olga", "screening", "show", case["subject"], "--reveal")
        assert revealed["compared"]["first_name"] == "Rosa"
        assert (
            await house.value("SELECT action FROM audit_log ORDER BY id DESC LIMIT 1") == "customer.compared"
        )

        words = ("--digest", case["digest"], "--reason", "another person")
        await terminal.json("olga", "holds", "propose", case["id"], "release", *words)
        await terminal.json("piet", "holds", "approve", case["id"], "--digest", case["digest"])
        await house.work()
        assert (await house.payout(remittance_id)).status is PayoutStatus.ACCEPTED

    async def test_is_revealed_to_nobody_without_a_token(self, terminal: ListsTerminal) -> None:
        customer = str(terminal.house.receiver_id)
        result = await terminal.types(None, "screening", "show", customer, "--reveal")

        assert result.exit_code == 1
        assert "Rosa" not in result.output

    async def test_is_decided_anew_only_by_an_approver(self, terminal: ListsTerminal) -> None:
        customer = str(terminal.house.receiver_id)

        assert (await terminal.types("olga", "screening", "rescreen", customer, "--anew")).exit_code == 1
        assert (await terminal.types("piet", "screening", "rescreen", customer, "--anew")).exit_code == 0
        assert "2 customer(s)" in (await terminal.types("olga", "screening", "rescreen")).output
        assert (await terminal.types("olga", "screening", "rescreen", str(uuid4()))).exit_code == 1


class TestMetrics:
    async def test_show_who_is_due_what_is_open_and_how_old_the_lists_are(
        self, terminal: ListsTerminal
    ) -> None:
        await terminal.imports(ROSA)
        await gauges.refresh(terminal.house.database)
        assert registry.get_sample_value("roadstead_screening_due") == 2

        await funded(terminal.house)
        await terminal.house.work()
        await gauges.refresh(terminal.house.database)
        assert registry.get_sample_value("roadstead_screening_due") == 0
        assert registry.get_sample_value("roadstead_screening_hits", {"status": "open"}) == 1
        assert registry.get_sample_value("roadstead_screening_payouts_waiting") == 1
        age_s = registry.get_sample_value("roadstead_screening_list_age_seconds", {"list": "ofac"})
        assert age_s is not None
        assert 0 <= age_s < 120
