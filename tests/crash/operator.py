"""What operators type while servers are killed; each command is killed at its boundaries too."""

from __future__ import annotations

from collections.abc import AsyncIterator

from stellar_sdk import Keypair
from tests.crash.campaign import Typed
from tests.crash.world import ADA, BEN, World

_READS = (
    *(
        (room, "list")
        for room in ("remittances", "payments", "callbacks", "holds", "alerts", "operators", "partners")
    ),
    ("payments", "undecodable"),
    ("payments", "unmatched"),
    ("ledger", "balances"),
    ("ledger", "verify"),
    ("stops",),
)


class Operators:
    """Give every command that writes, and those that read, again and again."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._turn = 0

    async def type(self) -> AsyncIterator[Typed]:
        """Name one round of commands."""
        self._turn += 1
        for command in (*self._registers(), *(_READS if self._turn == 1 else ())):
            yield command, ADA
        async for command, who in self._attend():
            yield command, who
        async for command, who in self._stop_and_resume():
            yield command, who

    def _registers(self) -> tuple[tuple[str, ...], ...]:
        partner, person = f"Partner {self._turn}", f"Person {self._turn}"
        return (
            ("partners", "add", partner, Keypair.random().public_key),
            ("partners", "hosts", partner, "--add", "localhost"),
            ("partners", "disable", partner),
            ("operators", "add", person, "--email", f"p{self._turn}@anchor.example", "--role", "viewer"),
            ("operators", "rotate", person),
            ("operators", "disable", person),
        )

    async def _attend(self) -> AsyncIterator[Typed]:
        """Attend the newest alert, and send the newest callback again."""
        for alert in await self._world.rows("SELECT id FROM alerts ORDER BY id DESC LIMIT 1"):
            yield ("alerts", "show", str(alert["id"])), BEN
            yield ("alerts", "acknowledge", str(alert["id"])), BEN
            yield ("alerts", "close", str(alert["id"]), "--reason", "looked at"), BEN
        for callback in await self._world.rows("SELECT id FROM callbacks ORDER BY id DESC LIMIT 1"):
            yield ("callbacks", "show", str(callback["id"])), BEN
            yield ("callbacks", "replay", str(callback["id"])), BEN

    async def _stop_and_resume(self) -> AsyncIterator[Typed]:
        """Pull the emergency stop for a moment; two people end it, after one of them had turned it down."""
        yield ("stop", "refunds", "--reason", "a rehearsal", "--asset", "USDC"), BEN
        for stop in await self._world.rows("SELECT id FROM stops WHERE resumed_at IS NULL"):
            resume = ("resume", str(stop["id"]), "--reason", "over"), BEN
            yield resume
            for command, who in [
                command async for command in self._decide("refuse", "--reason", "too early")
            ]:
                yield command, who
                yield resume
            async for command, who in self._decide("approve"):
                yield command, who

    async def _decide(self, verb: str, *options: str) -> AsyncIterator[Typed]:
        waiting = "SELECT id, digest FROM holds WHERE kind = 'resume' AND status = 'proposed'"
        for hold in await self._world.rows(waiting):
            digest = ("--digest", hold["digest"]) if verb == "approve" else ()
            yield ("holds", "show", str(hold["id"])), ADA
            yield ("holds", verb, str(hold["id"]), *digest, *options), ADA
