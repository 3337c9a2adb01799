"""Processes of every kind are killed at random moments, hundreds of times, while partners send thousands of payments.

    python -m tests.crash.kill_loop --kills 500 --remittances 2000 [--seed N] [--report FILE]

All is real: API, observer, workers, scheduler, Stellar network, bank and PostgreSQL are processes of their own, leases
run out by themselves, and remittances are opened through the API. The seed repeats the order of victims and pauses.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Protocol

import asyncpg
from tests.crash.journeys import Travellers, keep_travelling, travellers
from tests.crash.operators import Operators
from tests.crash.rest import attended, until_still
from tests.crash.trouble import troubled_bank
from tests.crash.verdict import find_out, violations
from tests.crash.world import World, opened_world, until_answering
from tests.crash.zygote import ROOT, Forked
from tests.fixtures.folders import make_passable_folder
from tests.fixtures.processes import processes_of

from roadstead.database.embedded import EmbeddedPostgres
from roadstead.database.migrate import migrate
from roadstead.errors import Unavailable
from roadstead.sandbox import ports, roles

AT_ONCE = 12
REST_WITHIN_S = 120.0
"""How long nothing may become less that is still to be done, before it counts as unrest."""
DATABASE = "database"
SERVER_ROLES = {"api": 1, "observer": 3, "worker": 3, "scheduler": 3}
"""How many processes of each role run; the API has one address here."""
BLIND = {"ROADSTEAD_RAIL_WIRE_KIND": "tests.crash.rails:blind"}
HALTED_ROLES = ("observer", "worker", "scheduler")
HALTS = 0.1
"""How many are halted for each that is killed, on average."""
HALT_S = (6.0, 40.0)
"""How long: past the lease of a leader, and mostly past that of a worker."""
CERTAIN_AFTER_S = 60.0
WEIGHTS = {"api": 3, "observer": 3, "worker": 5, "scheduler": 2, roles.NETWORK: 1, roles.BANK: 2, DATABASE: 2}
"""How often each is hit, compared with the others."""
_DATABASE_KILLS = ("everything", "postmaster", "backend", "supervisor")


class Living(Protocol):
    """A process under the loop's care."""

    async def ended(self) -> None:
        """Return when it has ended."""
        ...

    def kill(self) -> None:
        """End it without a word."""
        ...


@dataclass(slots=True, kw_only=True)
class Cluster:
    """The embedded PostgreSQL, run as the sandbox runs it, and durable."""

    folder: Path
    port: int
    chance: random.Random
    kinds: Counter[str] = field(default_factory=Counter)
    _data: Path | None = None
    _process: asyncio.subprocess.Process | None = None

    async def start(self) -> str:
        """Start it and return its URL once it accepts connections."""
        with (self.folder / "database.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "roadstead.database.embedded", "--state", str(self.folder / "database")),
                *("--port", str(self.port)),
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
            )
        assert self._process.stdout is not None
        url = (await self._process.stdout.readline()).decode().strip()
        if self._data is None:
            self._data = await _data_folder(url)
        return url

    async def ended(self) -> None:
        assert self._process is not None
        await self._process.wait()

    def kill(self) -> None:
        """Kill the whole server, its postmaster, one of its children, or who looks after it."""
        assert self._process is not None
        kind = self.chance.choice(_DATABASE_KILLS)
        self.kinds[kind] += 1
        if kind == "supervisor":
            _kill(self._process.pid)
            return
        data = self._data
        assert data is not None
        everybody = processes_of(data)
        with suppress(OSError, IndexError, ValueError):
            postmaster = int((data / "postmaster.pid").read_text().splitlines()[0])
            children = [number for number in everybody if number != postmaster]
            victims = {
                "everything": everybody,
                "postmaster": [postmaster],
                "backend": [self.chance.choice(children)],
            }
            for number in victims[kind]:
                _kill(number)

    async def end(self) -> None:
        """Stop it in order and remove what it kept."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()
        await asyncio.to_thread(EmbeddedPostgres(self.folder / "database").destroy)


@dataclass(slots=True, kw_only=True)
class Keeper:
    """Starts a process again whenever it ends."""

    start: Callable[[], Awaitable[Living]]
    living: Living | None = None
    starts: int = 0

    async def keep(self) -> None:
        """Look after it until cancelled."""
        while True:
            if self.living is None:
                self.living = await self.start()
                self.starts += 1
            await self.living.ended()
            self.living = None
            await asyncio.sleep(0.02)

    def kill(self) -> bool:
        """Kill it, if it is there."""
        if self.living is None:
            return False
        self.living.kill()
        return True


@dataclass(slots=True, kw_only=True)
class Report:
    """What a loop did and found."""

    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    halts: Counter[str] = field(default_factory=Counter)
    database_kills: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    remittances: int = 0
    paid_out: int = 0
    refunded: int = 0
    seconds: float = 0.0
    rest_seconds: float = 0.0
    unrest: str = ""
    """What was still to be done when nothing became less any more; empty where all came to rest."""
    violations: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Write it for people."""
        lines = (
            f"seed {self.seed}",
            f"{sum(self.kills.values())} kills, {self.remittances} remittances, {len(self.violations)} violations",
            f"{self.seconds:.0f} s, of which {self.rest_seconds:.0f} s until the last one was final",
            f"kills: {_counted(self.kills)}",
            f"halts: {_counted(self.halts)}",
            f"of the database: {_counted(self.database_kills)}",
            f"journeys: {_counted(self.kinds)}",
            f"ends: {_counted(self.statuses)}",
            f"{self.paid_out} payouts of the bank, {self.refunded} refunds on the chain",
        )
        return "\n".join([*lines, *(f"VIOLATION: {violation}" for violation in self.violations)])


