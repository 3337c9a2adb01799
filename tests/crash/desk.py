"""Deciding many holds at once, where a process for every word of two people would take longer than all the rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.crash.operators import REFUSE, Operators
from tests.crash.world import ADA, BEN, World

from roadstead.database.pool import Database, open_database
from roadstead.errors import Conflict
from roadstead.operations import deciding, operators
from roadstead.operations.holds import Decision
from roadstead.operations.operators import Operator
from roadstead.payouts.deciding import ask_for_refund

AT_ONCE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Two people with a connection of their own, who say what the commands would have them say."""

    people: Operators
    database: Database
    ada: Operator
    ben: Operator

    async def decide_all(self) -> None:
        """Decide every hold about which the truth can be known by now."""
        turn = asyncio.Semaphore(AT_ONCE)

        async def one(hold: Mapping[str, Any]) -> None:
            async with turn:
                # Whoever else decides meanwhile, or what happens, may be faster.
                with suppress(Conflict):
                    await self._decide(hold)

        outcomes = await asyncio.gather(
            *(one(hold) for hold in await self.people.waiting()), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _decide(self, hold: Mapping[str, Any]) -> None:
        decision = await self.people.judge(hold)
        if decision is None:
            return
        if hold["kind"] == "payout_release" and decision == REFUSE:
            await self._give_up(hold["subject"])
        hold_id: UUID = hold["id"]
        digest: str = hold["digest"]
        if hold["status"] == "open":
            await deciding.propose(
                self.database,
                hold_id,
                decision=Decision(decision),
                reason="looked into",
                digest=digest,
                by=self.ben,
            )
        with suppress(Conflict):
            await deciding.approve(self.database, hold_id, digest=digest, by=self.ada)

    async def _give_up(self, payout_id: str) -> None:
        for remittance_id in await self.people.hopeless(payout_id):
            async with self.database.transaction() as connection:
                await ask_for_refund(
                    connection, remittance_id, why="it never arrives", approvals=2, actor=self.ben.actor
                )


@asynccontextmanager
async def opened_desk(world: World, people: Operators) -> AsyncIterator[Desk]:
    """Let the two people of a world sit down at a desk.

    Raises:
        Unavailable: The database is away just now.
    """
    database = await open_database(
        world.addresses.database_url, application="people", connections_max=AT_ONCE
    )
    try:
        async with database.connection() as connection:
            ada = await operators.authenticate(connection, world.operators[ADA])
            ben = await operators.authenticate(connection, world.operators[BEN])
        yield Desk(people=people, database=database, ada=ada, ben=ben)
    finally:
        await database.close()
