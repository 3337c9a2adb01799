"""`roadstead chain` as people use it at a terminal: a real database and the offline network."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest
from tests.fixtures.terminal import Terminal
from tests.service.processes import module_process

from roadstead.config import examples
from roadstead.config.networks import Network, profile
from roadstead.payments.cursors import cursor_source

SOURCE = cursor_source(examples.DISTRIBUTION_ACCOUNT)
PASSPHRASE = profile(Network.SANDBOX).passphrase


@pytest.fixture
def network() -> Iterator[str]:
    """The URL of an offline network that has just begun."""
    arguments = ("--port", "0", "--close", "auto:0.2", "--passphrase", PASSPHRASE)
    with module_process("roadstead.sandbox.network", *arguments) as process:
        yield asyncio.run(process.line()).removeprefix("listening ")


@pytest.fixture
def terminal(database_url: str) -> Terminal:
    made = Terminal(database_url)
    made.lets_in("anna", "administrator", by=None)
    made.lets_in("olga", "operator", by="anna")
    return made


def has_read(terminal: Terminal, ledger: int, closed_at: str | None = None) -> None:
    """Let the database have read the chain up to a ledger, with or without having been at its end."""

    async def write() -> None:
        connection = await asyncpg.connect(terminal.database_url, timeout=10)
        try:
            await connection.execute(
                """
                INSERT INTO cursors (source, position, network_passphrase, ledger, ledger_closed_at)
                VALUES ($1, $2, $3, $4, $5::text::timestamptz)
                """,
                SOURCE,
                str(ledger << 32),
                PASSPHRASE,
                ledger if closed_at else None,
                closed_at,
            )
        finally:
            await connection.close()

    asyncio.run(write())


class TestShowing:
    def test_tells_how_every_horizon_stands(self, terminal: Terminal, network: str) -> None:
        found = terminal.types(None, "chain", "show", ROADSTEAD_HORIZON_URLS=f"http://127.0.0.1:1,{network}")

        assert found.exit_code == 0, found.output
        assert "Nothing was read yet." in found.output
        dead, alive = (line.split() for line in found.output.splitlines()[-2:])
        assert (dead[:2], alive[:2]) == (["http://127.0.0.1:1", "connection"], [network, "fresh"])


class TestReseeding:
    def test_reads_anew_after_a_reset_with_a_reason_and_on_record(
        self, terminal: Terminal, network: str
    ) -> None:
        has_read(terminal, 1_000_000, "2026-01-01 00:00:00+00")
        assert "reset" in terminal.types(None, "chain", "show", ROADSTEAD_HORIZON_URLS=network).output

        words = ("chain", "reseed", "--reason", "the quarterly reset")
        done = terminal.types("anna", *words, ROADSTEAD_HORIZON_URLS=network)

        assert done.exit_code == 0, done.output
        assert "goes on from 0 (reset)" in done.output
        assert terminal.fetch("SELECT position, ledger_offset, ledger FROM cursors") == [
            ("0", 1_000_001, None)
        ]
        ((actor, reason),) = terminal.fetch("SELECT actor, reason FROM chain_seedings")
        assert str(actor).startswith("operator ")
        assert reason == "the quarterly reset"
        acts = terminal.fetch("SELECT actor FROM audit_log WHERE action = 'chain.reseeded'")
        assert acts == [(actor,)]

    def test_changes_nothing_while_reading_can_go_on(self, terminal: Terminal, network: str) -> None:
        has_read(terminal, 1)

        refused = terminal.types(
            "anna", "chain", "reseed", "--reason", "just so", ROADSTEAD_HORIZON_URLS=network
        )

        assert refused.exit_code == 1
        assert "can be read on" in refused.output
        assert terminal.fetch("SELECT position FROM cursors") == [(str(1 << 32),)]
        assert terminal.fetch("SELECT 1 FROM chain_seedings") == []

    def test_needs_the_right_to_approve(self, terminal: Terminal, network: str) -> None:
        has_read(terminal, 1_000_000, "2026-01-01 00:00:00+00")

        refused = terminal.types("olga", "chain", "reseed", "--reason", "x", ROADSTEAD_HORIZON_URLS=network)

        assert refused.exit_code == 1
        assert terminal.fetch("SELECT 1 FROM chain_seedings") == []


class TestClaimableBalances:
    def test_are_listed(self, terminal: Terminal) -> None:
        assert terminal.json(None, "payments", "claimable") == []
