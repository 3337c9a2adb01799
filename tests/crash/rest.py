"""Telling when a house has nothing left to do by itself."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg
from tests.crash.desk import opened_desk
from tests.crash.journeys import Travellers
from tests.crash.operators import Operators
from tests.crash.world import World

from roadstead.errors import RoadsteadError, Unavailable

POLL_S = 0.5
TIMES = 4
"""How often in a row nothing must be left to do: the bank may still have something to tell."""

_LEFT = """
SELECT (SELECT count(*) FROM payments WHERE disposition = 'stored') AS payments,
       (SELECT count(*) FROM callbacks WHERE status = 'waiting') AS callbacks,
       (SELECT count(*) FROM payouts WHERE due_at IS NOT NULL) AS payouts,
       (SELECT count(*) FROM refunds WHERE status IN ('ordered', 'submitting')) AS refunds,
       (SELECT count(*) FROM envelopes WHERE status = 'open') AS envelopes,
       (SELECT count(*) FROM holds WHERE status IN ('open', 'proposed', 'decided')) AS holds,
       (SELECT count(*) FROM payments WHERE disposition IN ('unmatched', 'refunding') AND amount_units IS NOT NULL)
       AS queue,
       (SELECT count(*) FROM refunds WHERE status = 'held') AS held_refunds,
       (SELECT count(*) FROM remittances WHERE status = 'pending_transaction_info_update') AS asked,
       (SELECT count(*) FROM rail_events WHERE applied_at IS NULL) AS rail_events,
       (SELECT count(*) FROM remittances WHERE funded_by IS NOT NULL AND amount_out_units IS NULL) AS unpriced"""


@asynccontextmanager
async def attended(world: World, people: Operators, party: Travellers) -> AsyncIterator[None]:
    """Let people decide what waits for them, and partners answer what they are asked, while the block runs."""

    async def attend() -> None:
        while True:
            with suppress(OSError, TimeoutError, asyncpg.PostgresError, RoadsteadError):
                async with opened_desk(world, people) as desk:
                    await desk.decide_all()
            with suppress(OSError, TimeoutError, asyncpg.PostgresError, RoadsteadError):
                async for command, who in people.sort_out():
                    await (await world.command(*command, token=world.operators[who])).ended()
            with suppress(OSError, TimeoutError, asyncpg.PostgresError, RoadsteadError):
                await party.answer_all()
            await asyncio.sleep(POLL_S)

    task = asyncio.create_task(attend())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until_still(world: World, *, within_s: float) -> None:
    """Wait until nothing is left to do, for us and for people, who take their time.

    Raises:
        Unavailable: Something still is, and it has not become less for `within_s`.
    """
    deadline_s = time.monotonic() + within_s
    still, left, least = 0, "everything", sys.maxsize
    while still < TIMES:
        if time.monotonic() > deadline_s:
            raise Unavailable(f"For {within_s:g} s it has not become less that is still to be done: {left}.")
        try:
            (row,) = await world.rows(_LEFT)
        except (OSError, TimeoutError, asyncpg.PostgresError):
            still = 0
        else:
            left = ", ".join(f"{count} {what}" for what, count in row.items() if count)
            if sum(row.values()) < least:
                least, deadline_s = sum(row.values()), time.monotonic() + within_s
            still = 0 if left else still + 1
        await asyncio.sleep(POLL_S)
