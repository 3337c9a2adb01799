"""Operators, holds, alerts and the emergency stop, as people use them at a terminal on a real database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.fixtures.terminal import Terminal

from roadstead.config import examples
from roadstead.database.pool import open_database
from roadstead.operations.resuming import apply_resumes


def worker_works(terminal: Terminal) -> None:
    """Let a worker apply what was decided."""

    async def work() -> None:
        database = await open_database(terminal.database_url, application="tests", connections_max=2)
        try:
            await apply_resumes(database)
        finally:
            await database.close()

    asyncio.run(work())


@pytest.fixture
def terminal(database_url: str) -> Terminal:
    made = Terminal(database_url)
    made.lets_in("anna", "administrator", by=None)
    made.lets_in("piet", "approver", by="anna")
    made.lets_in("olga", "operator", by="anna")
    return made


class TestPeople:
    def test_a_token_is_shown_once_in_words(self, terminal: Terminal) -> None:
        result = terminal.types(
            "anna", "operators", "add", "vera", "--email", "vera@anchor.example", "--role", "viewer"
        )

        assert result.exit_code == 0
        assert "rso_" in result.output
        assert "rso_" not in terminal.types(None, "operators", "list").output

    def test_nobody_adds_people_without_saying_who_they_are(self, terminal: Terminal) -> None:
        words = ("operators", "add", "eve", "--email", "eve@anchor.example", "--role", "administrator")

        for person in (None, "piet"):
            assert terminal.types(person, *words).exit_code == 1
        assert [entry["name"] for entry in terminal.json(None, "operators", "list")] == [
            "anna",
            "olga",
            "piet",
        ]

    def test_a_token_may_come_from_a_file(self, terminal: Terminal, tmp_path: Path) -> None:
        file = tmp_path / "token"
        file.write_text(terminal.tokens["anna"] + "\n")
        found = terminal.types(None, "operators", "disable", "olga", ROADSTEAD_OPERATOR_TOKEN_FILE=str(file))
        missing = terminal.types(
            None, "operators", "disable", "piet", ROADSTEAD_OPERATOR_TOKEN_FILE=str(tmp_path / "no")
        )

        assert (found.exit_code, missing.exit_code) == (0, 1)

    def test_who_is_disabled_does_nothing_any_more(self, terminal: Terminal) -> None:
        assert terminal.types("anna", "operators", "disable", "olga").exit_code == 0

        assert terminal.types("olga", "stop", "all", "--reason", "leak").exit_code == 1
        assert terminal.fetch("SELECT count(*) FROM stops") == [(0,)]

    def test_renewing_a_token_ends_the_old_one(self, terminal: Terminal) -> None:
        old = terminal.tokens["olga"]
        terminal.tokens["olga"] = terminal.json("olga", "operators", "rotate", "olga")["token"]

        assert terminal.types("olga", "alerts", "acknowledge", "1").exit_code == 0
        terminal.tokens["olga"] = old
        assert terminal.types("olga", "alerts", "acknowledge", "2").exit_code == 1


class TestOtherCommands:
    ADD = ("partners", "add", "Harbour", examples.OWN_ACCOUNT)

    def test_are_written_down_under_the_operator_who_gives_a_token(self, terminal: Terminal) -> None:
        assert terminal.types("anna", *self.ADD).exit_code == 0

        ((actor,),) = terminal.fetch("SELECT actor FROM audit_log WHERE action = 'partner.added'")
        ((anna,),) = terminal.fetch("SELECT 'operator ' || id FROM operators WHERE name = 'anna'")
        assert actor == anna

    def test_are_refused_to_whom_the_role_does_not_let(self, terminal: Terminal) -> None:
        result = terminal.types("piet", *self.ADD)

        assert (result.exit_code, terminal.fetch("SELECT count(*) FROM partners")) == (1, [(0,)])


class TestTheEmergencyStop:
    def test_takes_one_person_to_pull_and_two_to_release(self, terminal: Terminal) -> None:
        (stop,) = terminal.json("olga", "stop", "payouts", "--asset", "EURX", "--reason", "leak")
        assert [entry["id"] for entry in terminal.json(None, "stops")] == [stop["id"]]
        assert stop["asset"].startswith("stellar:EURX:")

        hold = terminal.json("piet", "resume", stop["id"], "--reason", "closed the leak")
        approve = ("holds", "approve", hold["id"], "--digest", hold["digest"][:12])
        assert terminal.types("piet", *approve).exit_code == 1
        assert terminal.types("olga", *approve).exit_code == 1
        worker_works(terminal)
        assert len(terminal.json(None, "stops")) == 1

        assert terminal.types("anna", *approve).exit_code == 0
        worker_works(terminal)
        assert terminal.json(None, "stops") == []

    def test_tells_how_to_go_on(self, terminal: Terminal) -> None:
        (stop,) = terminal.json("olga", "stop", "all", "--reason", "leak")

        told = terminal.types("piet", "resume", stop["id"], "--reason", "closed").output
        assert "roadstead holds approve" in told
        (alert,) = terminal.json(None, "alerts", "list", "--severity", "critical")
        assert f"roadstead resume {stop['id']}" in alert["message"]

    def test_is_not_for_an_asset_that_nobody_knows(self, terminal: Terminal) -> None:
        result = terminal.types("olga", "stop", "all", "--asset", "DOGE", "--reason", "x")

        assert result.exit_code == 1
        assert terminal.json(None, "stops") == []

    def test_is_written_down_with_who_did_what(self, terminal: Terminal) -> None:
        terminal.json("olga", "stop", "all", "--reason", "leak")

        ((actor, reason),) = terminal.fetch(
            "SELECT actor, detail ->> 'reason' FROM audit_log WHERE action = 'outgoing.stopped'"
        )
        ((olga,),) = terminal.fetch("SELECT 'operator ' || id FROM operators WHERE name = 'olga'")
        assert (actor, reason) == (olga, "leak")


class TestHolds:
    @pytest.fixture
    def hold(self, terminal: Terminal) -> dict[str, str]:
        (stop,) = terminal.json("olga", "stop", "all", "--reason", "leak")
        found: dict[str, str] = terminal.json("olga", "resume", stop["id"], "--reason", "closed")
        return found

    def test_are_shown_with_everything_that_was_said(self, terminal: Terminal, hold: dict[str, str]) -> None:
        terminal.types("piet", "holds", "refuse", hold["id"], "--reason", "still leaking")
        shown = terminal.types(None, "holds", "show", hold["id"]).output

        for words in ("stopped_because: leak", hold["digest"], "still leaking", "propose release", "olga"):
            assert words in shown

    def test_are_listed_until_they_are_over(self, terminal: Terminal, hold: dict[str, str]) -> None:
        assert hold["id"] in terminal.types(None, "holds", "list", "--kind", "resume").output
        terminal.types("piet", "holds", "approve", hold["id"], "--digest", hold["digest"])
        worker_works(terminal)

        assert terminal.json(None, "holds", "list") == []
        assert len(terminal.json(None, "holds", "list", "--status", "applied")) == 1

    def test_may_be_decided_the_other_way(self, terminal: Terminal, hold: dict[str, str]) -> None:
        digest = ("--digest", hold["digest"][:16])
        terminal.types("piet", "holds", "refuse", hold["id"], "--reason", "still leaking")
        proposed = terminal.types(
            "piet", "holds", "propose", hold["id"], "refuse", "--reason", "still leaking", *digest
        )
        approved = terminal.types("anna", "holds", "approve", hold["id"], *digest)
        worker_works(terminal)

        assert (proposed.exit_code, approved.exit_code) == (0, 0)
        assert len(terminal.json(None, "stops")) == 1

    def test_are_not_decided_unread(self, terminal: Terminal, hold: dict[str, str]) -> None:
        assert terminal.types("piet", "holds", "approve", hold["id"], "--digest", "0" * 64).exit_code == 1


class TestAlerts:
    def test_are_acknowledged_and_closed_by_somebody(self, terminal: Terminal) -> None:
        first = terminal.json(None, "alerts", "list")[0]["id"]
        (acknowledged,) = terminal.json("olga", "alerts", "acknowledge", str(first))
        (closed,) = terminal.json("olga", "alerts", "close", str(first), "--reason", "I know them")

        assert acknowledged["acknowledged_by"].startswith("operator ")
        assert (closed["status"], closed["closed_reason"]) == ("closed", "I know them")

    def test_are_shown_with_their_delivery(self, terminal: Terminal) -> None:
        first = terminal.json(None, "alerts", "list")[0]["id"]
        shown = terminal.json(None, "alerts", "show", str(first))

        assert {notice["channel"] for notice in shown["notices"]} == {"webhook", "email"}
        assert "operator_changed" in terminal.types(None, "alerts", "show", str(first)).output

    def test_are_nobodys_without_a_token(self, terminal: Terminal) -> None:
        assert terminal.types(None, "alerts", "acknowledge", "1").exit_code == 1