async def kill_loop(folder: Path, *, seed: int, kills: int, remittances: int, pause_s: float = 1.0) -> Report:
    """Run the loop until so many kills and remittances are done and all is final, and report."""
    chance = random.Random(seed)  # noqa: S311 - a loop that can be repeated
    started_s = time.monotonic()
    async with AsyncExitStack() as stack:
        cluster = Cluster(folder=folder, port=_free_port(), chance=chance)
        stack.push_async_callback(cluster.end)
        url = await cluster.start()
        await migrate(url)
        world = await stack.enter_async_context(opened_world(folder, url, settings=BLIND))
        keepers = _keepers(world, cluster)
        await stack.enter_async_context(_kept(keepers))
        await until_answering(world)
        party = await stack.enter_async_context(travellers(world))
        report = Report(seed=seed)
        async with attended(world, Operators(world, certain_after_s=CERTAIN_AFTER_S), party):
            storm = Storm(party=party, keepers=keepers, report=report, chance=chance, pause_s=pause_s)
            async with troubled_bank(world):
                await storm.rage(kills=kills, remittances=remittances)
            resting_s = time.monotonic()
            try:
                await until_still(world, within_s=REST_WITHIN_S)
            except Unavailable as error:
                # What is found below is then the state of things under way, and much of it would have mended itself.
                report.unrest = error.message
        report.rest_seconds = time.monotonic() - resting_s
        findings = await find_out(world, party)
        report.violations = violations(findings, party.journeys)
        if report.unrest:
            report.violations.insert(0, f"it did not come to rest: {report.unrest}")
        report.database_kills = cluster.kinds
        report.kinds = Counter(journey.kind for journey in party.journeys)
        report.statuses = Counter(str(state["status"]) for state in findings.states.values())
        report.remittances = len(findings.states)
        report.paid_out, report.refunded = len(findings.executed), len(findings.left)
    report.seconds = time.monotonic() - started_s
    return report


@dataclass(slots=True, kw_only=True)
class Storm:
    """Partners that send and processes that die, until both have happened often enough."""

    party: Travellers
    keepers: dict[str, list[Keeper]]
    report: Report
    chance: random.Random
    pause_s: float

    async def rage(self, *, kills: int, remittances: int) -> None:
        """Go on until there were so many kills, and so many remittances were opened."""
        enough, stop = asyncio.Event(), asyncio.Event()

        async def send() -> None:
            await keep_travelling(self.party, self._kinds(remittances), at_once=AT_ONCE, stop=stop)
            enough.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(send())
            while sum(self.report.kills.values()) < kills or not enough.is_set():
                await asyncio.sleep(self.chance.uniform(0, 2 * self.pause_s))
                self._kill_one()
                if self.chance.random() < HALTS:
                    group.create_task(self._halt_one())

    def _kinds(self, remittances: int) -> Iterator[str]:
        for kind in cycle(self.party.kinds):
            if sum(1 for journey in self.party.journeys if journey.remittance_id) >= remittances:
                return
            yield kind

    def _kill_one(self) -> None:
        (name,) = self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))
        if self.chance.choice(self.keepers[name]).kill():
            self.report.kills[name] += 1

    async def _halt_one(self) -> None:
        name, for_s = self.chance.choice(HALTED_ROLES), self.chance.uniform(*HALT_S)
        living = self.chance.choice(self.keepers[name]).living
        if isinstance(living, Forked):
            self.report.halts[name] += 1
            await living.halt(for_s)


def _keepers(world: World, cluster: Cluster) -> dict[str, list[Keeper]]:
    async def start_cluster() -> Cluster:
        await cluster.start()
        return cluster

    def server(name: str) -> Callable[[], Awaitable[Living]]:
        async def start() -> Living:
            return await world.serve(name, settings={"ROADSTEAD_INTERNAL_PORT": "0"})

        return start

    def service(name: str) -> Callable[[], Awaitable[Living]]:
        async def start() -> Living:
            await world.start_service(name)
            return world.services[name]

        return start

    return {
        DATABASE: [Keeper(start=start_cluster, living=cluster)],
        **{name: [Keeper(start=service(name), living=world.services[name])] for name in world.services},
        **{name: [Keeper(start=server(name)) for _ in range(count)] for name, count in SERVER_ROLES.items()},
    }


@asynccontextmanager
async def _kept(keepers: dict[str, list[Keeper]]) -> AsyncIterator[None]:
    """Keep everything alive while the block runs; a keeper that fails ends it."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(keeper.keep()) for kept in keepers.values() for keeper in kept]
        yield
        for task in tasks:
            task.cancel()


async def _data_folder(url: str) -> Path:
    connection = await asyncpg.connect(url)
    try:
        return Path(await connection.fetchval("SHOW data_directory"))
    finally:
        await connection.close()


def _kill(process_id: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process_id, signal.SIGKILL)


def _free_port() -> int:
    return ports.choose_free(taken=())


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counter.items())) or "none"


def _commit() -> str:
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return told.stdout.strip() or "unknown"


def main() -> int:
    """Run the loop from the command line; the exit status is 1 when anything was lost or done twice."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.kill_loop")
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--remittances", type=int, default=2000)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two kills, on average")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--report", type=Path, help="write what happened into this file too")
    given = parser.parse_args()
    sys.stdout.write(f"seed {given.seed}\n")
    sys.stdout.flush()
    folder = make_passable_folder()
    try:
        report = asyncio.run(
            kill_loop(
                folder, seed=given.seed, kills=given.kills, remittances=given.remittances, pause_s=given.pause
            )
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    text = f"{datetime.now(UTC):%Y-%m-%d}, commit {_commit()}\n{report.text()}"
    sys.stdout.write(text + "\n")
    if given.report is not None:
        given.report.write_text(text + "\n")
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
