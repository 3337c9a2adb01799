"""A server that is killed at every boundary it has, one after the other, while partners go on sending."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle

from tests.crash.journeys import Travellers, keep_travelling, travellers
from tests.crash.operators import Operators
from tests.crash.rest import attended, until_still
from tests.crash.trouble import meanwhile, troubled_bank
from tests.crash.verdict import Findings, find_out, twice, violations
from tests.crash.watch import Orders, passed, struck
from tests.crash.world import World, internal_url, until_ready
from tests.crash.zygote import Forked

from roadstead.errors import Unavailable
from roadstead.sandbox.calls import Calls

LIFE_S = 3.0
"""How long a server lives, once it is ready, that passes none of the boundaries at which it is to die."""
LIVES_IN_VAIN_MAX = 10
AT_ONCE = 6
COMMANDS_EVERY_S = 0.2
QUIET_WITHIN_S = 90.0
MARKET_TURNS_S = 1.5
PASS_MAX = 3
ROUNDS_MAX = 3
"""How often it begins again because a boundary showed itself only while all came to rest."""
_OFTEN = 50
"""What was passed less often may not be passed twice while a server lives."""
_SIDES = (".before", ".after")


@dataclass(slots=True, kw_only=True)
class Report:
    """What a campaign did and found."""

    seed: int
    counted: Counter[str] = field(default_factory=Counter)
    """Passes in the first run, in which nothing was killed."""
    passed: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    """Boundaries that were passed and at which no process died."""
    journeys: int = 0
    violations: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """How long counting, killing and coming to rest took."""

    def text(self) -> str:
        """Write it for people."""
        head = (
            f"seed {self.seed}: {sum(self.struck.values())} kills at {len(self.struck)} boundaries, "
            f"{self.journeys} journeys, {len(self.violations)} violations, {sum(self.seconds.values()):.0f} s ("
            + ", ".join(f"{what} {seconds:.0f} s" for what, seconds in self.seconds.items())
            + ")"
        )
        lines = [
            head,
            *(
                f"  {self.struck[name]:3} kills, {self.passed[name]:5} passes  {name}"
                for name in self.names()
            ),
            *(f"missed: {name}" for name in self.missed),
            *(f"VIOLATION: {violation}" for violation in self.violations),
        ]
        return "\n".join(lines)

    def names(self) -> list[str]:
        """List all boundaries that were passed, but for those of mere reads."""
        return sorted(name for name in self.passed if name.endswith(_SIDES))


@dataclass(slots=True, kw_only=True)
class Campaign:
    """One world, its partners, and the server that is killed in it."""

    world: World
    party: Travellers
    chance: random.Random
    depth: int
    """How often a process dies at each boundary."""
    kinds: Sequence[str]
    """The journeys that partners make by turns."""
    fault: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    people: Operators
    is_operated: bool = True
    """Whether people type commands while servers die, beside deciding what waits for them at the end."""
    only: tuple[str, ...] = ("",)
    """How the names of the boundaries begin at which processes die."""
    quiet_within_s: float = QUIET_WITHIN_S
    report: Report

    async def run(self) -> Report:
        """Count, kill, come to rest, and judge."""
        async with self._market():
            with self._timed("counting"):
                await self._count()
        for _ in range(ROUNDS_MAX):
            async with self._market():
                with self._timed("killing"):
                    await self._kill()
            with self._timed("resting"):
                self.report.violations += violations(await self._rest(), self.party.journeys)
            if self.report.violations or not self._remaining():
                break
        self.report.passed = passed(self.world.notes)
        self.report.struck = Counter(struck(self.world.notes))
        self.report.missed = [name for name in self.report.names() if not self.report.struck[name]]
        self.report.journeys = len(self.party.journeys)
        return self.report

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        started_s = time.monotonic()
        yield
        self.report.seconds[what] += time.monotonic() - started_s

    async def _count(self) -> None:
        """Let the code itself tell which boundaries it has, on a way without a kill."""
        server = await self._serve(Orders(notes=str(self.world.notes)))
        async with troubled_bank(self.world):
            await keep_travelling(self.party, self.kinds, at_once=AT_ONCE, stop=asyncio.Event())
        async with Calls() as calls:
            await calls.patiently("GET", f"{internal_url(self.world)}/metrics")
        if self.is_operated:
            await self._operate_once(killing=False, stop=asyncio.Event())
        async with attended(self.world, self.people, self.party):
            await until_still(self.world, within_s=self.quiet_within_s)
        await server.end(signal.SIGTERM)
        self.report.counted = passed(self.world.notes)

    async def _kill(self) -> None:
        stop = asyncio.Event()
        async with troubled_bank(self.world), asyncio.TaskGroup() as group:
            kinds = cycle(self.kinds)
            group.create_task(keep_travelling(self.party, kinds, at_once=AT_ONCE, stop=stop))
            if self.is_operated:
                group.create_task(self._operate(stop))
            in_vain = 0
            while self._remaining() and in_vain < LIVES_IN_VAIN_MAX and not self.report.violations:
                in_vain = 0 if await self._live_and_die() else in_vain + 1
            # Journeys under way are finished with a server that lives.
            stop.set()
            server = await self._serve(Orders(notes=str(self.world.notes)))
        await server.end(signal.SIGTERM)
        await self.world.let_time_pass()

    async def _live_and_die(self) -> bool:
        """Let one server live until it dies at a boundary; tell whether it did."""
        before = len(struck(self.world.notes))
        server = await self._serve(self._orders())
        with suppress(TimeoutError):
            # On a busy machine a start takes longer than a life.
            await until_ready(self.world, server)
            async with asyncio.timeout(LIFE_S):
                await server.ended()
        # A server that is told to end passes boundaries that no other does.
        with suppress(TimeoutError):
            await server.end(signal.SIGTERM, within_s=10)
        await server.end(signal.SIGKILL)
        await self.world.let_time_pass()
        self.report.violations += twice(await self._executed())
        return len(struck(self.world.notes)) > before

    async def _operate(self, stop: asyncio.Event) -> None:
        """Run the operator's commands, which die at their boundaries too."""
        while not stop.is_set():
            await self._operate_once(killing=True, stop=stop)
            await asyncio.sleep(COMMANDS_EVERY_S)

    async def _operate_once(self, *, killing: bool, stop: asyncio.Event) -> None:
        async for command, who in self.people.type():
            if stop.is_set():
                return
            orders = self._orders() if killing else Orders(notes=str(self.world.notes))
            token = self.world.operators[who]
            await (await self.world.command(*command, token=token, orders=orders)).ended()

    def _remaining(self) -> list[str]:
        known, died = passed(self.world.notes), Counter(struck(self.world.notes))
        return [
            name
            for name in known
            if name.endswith(_SIDES) and name.startswith(self.only) and died[name] < self.depth
        ]

    def _orders(self) -> Orders:
        known = passed(self.world.notes)
        kill_at = {
            name: 1 if known[name] < _OFTEN else self.chance.randint(1, PASS_MAX)
            for name in self._remaining()
        }
        return Orders(notes=str(self.world.notes), kill_at=kill_at)

    async def _serve(self, orders: Orders) -> Forked:
        return await self.world.serve(orders=orders, fault=self.fault, settings=self.settings)

    async def _executed(self) -> list[dict[str, object]]:
        async with Calls() as calls:
            content = await calls.expect("GET", f"{self.world.addresses.bank}/payouts")
        return list(content["payouts"])

    @asynccontextmanager
    async def _market(self) -> AsyncIterator[None]:
        """Open and close the market for rates by turns."""

        async def turn() -> None:
            while True:
                await asyncio.sleep(MARKET_TURNS_S)
                self.world.market.is_open = not self.world.market.is_open

        async with meanwhile(turn()):
            yield
        self.world.market.is_open = True

    async def _rest(self) -> Findings:
        """Let a last server come to where nothing is left to do."""
        server = await self._serve(Orders(notes=str(self.world.notes)))
        await until_ready(self.world, server)
        with suppress(Unavailable):
            async with attended(self.world, self.people, self.party):
                await until_still(self.world, within_s=self.quiet_within_s)
        findings = await find_out(self.world, self.party)
        await server.end(signal.SIGTERM)
        return findings


async def campaign(
    world: World,
    *,
    seed: int,
    depth: int = 1,
    kinds: Sequence[str] = (),
    fault: str = "",
    is_operated: bool = True,
    only: tuple[str, ...] = ("",),
    quiet_within_s: float = QUIET_WITHIN_S,
) -> Report:
    """Kill a server of this world at every boundary and report; a violation that is seen at once ends the killing."""
    first = await world.serve()
    await until_ready(world, first)
    async with travellers(world) as party:
        await first.end(signal.SIGTERM)
        return await Campaign(
            world=world,
            party=party,
            chance=random.Random(seed),  # noqa: S311 - a campaign that can be repeated
            depth=depth,
            kinds=kinds or list(party.kinds),
            fault=fault,
            people=Operators(world),
            is_operated=is_operated,
            only=only,
            quiet_within_s=quiet_within_s,
            report=Report(seed=seed),
        ).run()
