"""What operators type while servers are killed; each command is killed at its boundaries too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from stellar_sdk import Keypair
from tests.crash.world import ADA, BEN, PATIENCE_S, World

from roadstead.sandbox.calls import Calls

Typed = tuple[tuple[str, ...], str]
"""A command, and the name of who types it."""
RELEASE, REFUSE = "release", "refuse"
FORBIDDEN_BY_LAW = "RR04"
TRIES_MAX = 2
"""How many attempts may have failed before people give a payout up: a bank that was killed is no reason to."""

_LISTS = "remittances payments payouts refunds callbacks holds alerts operators partners"
_READS = (
    *((room, "list") for room in _LISTS.split()),
    ("payments", "undecodable"),
    ("payments", "unmatched"),
    ("payments", "claimable"),
    ("ledger", "balances"),
    ("ledger", "postings"),
    ("ledger", "verify"),
    ("chain", "show"),
    ("stops",),
)
_SHOWN = {
    "remittances": "id",
    "payouts": "id",
    "refunds": "id",
    "payments": "operation_id",
    "callbacks": "id",
}
_REFUSED_REFUNDS = """
SELECT id FROM refunds AS r WHERE status = 'held' AND NOT EXISTS (SELECT FROM holds AS h
    WHERE h.kind = 'refund_release' AND h.subject = r.id::text AND h.status NOT IN ('applied', 'withdrawn'))"""
_QUEUE = "SELECT operation_id FROM payments WHERE disposition = 'unmatched' AND amount_units IS NOT NULL"
_HOPELESS = """
SELECT coalesce(bool_or(a.reason = $3), false) OR count(a.key) > $2 AS is_hopeless
FROM payouts AS p LEFT JOIN payout_attempts AS a ON a.payout_id = p.id WHERE p.id = $1::uuid GROUP BY p.id"""
_WAITING = "SELECT * FROM holds WHERE status IN ('open', 'proposed') ORDER BY placed_at"
_SOME = """
SELECT * FROM (
    SELECT *, row_number() OVER (PARTITION BY kind, status ORDER BY random()) AS place FROM holds
    WHERE status IN ('open', 'proposed')) AS h
