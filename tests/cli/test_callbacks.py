"""`roadstead callbacks` as an operator uses it, on a real database."""

from __future__ import annotations

import asyncio
import getpass
import json
from uuid import uuid4

import pytest
from tests.fixtures.callbacks import Outbox
from tests.fixtures.house import house_on
from tests.fixtures.receiver import receiving, status
from tests.fixtures.terminal import Terminal
from typer.testing import Result

from roadstead.partners.registry import change_callback_hosts


class Operator:
    """Somebody at a terminal, with one callback that failed and one that waits behind it."""

    def __init__(self, database_url: str) -> None:
        self.database_url = database_url
        self.remittance_id = asyncio.run(self._prepare())

    async def _prepare(self) -> str:
        async with house_on(self.database_url) as house, receiving() as receiver:
            await change_callback_hosts(house.database, "Example Sender", "tests", add=["127.0.0.1"])
            outbox = Outbox(house=house)
            receiver.always = status(500, b"[red]we are closed[/red]")
            remittance_id = await outbox.moved(receiver.url)
            await outbox.deliver()
            for client in outbox.clients:
                await client.close()
        return str(remittance_id)

    def types(self, *words: str) -> Result:
        """Run `roadstead callbacks` with these words."""
        return Terminal(self.database_url).types(None, "callbacks", *words)

    def fetch(self, query: str) -> list[tuple[object, ...]]:
        """Read from the database."""
        return Terminal(self.database_url).fetch(query)


@pytest.fixture
def operator(database_url: str) -> Operator:
    return Operator(database_url)


class TestLooking:
    def test_the_list_shows_what_waits_newest_first(self, operator: Operator) -> None:
        listed = json.loads(operator.types("list", "--json").output)
        assert [(entry["event"], entry["status"], entry["tries"]) for entry in listed] == [
            ("pending_external", "waiting", 0),
            ("pending_receiver", "waiting", 1),
        ]
        shown = operator.types("list", "--status", "waiting", "--remittance", operator.remittance_id).output
        assert "Example Sender" in shown
        assert operator.remittance_id in shown

    def test_the_list_can_be_narrowed(self, operator: Operator) -> None:
        assert json.loads(operator.types("list", "--status", "delivered", "--json").output) == []
        assert json.loads(operator.types("list", "--remittance", str(uuid4()), "--json").output) == []
        assert len(json.loads(operator.types("list", "--limit", "1", "--json").output)) == 1

    def test_one_callback_is_shown_with_its_bytes_and_every_try(self, operator: Operator) -> None:
        callback_id = str(json.loads(operator.types("list", "--json").output)[-1]["id"])
        shown = operator.types("show", callback_id).output
        assert '{"transaction":{"id":' in shown
        assert "[red]we are closed[/red]" in shown
        content = json.loads(operator.types("show", callback_id, "--json").output)
        assert json.loads(content["callback"]["body"])["transaction"]["status"] == "pending_receiver"
        [entry] = content["tries"]
        assert (entry["outcome"], entry["http_status"]) == ("refused", 500)


class TestReplaying:
    def test_it_makes_them_due_and_is_written_down(self, operator: Operator) -> None:
        ids = [str(entry["id"]) for entry in json.loads(operator.types("list", "--json").output)]
        assert operator.fetch("SELECT id FROM callbacks WHERE due_at <= now()") == []
        assert operator.types("replay", *ids, ids[0]).exit_code == 0
        assert len(operator.fetch("SELECT id FROM callbacks WHERE due_at <= now()")) == 2
        audit = operator.fetch("SELECT actor, action, subject FROM audit_log WHERE action LIKE 'callback.%'")
        assert audit == [
            (getpass.getuser(), "callback.replayed", f"callback {callback_id}")
            for callback_id in sorted(ids, key=int)
        ]


class TestRefusals:
    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            (("show", "999"), "no callback 999"),
            (("replay", "999"), "no callback 999"),
            (("list", "--remittance", "x"), "no remittance id"),
        ],
    )
    def test_they_are_sentences_and_not_tracebacks(
        self, operator: Operator, words: tuple[str, ...], reason: str
    ) -> None:
        result = operator.types(*words)
        assert result.exit_code == 1
        assert reason in " ".join(result.output.split())
        assert "Traceback" not in result.output
