"""`roadstead partners` as an operator uses it, on a real database."""

from __future__ import annotations

import getpass
import json

import pytest
from tests.fixtures.authentication import key
from tests.fixtures.terminal import Terminal
from typer.testing import Result

FIRST, SECOND = key("first").public_key, key("second").public_key


class Operator:
    """Somebody at a terminal."""

    def __init__(self, database_url: str) -> None:
        self.database_url = database_url

    def types(self, *words: str) -> Result:
        """Run `roadstead partners` with these words."""
        return Terminal(self.database_url).types(None, "partners", *words)

    def audit(self) -> list[tuple[str, str]]:
        """Who did what, as the audit log has it."""
        return Terminal(self.database_url).fetch("SELECT actor, action FROM audit_log ORDER BY id")


@pytest.fixture
def operator(database_url: str) -> Operator:
    return Operator(database_url)


class TestAddingAndListing:
    def test_a_partner_that_was_added_is_listed_for_people_and_for_machines(self, operator: Operator) -> None:
        added = operator.types("add", "Sending Anchor", FIRST, SECOND)
        assert (added.exit_code, FIRST in added.output) == (0, True)
        listed = operator.types("list")
        assert all(word in listed.output for word in ("Sending Anchor", "active", FIRST, SECOND))
        (partner,) = json.loads(operator.types("list", "--json").output)
        assert (partner["name"], partner["status"], partner["disabled_at"]) == (
            "Sending Anchor",
            "active",
            None,
        )
        assert sorted(partner["accounts"]) == sorted([FIRST, SECOND])

    def test_a_name_with_markup_is_shown_as_it_is(self, operator: Operator) -> None:
        operator.types("add", "[red]Anchor[/red]", FIRST)
        assert "[red]Anchor[/red]" in operator.types("list").output

    def test_the_audit_log_has_the_name_of_who_typed(self, operator: Operator) -> None:
        operator.types("add", "Sending Anchor", FIRST)
        operator.types("disable", "Sending Anchor")
        operator.types("enable", "Sending Anchor")
        user = getpass.getuser()
        assert operator.audit() == [
            (user, "partner.added"),
            (user, "partner.disabled"),
            (user, "partner.enabled"),
        ]


class TestCallbackHosts:
    def test_they_are_agreed_when_a_partner_is_added_and_later(self, operator: Operator) -> None:
        added = operator.types("add", "Sending Anchor", FIRST, "--callback-host", "sender.example")
        assert "sender.example" in added.output
        changed = operator.types(
            "hosts", "Sending Anchor", "--add", "b.example:8443", "--remove", "sender.example", "--json"
        )
        (partner,) = json.loads(changed.output)
        assert partner["callback_hosts"] == ["b.example:8443"]
        shown = operator.types("hosts", "Sending Anchor")
        assert "b.example:8443" in shown.output
        assert [action for _, action in operator.audit()] == [
            "partner.added",
            "partner.callback_hosts_changed",
            "partner.callback_hosts_changed",
        ]


class TestRefusals:
    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            (("add", "Sending Anchor", "GABC"), "is not valid"),
            (("add", "Sending Anchor", key("first").secret), "secret seed"),
            (("hosts", "Nobody"), "There is no partner 'Nobody'"),
            (("hosts", "Nobody", "--add", "https://x"), "is not valid"),
            (("disable", "Nobody"), "There is no partner 'Nobody'"),
            (("enable", "Nobody"), "There is no partner 'Nobody'"),
        ],
    )
    def test_they_are_sentences_and_not_tracebacks(
        self, operator: Operator, words: tuple[str, ...], reason: str
    ) -> None:
        result = operator.types(*words)
        assert result.exit_code == 1
        assert reason in " ".join(result.output.split())
        assert "Traceback" not in result.output
        assert key("first").secret not in result.output

    def test_a_disabled_partner_is_shown_as_such(self, operator: Operator) -> None:
        operator.types("add", "Sending Anchor", FIRST)
        (partner,) = json.loads(operator.types("disable", "Sending Anchor", "--json").output)
        assert partner["status"] == "disabled"
        assert partner["disabled_at"].endswith("Z")
