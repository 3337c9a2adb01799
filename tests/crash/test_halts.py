"""Processes are halted (SIGSTOP) at the worst moments until their leases are over, and then go on.

Leases run out by themselves; others take the work meanwhile.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle
from pathlib import Path

import pytest
from tests.crash.journeys import Travellers, keep_travelling, travellers
from tests.crash.operators import Operators
from tests.crash.rest import attended, until_still
from tests.crash.verdict import find_out, violations
from tests.crash.watch import Orders, struck
from tests.crash.world import World, opened_world, until_answering
from tests.crash.zygote import Forked

ROLES = ("api", "observer", "worker", "scheduler")
IN_WORKERS = (
    "payouts.submission._start.commit.before",
    "payouts.submission._start.commit.after",
    "payout.submit.before",
    "payout.submit.after",
    "payouts.submission._send.2.commit.before",
    "payouts.submission._send.2.commit.after",
)
IN_LEADERS = {
    "observer": ("horizon.read.after", "service.observer.Observer._store.commit.before"),
    "scheduler": ("rail.poll.after", "payouts.events.poll_rail.2.commit.before"),
}
BEYOND_THE_LAST_CHECK = "payout.submit.before"
"""Nobody can take an order back that is on its way: over a rail that does not recognise it, people have to wait."""
HASTY = {f"ROADSTEAD_RAIL_{name}_KIND": "tests.crash.rails:hasty" for name in ("SEPA", "WIRE", "ZENGIN")}
BLIND = {"ROADSTEAD_RAIL_WIRE_KIND": "tests.crash.rails:blind_and_hasty"}
REST_WITHIN_S = 120.0
AT_ONCE = 4

pytestmark = pytest.mark.timeout(600)


@asynccontextmanager
async def halted(
    world: World, party: Travellers, role: str, places: Sequence[str], kinds: Sequence[str]
) -> AsyncIterator[list[Forked]]:
    """Have one process of a role stand still at each of some places, and a healthy one beside them."""
    port = {"ROADSTEAD_INTERNAL_PORT": "0"}
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        standing = []
        for place in places:
            orders = Orders(notes=str(world.notes), kill_at={place: 1}, signal_number=signal.SIGSTOP)
            standing.append(await world.serve(role, orders=orders, settings=port))
            stack.callback(standing[-1].kill)
        async with asyncio.TaskGroup() as group:
            group.create_task(keep_travelling(party, cycle(kinds), at_once=AT_ONCE, stop=stop))
            async with asyncio.timeout(REST_WITHIN_S):
                while set(struck(world.notes)) != set(places):  # noqa: ASYNC110 - they stand still, and cannot tell
                    await asyncio.sleep(0.1)
            healthy = await world.serve(role, settings=port)
            stack.callback(healthy.kill)
            stop.set()
        yield standing


async def what_is_wrong_after_halts(
    world: World, role: str, places: Sequence[str], kinds: Sequence[str]
) -> list[str]:
    """Halt processes, let the others finish everything, let the halted go on beside new work, and judge."""
    others = await world.serve(*(name for name in ROLES if name != role))
    await until_answering(world)
    async with travellers(world) as party, attended(world, Operators(world), party):
        async with halted(world, party, role, places, kinds) as standing:
            await until_still(world, within_s=REST_WITHIN_S)
            for process in standing:
                process.send(signal.SIGCONT)
            await keep_travelling(party, list(kinds), at_once=AT_ONCE, stop=asyncio.Event())
            await until_still(world, within_s=REST_WITHIN_S)
            assert [process for process in standing if process.is_gone] == []
        found = violations(await find_out(world, party), party.journeys)
    await others.end(signal.SIGTERM)
    return found


class TestWorkersHaltedPastTheirLeases:
    async def test_pay_nothing_twice_and_lose_nothing(self, tmp_path: Path, database_url: str) -> None:
        async with opened_world(tmp_path, database_url, settings=HASTY) as world:
            kinds = ("plain", "yen", "dollars", "corrected")
            found = await what_is_wrong_after_halts(world, "worker", IN_WORKERS, kinds)

        assert found == []

    async def test_send_nothing_more_over_a_rail_that_would_not_recognise_it(
        self, tmp_path: Path, database_url: str
    ) -> None:
        places = [place for place in IN_WORKERS if place != BEYOND_THE_LAST_CHECK]
        async with opened_world(tmp_path, database_url, settings={**HASTY, **BLIND}) as world:
            found = await what_is_wrong_after_halts(world, "worker", places, ("dollars",))

        assert found == []


class TestLeadersHaltedPastTheirLeases:
    @pytest.mark.parametrize("role", IN_LEADERS)
    async def test_lose_nothing_and_store_nothing_twice(
        self, tmp_path: Path, database_url: str, role: str
    ) -> None:
        async with opened_world(tmp_path, database_url) as world:
            found = await what_is_wrong_after_halts(
                world, role, IN_LEADERS[role], ("plain", "dollars", "unknown_memo", "came_back")
            )

        assert found == []
