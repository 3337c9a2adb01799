"""`roadstead ledger` as an operator and an accountant use it, on a real database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from tests.fixtures.house import House, house_on
from tests.fixtures.scripted_rail import Behaviour
from tests.fixtures.terminal import Terminal
from typer.testing import Result


async def _delivered(house: House) -> UUID:
    opened = await house.open("100")
    await house.pay(opened.memo)
    await house.match()
    house.rail.script.append(Behaviour.SETTLE)
    await house.work()
    return opened.id


async def _tampered(house: House) -> UUID:
    remittance_id = await _delivered(house)
    async with house.database.transaction() as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("UPDATE remittances SET status = 'pending_receiver'")
    return remittance_id


class Accountant:
    """Somebody at a terminal with read access to a database."""

    def __init__(self, database_url: str) -> None:
        self.database_url = database_url

    def finds(self, prepare: Callable[[House], Awaitable[UUID]]) -> UUID:
        async def enter() -> UUID:
            async with house_on(self.database_url) as house:
                return await prepare(house)

        return asyncio.run(enter())

    def types(self, *words: str) -> Result:
        return Terminal(self.database_url).types(None, "ledger", *words)


@pytest.fixture
def accountant(database_url: str) -> Accountant:
    return Accountant(database_url)


class TestVerifying:
    def test_sound_books_end_with_success(self, accountant: Accountant) -> None:
        accountant.finds(_delivered)
        told = accountant.types("verify")
        assert told.exit_code == 0
        assert "The books are sound: 3 postings" in told.output
        assert {line.partition(" ")[0] for line in told.output.splitlines()[:-1]} == {"ok"}

    def test_a_fault_ends_with_failure_and_names_the_row(self, accountant: Accountant) -> None:
        remittance_id = accountant.finds(_tampered)
        told = accountant.types("verify")
        assert told.exit_code == 1
        assert "wrong remittance_status" in told.output
        assert f"{remittance_id}: status pending_receiver beside payout settled: a bank has it" in told.output

    def test_machines_read_the_same(self, accountant: Accountant) -> None:
        remittance_id = accountant.finds(_tampered)
        told = accountant.types("verify", "--json")
        content = json.loads(told.output)
        assert (told.exit_code, content["sound"]) == (1, False)
        subjects = {
            finding["subject"] for outcome in content["report"]["outcomes"] for finding in outcome["findings"]
        }
        assert str(remittance_id) in subjects


class TestReading:
    def test_balances_stand_on_the_debit_or_the_credit_side(self, accountant: Accountant) -> None:
        accountant.finds(_delivered)
        lines = [line.split() for line in accountant.types("balances").output.splitlines()]
        assert lines[0] == ["Account", "Debit", "Credit", "Asset"]
        assert ["bank:sepa", "99.40", "EUR"] in lines
        assert ["tokens:received", "100.0000000", "EURX"] in lines

    def test_postings_of_a_remittance_are_told_in_their_order(self, accountant: Accountant) -> None:
        remittance_id = accountant.finds(_delivered)
        told = accountant.types("postings", "--remittance", str(remittance_id), "--json")
        assert [posting["event"] for posting in json.loads(told.output)] == [
            "payment_matched",
            "payout_submitted",
            "payout_settled",
        ]
        text = accountant.types("postings", "--remittance", str(remittance_id)).output
        assert text.index("payouts:owed") < text.index("transit:sepa") < text.index("bank:sepa")

    def test_of_no_remittance_there_are_none(self, accountant: Accountant) -> None:
        accountant.finds(_delivered)
        told = accountant.types("postings", "--remittance", str(UUID(int=0)), "--json")
        assert json.loads(told.output) == []

    def test_what_is_no_id_is_refused(self, accountant: Accountant) -> None:
        told = accountant.types("postings", "--remittance", "mine")
        assert told.exit_code == 1
        assert "no remittance id" in told.stderr
