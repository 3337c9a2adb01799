"""`roadstead statements suspense`, `line`, `resolve`, `correct` and `import` at a terminal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fixtures.bank_statements import line, statement
from tests.fixtures.house import house_on
from tests.fixtures.mock_bank import OUR_IBAN
from tests.fixtures.terminal import TerminalInHouse
from tests.statements.test_importing import camt

from roadstead.statements.booking import book_waiting
from roadstead.statements.resolving import apply_resolutions
from roadstead.statements.taking import take


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[TerminalInHouse]:
    async with house_on(database_url) as house:
        fee = line("1", "-3.50", counterparty_name="The Bank", information="Fee")
        async with house.database.transaction() as connection:
            await take(connection, "sepa", [statement("S1", "1000", fee)], house.clock.now())
        await book_waiting(house.database, {"sepa": house.desk}, house.clock)
        made = TerminalInHouse(house, database_url)
        await made.lets_in("anna", "administrator", by=None)
        await made.lets_in("piet", "approver", by="anna")
        await made.lets_in("olga", "operator", by="anna")
        yield made


class TestResolving:
    async def test_one_proposes_another_agrees_and_a_worker_books_it(self, desk: TerminalInHouse) -> None:
        (waiting,) = await desk.json(None, "statements", "suspense")
        assert (waiting["id"], waiting["why"]) == (1, "unknown")
        words = ("statements", "resolve", "1", "--as", "bank_fee", "--reason", "fee of January")
        hold = (await desk.json("olga", *words))["hold"]
        assert (hold["status"], hold["content"]["account"]) == ("proposed", "fees:bank")
        done = await desk.types("piet", "holds", "approve", hold["id"], "--digest", hold["digest"][:12])
        assert done.exit_code == 0, done.output
        await apply_resolutions(desk.house.database, desk.house.clock)

        assert await desk.json(None, "statements", "suspense") == []
        shown = await desk.json(None, "statements", "line", "1")
        assert (shown["line"]["status"], shown["history"][0]["purpose"]) == ("resolved", "bank_fee")
        wrong = ("statements", "correct", "1", "--reason", "it was interest")
        assert (await desk.json("olga", *wrong))["hold"]["content"]["action"] == "correct"

    @pytest.mark.parametrize("words", [(), ("--as", "payout"), ("--as", "capital", "--attempt", "A1")])
    async def test_says_what_is_missing(self, desk: TerminalInHouse, words: tuple[str, ...]) -> None:
        done = await desk.types("olga", "statements", "resolve", "1", "--reason", "why", *words)
        assert done.exit_code == 2

    async def test_needs_a_person(self, desk: TerminalInHouse) -> None:
        done = await desk.types(
            None, "statements", "resolve", "1", "--as", "bank_fee", "--reason", "fee of January"
        )
        assert done.exit_code != 0
        assert await desk.house.held() == []


class TestLooking:
    async def test_shows_whom_a_line_names_only_to_who_may_see_it_and_says_why(
        self, desk: TerminalInHouse
    ) -> None:
        assert "The Bank" not in (await desk.types(None, "statements", "line", "1")).output
        words = ("statements", "line", "1", "--reveal", "--reason", "to call them")
        assert "The Bank" in (await desk.types("piet", *words)).output
        refused = await desk.types("olga", *words)
        assert refused.exit_code != 0
        assert "The Bank" not in refused.output
        assert (await desk.types("piet", "statements", "line", "1", "--reveal")).exit_code == 2


class TestImporting:
    async def test_takes_a_statement_in_for_an_approver(self, desk: TerminalInHouse, tmp_path: Path) -> None:
        file = tmp_path / "portal.xml"
        file.write_bytes(camt(opening="996.50", closing="1001.50", account=OUR_IBAN))
        rail = {
            "ROADSTEAD_RAIL_SEPA_KIND": "iso20022",
            "ROADSTEAD_RAIL_SEPA_ACCOUNT": OUR_IBAN,
            "ROADSTEAD_RAIL_SEPA_ACCOUNT_NAME": "Example Anchor",
            "ROADSTEAD_RAIL_SEPA_CHANNEL": str(tmp_path / "bank"),
        }
        words = ("statements", "import", str(file), "--rail", "sepa")
        refused = await desk.types("olga", *words, **rail)
        assert refused.exit_code != 0
        assert "approve" in refused.output

        done = await desk.types("piet", *words, **rail)
        assert done.exit_code == 0, done.output
        assert "Statement 2 (number 7) is broken: other_account" in done.output
        again = await desk.types("piet", *words, **rail)
        assert "known already" in again.output

    async def test_is_for_rails_that_bring_files(self, desk: TerminalInHouse, tmp_path: Path) -> None:
        file = tmp_path / "portal.xml"
        file.write_bytes(b"<a/>")
        bank = {"ROADSTEAD_RAIL_SEPA_URL": "http://127.0.0.1:8090"}
        done = await desk.types("piet", "statements", "import", str(file), "--rail", "sepa", **bank)
        assert done.exit_code != 0
        assert "tells its statements by itself" in done.output
        assert (await desk.types("piet", "statements", "import", str(file), "--rail", "x")).exit_code != 0
