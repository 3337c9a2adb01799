"""Looking after customers at a terminal: who may, what is shown, and what is written down."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import pytest
from tests.fixtures.customers import EXAMPLE, PARTNER, SENDER
from tests.fixtures.terminal import Terminal

from roadstead.clock import SystemClock
from roadstead.config import examples
from roadstead.config.anchor_file import load_anchor
from roadstead.config.confirmable import MessageChannel
from roadstead.customers.identity import Reference
from roadstead.customers.messages import CodeMessage
from roadstead.customers.messengers import FILE_NAME, FileMessenger
from roadstead.customers.registry import CustomerRegistry
from roadstead.customers.vault import LocalKeyProvider
from roadstead.database.pool import open_database
from roadstead.partners.principal import Principal
from roadstead.randomness import SystemRandomness

FIRST = base64.b64decode(examples.DATA_KEY)
SECOND = base64.b64encode(bytes(range(40, 72))).decode()
EMAIL = SENDER["email_address"]


def registered(database_url: str) -> str:
    """Register a customer as a partner does."""

    async def register() -> str:
        database = await open_database(database_url, application="tests", connections_max=2)
        try:
            registry = CustomerRegistry(
                anchor=load_anchor(EXAMPLE),
                database=database,
                keys=LocalKeyProvider(FIRST),
                clock=SystemClock(),
                randomness=SystemRandomness(),
            )
            return str(await registry.register(Principal(account=PARTNER), Reference(memo="1"), SENDER))
        finally:
            await database.close()

    return asyncio.run(register())


@pytest.fixture
def terminal(database_url: str) -> Terminal:
    terminal = Terminal(database_url)
    terminal.lets_in("ada", "administrator", by=None)
    for name, role in (("vic", "viewer"), ("olga", "operator"), ("abel", "approver")):
        terminal.lets_in(name, role, by="ada")
    return terminal


class TestCustomers:
    def test_one_is_found_shown_and_revealed_and_every_look_is_kept(self, terminal: Terminal) -> None:
        customer_id = registered(terminal.database_url)

        assert terminal.json("olga", "customers", "find", "email", EMAIL.upper()) == [customer_id]
        masked = terminal.types("olga", "customers", "show", customer_id).output
        assert "W•••" in masked
        assert EMAIL not in masked
        revealed = terminal.types("abel", "customers", "show", customer_id, "--reveal", "--reason", "A call")
        assert EMAIL in revealed.output

        actions = terminal.fetch("SELECT action FROM audit_log WHERE action LIKE 'customer.%' ORDER BY id")
        assert actions == [("customer.find",), ("customer.show",), ("customer.reveal",)]

    @pytest.mark.parametrize(
        ("person", "words"),
        [
            ("vic", ("show", "{id}")),
            ("vic", ("find", "email", EMAIL)),
            ("olga", ("show", "{id}", "--reveal", "--reason", "Curious")),
            ("olga", ("lift", "{id}", "--reason", "Over")),
            ("olga", ("erase", "{id}", "--reason", "A letter")),
            ("abel", ("show", "{id}", "--reveal")),
            ("abel", ("rotate-keys",)),
            (None, ("show", "{id}")),
        ],
    )
    def test_who_may_not_is_refused_and_sees_nothing(
        self, terminal: Terminal, person: str | None, words: tuple[str, ...]
    ) -> None:
        customer_id = registered(terminal.database_url)
        result = terminal.types(person, "customers", *(word.format(id=customer_id) for word in words))
        assert result.exit_code == 1
        assert "Wilhelmina" not in result.output
        assert terminal.fetch("SELECT 1 FROM audit_log WHERE action LIKE 'customer.%'") == []

    def test_a_legal_hold_outlives_a_deletion_until_it_is_lifted(self, terminal: Terminal) -> None:
        customer_id = registered(terminal.database_url)
        assert terminal.types("olga", "customers", "hold", customer_id, "--reason", "Court 17").exit_code == 0
        deleted = terminal.types("abel", "customers", "erase", customer_id, "--reason", "A letter")
        assert "Restricted. The law asks" in deleted.output
        assert terminal.types("abel", "customers", "erase", customer_id, "--reason", "Again").exit_code == 1

        (kept,) = terminal.json("olga", "customers", "retention")
        assert (kept["id"], kept["standing"]["is_held"]) == (customer_id, True)
        assert "yes" in terminal.types("olga", "customers", "retention").output

        assert terminal.types("abel", "customers", "lift", customer_id, "--reason", "Over").exit_code == 0
        (due,) = terminal.json("olga", "customers", "retention")
        assert due["verdict"]["cause"] is None

    def test_keys_are_rotated_and_the_old_one_is_taken_away(self, terminal: Terminal) -> None:
        customer_id = registered(terminal.database_url)
        both = {
            "ROADSTEAD_DATA_KEY": SECOND,
            "ROADSTEAD_DATA_KEY_VERSION": "2",
            "ROADSTEAD_DATA_KEY_PREVIOUS": examples.DATA_KEY,
        }
        rotated = terminal.types("ada", "customers", "rotate-keys", "--json", **both)
        assert json.loads(rotated.output) == {"customers": 1, "files": 0, "version": 2}
        del both["ROADSTEAD_DATA_KEY_PREVIOUS"]
        assert "W•••" in terminal.types("olga", "customers", "show", customer_id, **both).output
        found = terminal.types("olga", "customers", "find", "email", EMAIL, **both).output
        assert customer_id in found


class TestMessages:
    def test_a_developer_reads_the_codes_of_a_rehearsal(self, terminal: Terminal, tmp_path: Path) -> None:
        messenger = FileMessenger(tmp_path / FILE_NAME, SystemClock())
        message = CodeMessage(
            id="1",
            channel=MessageChannel.EMAIL,
            address=EMAIL,
            subject="Your code",
            text="Your code is 123456.",
            language="en",
        )
        state = {"ROADSTEAD_STATE_DIR": str(tmp_path)}
        assert terminal.types("olga", "customers", "messages", "--json", **state).output.strip() == "[]"
        asyncio.run(messenger.send(message))
        assert "123456" in terminal.types("olga", "customers", "messages", **state).output
        assert (tmp_path / FILE_NAME).stat().st_mode & 0o077 == 0
