"""What goes wrong around the server while it is killed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress

from tests.crash.journeys import UNSEEN
from tests.crash.world import World

from roadstead.errors import RoadsteadError
from roadstead.sandbox.calls import Calls

_TROUBLE = {
    "faults": [
        {"kind": "lost_request", "account": f"{UNSEEN}*"},
        {"kind": "lost_answer", "account": f"{UNSEEN}*"},
        {"kind": "lost_answer"},
        {"kind": "error", "on": "find"},
    ]
}
_TROUBLE_EVERY_S = 2.0


@asynccontextmanager
async def troubled_bank(world: World) -> AsyncIterator[None]:
    """Now and then let the bank lose an order or an answer, so that it has to be asked, and be deaf then."""
    url = f"{world.addresses.bank}/faults"

    async def plan(calls: Calls) -> None:
        while True:
            with suppress(RoadsteadError):
                await calls.expect("PUT", url, json=_TROUBLE)
            await asyncio.sleep(_TROUBLE_EVERY_S)

    async with Calls() as calls:
        async with meanwhile(plan(calls)):
            yield
        await calls.patiently("PUT", url, json={"faults": []})


@asynccontextmanager
async def meanwhile(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Do something for as long as the block runs; its failure is the block's."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        yield
        task.cancel()
