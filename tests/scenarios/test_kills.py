"""Processes are killed while remittances are on their way: each is paid out, and only once."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.fixtures.crowd import Crowd
from tests.fixtures.remittances import sending_anchor
from tests.fixtures.sandbox_process import SandboxProcess, running_sandbox, wait_until_gone

from roadstead.sandbox.roles import SERVER_ROLES

pytestmark = pytest.mark.timeout(300)

ROLES = (*SERVER_ROLES, "database", "network", "bank")

RESTARTED_WITHIN_S = 10.0
"""Generous, because two cores may be shared with other tests; the promise of 2 s is for a machine of one's own."""


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """A sandbox whose processes are killed one after the other."""
    with running_sandbox(tmp_path_factory.mktemp("victim")) as sandbox:
        yield sandbox


async def until_replaced(sandbox: SandboxProcess, role: str, old: int) -> None:
    deadline_s = time.monotonic() + RESTARTED_WITHIN_S
    while sandbox.pids.get(role) in (None, old):
        assert time.monotonic() < deadline_s, f"{role} was not started again"
        await asyncio.sleep(0.1)


class TestARoleKilledInTheMiddle:
    @pytest.mark.parametrize("role", ROLES)
    async def test_comes_back_and_every_remittance_is_paid_out_once(
        self, victim: SandboxProcess, role: str
    ) -> None:
        async with sending_anchor(victim.ready) as first, sending_anchor(victim.ready, partner=1) as second:
            crowd = Crowd(first, second)
            crowd.set_out(4)
            for wait_for_payment in (False, True):
                if wait_for_payment:
                    await crowd.first_paid.wait()
                else:
                    await asyncio.sleep(0.5)
                old = victim.pids[role]
                os.kill(old, signal.SIGKILL)
                await until_replaced(victim, role, old)

            await crowd.arrive(victim)


class TestAStormOfKills:
    async def test_in_any_order_pays_every_remittance_out_once(self, victim: SandboxProcess) -> None:
        chance = random.Random(31)  # noqa: S311 - a storm that can be repeated
        async with (
            sending_anchor(victim.ready, patience_s=60) as first,
            sending_anchor(victim.ready, partner=1, patience_s=60) as second,
        ):
            crowd = Crowd(first, second)
            crowd.set_out(8)
            for _ in range(16):
                await asyncio.sleep(chance.uniform(0.2, 1.2))
                role = chance.choice(ROLES)
                if role in victim.pids:
                    with suppress(ProcessLookupError):
                        os.kill(victim.pids[role], signal.SIGKILL)

            await crowd.arrive(victim)


class TestASupervisorKilledInTheMiddle:
    async def test_leaves_no_process_and_the_next_start_completes_every_remittance_once(
        self, tmp_path: Path
    ) -> None:
        with running_sandbox(tmp_path, "--state", str(tmp_path / "state")) as sandbox:
            before = sandbox.ready
            first = sending_anchor(before, patience_s=90)
            second = sending_anchor(before, partner=1, patience_s=90)
            async with first, second:
                crowd = Crowd(first, second)
                crowd.set_out(4)
                await crowd.first_paid.wait()

                await asyncio.to_thread(sandbox.stop, signal.SIGKILL)
                await asyncio.to_thread(wait_until_gone, list(before["pids"].values()))
                await asyncio.to_thread(sandbox.start)

                await crowd.arrive(sandbox)

            after = sandbox.ready
            unchanged = set(before) - {"pids"}
            assert {name: after[name] for name in unchanged} == {name: before[name] for name in unchanged}
            assert set(after["pids"].values()).isdisjoint(before["pids"].values())
