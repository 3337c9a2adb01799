"""`roadstead statements` as an operator uses it, on a real database."""

from __future__ import annotations

import asyncio
import json

import pytest
from tests.fixtures.bank_statements import line, statement
from tests.fixtures.environment import ANCHOR_FILE
from tests.fixtures.house import house_on
from typer.testing import CliRunner, Result

from roadstead.cli import application
from roadstead.config import examples
from roadstead.statements.booking import book_waiting
from roadstead.statements.taking import take


@pytest.fixture
def url(database_url: str) -> str:
    """A database with one statement in the books, and one that is broken."""

    async def prepare() -> None:
        async with house_on(database_url) as house:
            told = [statement("S1", "1000", line("1", "-3.50")), statement("S3", "7", line("1", "1"))]
            async with house.database.transaction() as connection:
                await take(connection, "sepa", told, house.clock.now())
            await book_waiting(house.database, {"sepa": house.desk}, house.clock)

    asyncio.run(prepare())
    return database_url


def types(url: str, *words: str) -> Result:
    environment = {
        "ROADSTEAD_NETWORK": "sandbox",
        "ROADSTEAD_ANCHOR_FILE": str(ANCHOR_FILE),
        "ROADSTEAD_HOME_DOMAIN": "localhost:8080",
        "ROADSTEAD_PUBLIC_URL": "http://localhost:8080",
        "ROADSTEAD_SIGNING_SECRET": examples.SIGNING_SEED,
        "ROADSTEAD_DISTRIBUTION_ACCOUNT": examples.DISTRIBUTION_ACCOUNT,
        "ROADSTEAD_JWT_SECRET": examples.JWT_SECRET,
        "ROADSTEAD_DATA_KEY": examples.DATA_KEY,
        "ROADSTEAD_ASSET_EURX_ISSUER": examples.ISSUER,
        "ROADSTEAD_ASSET_USDC_ISSUER": examples.ISSUER,
        "ROADSTEAD_DATABASE_URL": url,
        "COLUMNS": "240",
    }
    return CliRunner().invoke(application(), ["statements", *words], env=environment)


class TestTheCommands:
    def test_list_shows_the_chain_and_what_is_broken(self, url: str) -> None:
        done = types(url, "list")
        assert done.exit_code == 0, done.output
        assert "broken: gap" in done.output
        listed = json.loads(types(url, "list", "--status", "linked", "--json").output)
        assert [one["identity"] for one in listed] == ["S1"]

    def test_show_says_what_became_of_every_line(self, url: str) -> None:
        assert "suspended: unknown" in types(url, "show", "1").output
        assert json.loads(types(url, "show", "1", "--json").output)["statement"]["lines"] == 1
        assert types(url, "show", "99").exit_code != 0

    def test_balance_puts_the_bank_beside_the_books(self, url: str) -> None:
        done = types(url, "balance")
        assert "closed at 996.50 EUR" in done.output
        assert "the books have 996.50 EUR" in done.output

    def test_set_aside_ends_what_is_broken(self, url: str) -> None:
        done = types(url, "set-aside", "2", "--reason", "before our time")
        assert done.exit_code == 0, done.output
        assert json.loads(types(url, "list", "--status", "broken", "--json").output) == []
