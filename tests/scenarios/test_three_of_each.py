"""Three processes of each role on one database: remittances are paid out once, and leadership never lapses for long."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import asyncpg
import pytest
from tests.fixtures.crowd import Crowd
from tests.fixtures.fault_proxy import Fault, Trouble, Upstream, fault_proxy
from tests.fixtures.remittances import sending_anchor
from tests.fixtures.sandbox_process import SandboxProcess, running_sandbox
from tests.sandbox.bank.bank_process import free_port

from roadstead.sandbox.roles import SERVER_ROLES

pytestmark = pytest.mark.timeout(300)

TAKEN_OVER_WITHIN_S = 10.0
LEADERS = ("observer", "scheduler")


@contextmanager
def companion(
    sandbox: SandboxProcess, role: str, number: int, **changes: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run one more process of a role beside the sandbox's own."""
    port = free_port()
    environ = {**sandbox.environment, "ROADSTEAD_API_PORT": str(port), **changes}
    command = [sys.executable, "-m", "roadstead", "serve", role]
    with (sandbox.folder / f"{role}-{number}.txt").open("wb") as output:
        process = subprocess.Popen(command, env=environ, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(20)


async def leader(connection: asyncpg.Connection[asyncpg.Record], role: str) -> tuple[int, int]:
    """Return the process that leads a role and its epoch; 0 when nobody does."""
    row = await connection.fetchrow(
        "SELECT holder, epoch FROM leases WHERE role = $1 AND expires_at > clock_timestamp()", role
    )
    return (0, 0) if row is None else (int(row["holder"].split(":")[1]), row["epoch"])


async def led_by_another(
    connection: asyncpg.Connection[asyncpg.Record], role: str, old: int
) -> tuple[int, float]:
    """Wait until another process leads; return it, and how long that took in seconds."""
    started_s = time.monotonic()
    while (found := await leader(connection, role))[0] in (0, old):
        assert time.monotonic() - started_s < TAKEN_OVER_WITHIN_S, f"nobody took over from the {role} {old}"
        await asyncio.sleep(0.05)
    return found[0], time.monotonic() - started_s


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """A sandbox with two more processes of each role."""
    with running_sandbox(tmp_path_factory.mktemp("busy")) as sandbox, ExitStack() as stack:
        for role in SERVER_ROLES:
            for number in (2, 3):
                stack.enter_context(companion(sandbox, role, number))
        yield sandbox


@pytest.fixture
async def connection(busy: SandboxProcess) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    opened = await asyncpg.connect(busy.environment["ROADSTEAD_DATABASE_URL"])
    yield opened
    await opened.close()


async def assert_nothing_broken(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Check what no race may break, in the database's own words."""
    broken: Mapping[str, str] = {
        "a remittance with two settled attempts": """
            SELECT count(*) FROM (SELECT payout_id FROM payout_attempts WHERE status = 'settled'
            GROUP BY payout_id HAVING count(*) > 1) AS twice""",
        "books out of balance": """
            SELECT count(*) FROM (SELECT asset FROM entries GROUP BY asset HAVING sum(amount_units) <> 0) AS off""",
        "money between two states": """
            SELECT count(*) FROM (SELECT p.remittance_id FROM entries AS e JOIN postings AS p ON p.id = e.posting_id
            WHERE e.account LIKE 'transit:%' OR e.account = 'payouts:owed'
            GROUP BY p.remittance_id, e.account HAVING sum(e.amount_units) <> 0) AS open""",
    }
    for what, query in broken.items():
        assert await connection.fetchval(query) == 0, what


class TestThreeOfEachRole:
    async def test_every_remittance_is_paid_out_once(
        self, busy: SandboxProcess, connection: asyncpg.Connection[asyncpg.Record]
    ) -> None:
        async with sending_anchor(busy.ready) as first, sending_anchor(busy.ready, partner=1) as second:
            crowd = Crowd(first, second)
            crowd.set_out(12)
            await crowd.arrive(busy)
        await assert_nothing_broken(connection)

    @pytest.mark.parametrize("role", LEADERS)
    async def test_a_leader_that_is_stopped_is_replaced_and_does_no_harm_when_it_goes_on(
        self, busy: SandboxProcess, connection: asyncpg.Connection[asyncpg.Record], role: str
    ) -> None:
        async with sending_anchor(busy.ready, patience_s=60) as first:
            crowd = Crowd(first)
            crowd.set_out(6)
            await crowd.first_paid.wait()
            old, epoch = await leader(connection, role)
            os.kill(old, signal.SIGSTOP)
            try:
                new, _ = await led_by_another(connection, role, old)
            finally:
                os.kill(old, signal.SIGCONT)
            await crowd.arrive(busy)
        assert new != old
        assert (await leader(connection, role))[1] > epoch
        await assert_nothing_broken(connection)

    @pytest.mark.parametrize("role", LEADERS)
    async def test_a_leader_that_is_killed_is_replaced(
        self, busy: SandboxProcess, connection: asyncpg.Connection[asyncpg.Record], role: str
    ) -> None:
        async with sending_anchor(busy.ready, patience_s=60) as first:
            crowd = Crowd(first)
            crowd.set_out(4)
            await crowd.first_paid.wait()
            old, _ = await leader(connection, role)
            os.kill(old, signal.SIGKILL)
            await led_by_another(connection, role, old)
            await crowd.arrive(busy)
        await assert_nothing_broken(connection)

    @pytest.mark.parametrize("role", LEADERS)
    async def test_a_leader_whose_socket_is_a_black_hole_is_replaced(
        self, busy: SandboxProcess, connection: asyncpg.Connection[asyncpg.Record], role: str
    ) -> None:
        url = busy.environment["ROADSTEAD_DATABASE_URL"]
        async with fault_proxy(Upstream.of_url(url)) as proxy, sending_anchor(busy.ready) as first:
            parts = urlsplit(url)
            through = parts._replace(
                netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{proxy.port}", query=""
            ).geturl()
            with companion(busy, role, 4, ROADSTEAD_DATABASE_URL=through) as behind:
                halted = await self._lead(connection, role, behind.pid)
                try:
                    crowd = Crowd(first)
                    crowd.set_out(4)
                    await crowd.first_paid.wait()
                finally:
                    for process in halted:
                        os.kill(process, signal.SIGCONT)
                proxy.trouble(Trouble(fault=Fault.SWALLOW_REQUEST, times=None))
                await led_by_another(connection, role, behind.pid)
                await crowd.arrive(busy)
        await assert_nothing_broken(connection)

    async def _lead(
        self, connection: asyncpg.Connection[asyncpg.Record], role: str, wanted: int
    ) -> list[int]:
        """Halt leaders one after the other until the wanted process leads; return those that are halted."""
        halted: list[int] = []
        async with asyncio.timeout(60):
            while (found := (await leader(connection, role))[0]) != wanted:
                if found and found not in halted:
                    os.kill(found, signal.SIGSTOP)
                    halted.append(found)
                await asyncio.sleep(0.1)
        return halted