WHERE place <= 3"""


class Operators:
    """People who decide truly, and give every command again and again."""

    def __init__(self, world: World, *, certain_after_s: float = 0.0) -> None:
        """Attend a world.

        What a bank never had is believed only so long after the attempt: while a process that was to send it may only
        be halted, it may yet arrive.
        """
        self._world = world
        self._certain_after = timedelta(seconds=certain_after_s)
        self._turn = 0

    async def type(self) -> AsyncIterator[Typed]:
        """Name one round of commands, with a few decisions of each kind."""
        self._turn += 1
        for command in (*self._registers(), *(_READS if self._turn == 1 else ())):
            yield command, ADA
        async for typed in self._look():
            yield typed
        yield ("stop", "refunds", "--reason", "a rehearsal", "--asset", "USDC"), BEN
        async for typed in self.sort_out():
            yield typed
        for hold in await self._world.rows(_SOME):
            async for typed in self._decide(hold):
                yield typed

    async def sort_out(self) -> AsyncIterator[Typed]:
        """End what was stopped, and ask for what should happen to money that rests."""
        for stop in await self._world.rows("SELECT id FROM stops WHERE resumed_at IS NULL"):
            yield ("resume", str(stop["id"]), "--reason", "over"), BEN
        for refund in await self._world.rows(_REFUSED_REFUNDS):
            yield ("refunds", "release", str(refund["id"])), BEN
        for payment in await self._world.rows(_QUEUE):
            yield ("payments", "refund", str(payment["operation_id"]), "--reason", "belongs to nobody"), BEN

    async def waiting(self) -> Sequence[Mapping[str, Any]]:
        """List the holds that wait for people, oldest first."""
        return await self._world.rows(_WAITING)

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

    async def _look(self) -> AsyncIterator[Typed]:
        """Look at the newest of everything, attend the newest alert, and send the newest callback again."""
        if self._turn == 1:
            for room, key in _SHOWN.items():
                for row in await self._world.rows(f"SELECT {key} FROM {room} ORDER BY {key} DESC LIMIT 1"):
                    yield (room, "show", str(row[key])), BEN
        for alert in await self._world.rows("SELECT id FROM alerts ORDER BY id DESC LIMIT 1"):
            yield ("alerts", "show", str(alert["id"])), BEN
            yield ("alerts", "acknowledge", str(alert["id"])), BEN
            yield ("alerts", "close", str(alert["id"]), "--reason", "looked at"), BEN
        for callback in await self._world.rows("SELECT id FROM callbacks ORDER BY id DESC LIMIT 1"):
            yield ("callbacks", "replay", str(callback["id"])), BEN

    async def _decide(self, hold: Mapping[str, Any]) -> AsyncIterator[Typed]:
        """Propose and approve what is true; now and then one of the two objects first."""
        hold_id, digest = str(hold["id"]), ("--digest", hold["digest"])
        decision = await self.judge(hold)
        if decision is None:
            return
        yield ("holds", "show", hold_id), ADA
        if hold["kind"] == "payout_release" and decision == REFUSE:
            async for typed in self._give_up(hold["subject"]):
                yield typed
        if hold["status"] == "open":
            yield ("holds", "propose", hold_id, decision, *digest, "--reason", "looked into"), BEN
        if hold["kind"] == "resume" and hold["round"] == 1:
            yield ("holds", "refuse", hold_id, "--reason", "too early"), ADA
            yield ("holds", "propose", hold_id, decision, *digest, "--reason", "now it is not"), BEN
        yield ("holds", "approve", hold_id, *digest), ADA

    async def _give_up(self, payout_id: str) -> AsyncIterator[Typed]:
        for remittance_id in await self.hopeless(payout_id):
            yield ("payouts", "give-up", str(remittance_id), "--reason", "it never arrives"), BEN

    async def hopeless(self, payout_id: str) -> list[UUID]:
        """Name, for most payouts, the remittance whose payer is asked to get the money back as well."""
        query = "SELECT remittance_id FROM payouts WHERE id = $1::uuid AND left(id::text, 1) < 'c'"
        return [payout["remittance_id"] for payout in await self._world.rows(query, payout_id)]

    async def judge(self, hold: Mapping[str, Any]) -> str | None:
        """Say what is right; None when it cannot be known yet."""
        match hold["kind"]:
            case "payout_unknown":
                return await self._what_the_bank_says(hold["subject"])
            case "payout_release":
                (found,) = await self._world.rows(_HOPELESS, hold["subject"], TRIES_MAX, FORBIDDEN_BY_LAW)
                return REFUSE if found["is_hopeless"] else RELEASE
            case "refund_release":
                before = await self._world.rows(
                    "SELECT FROM holds WHERE kind = 'refund_release' AND subject = $1 AND status = 'applied'",
                    hold["subject"],
                )
                return RELEASE if before else REFUSE
            case _:
                return RELEASE

    async def _what_the_bank_says(self, payout_id: str) -> str | None:
        """Look at the bank's own record of every attempt: whether it paid, or never will."""
        attempts = await self._world.rows(
            "SELECT key, written_at < now() - $2::interval AS is_old FROM payout_attempts "
            "WHERE payout_id = $1::uuid",
            payout_id,
            self._certain_after,
        )
        said = set()
        async with Calls(patience_s=PATIENCE_S) as calls:
            for attempt in attempts:
                answer = await calls.patiently(
                    "GET", f"{self._world.addresses.bank}/payouts/{attempt['key']}"
                )
                match answer.status:
                    case 200:
                        said.add(answer.json()["status"])
                    case 404 if attempt["is_old"]:
                        said.add("refused")
                    case _:
                        return None
        if said & {"received", "accepted"}:
            return None
        return RELEASE if said & {"settled", "returned"} else REFUSE
