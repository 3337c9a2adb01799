"""The bench on which a rail is tested: the rail, and an outside observer of the bank behind it."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Protocol, cast

import pytest

from roadstead.rails.protocol import PayoutAttempt, Rail, RailEvent
from roadstead.rails.statements import BankStatement, StatementSource

DEADLINE_S = 20
"""How long the suite waits for what a bank does by itself."""
POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """A message as the bank would push it."""

    headers: Mapping[str, str]
    body: bytes


class RailBench(Protocol):
    """What an integrator writes once, so that the suite can see both sides of a rail."""

    @property
    def rail(self) -> Rail:
        """The rail under test, over a bank that pays (a test bank, or a simulated one)."""
        ...

    def new_attempt(self) -> PayoutAttempt:
        """Make an attempt that the bank pays, with identifiers that were never used."""
        ...

    def new_refused_attempt(self) -> PayoutAttempt:
        """Make an attempt that passes `check` and that the bank refuses for good."""
        ...

    async def executions(self, end_to_end_id: str) -> int:
        """Count the payments that the bank really executed for an end-to-end id, by the bank's own word."""
        ...

    async def advance(self) -> None:
        """Let the bank get on: close a batch, carry a file, move its clock. Nothing, where it works by itself."""
        ...

    async def lose_next_answer(self) -> bool:
        """Make the bank carry out the next submission and lose its answer; False when no answer can be lost."""
        ...

    async def delay_next_execution(self) -> bool:
        """Make the bank carry out the next submission after the rail gave up waiting; False when it never waits."""
        ...

    def pushed(self, attempt: PayoutAttempt) -> Pushed | None:
        """Make a genuine message of the bank about an attempt's settlement; None when the rail takes none."""
        ...


OpenBench = Callable[[], AbstractAsyncContextManager[RailBench]]
"""What `--rail package.module:factory` names: opens a bench over a bank that knows nothing yet, and closes it."""


def named_bench(name: str | None) -> OpenBench:
    """Find the factory that `--rail` names.

    Raises:
        pytest.UsageError: The option is missing, or names nothing that can be imported.
    """
    module_name, separator, attribute = (name or "").partition(":")
    if not separator:
        raise pytest.UsageError("Say which rail is tested: --rail package.module:factory.")
    try:
        return cast("OpenBench", getattr(import_module(module_name), attribute))
    except (ImportError, AttributeError) as error:
        raise pytest.UsageError(f"--rail {name} cannot be imported: {error}") from error


def expect(*, is_kept: bool, clause: str) -> None:
    """Fail the test with the clause that was broken."""
    if not is_kept:
        pytest.fail(clause)


async def until(bench: RailBench, condition: Callable[[], Awaitable[bool]], clause: str) -> None:
    """Let the bank get on until a condition holds, and fail with the clause when it never does."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not await condition():
                await bench.advance()
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        pytest.fail(f"{clause} It did not happen within {DEADLINE_S} s.")


async def until_executed(bench: RailBench, attempt: PayoutAttempt) -> None:
    """Wait until the bank executed the attempt."""

    async def is_executed() -> bool:
        return await bench.executions(attempt.end_to_end_id) > 0

    await until(bench, is_executed, "An attempt that was submitted is paid.")


async def executions_after_a_marker(bench: RailBench, attempt: PayoutAttempt) -> int:
    """Count the executions of an attempt once another one, submitted now, is executed.

    What the bank still had to do for the first attempt, it has done by then.
    """
    marker = bench.new_attempt()
    await bench.rail.submit(marker)
    await until_executed(bench, marker)
    await bench.advance()
    return await bench.executions(attempt.end_to_end_id)


async def all_events(rail: Rail, cursor: str | None = None) -> list[RailEvent]:
    """Poll until nothing is new."""
    events: list[RailEvent] = []
    while True:
        page, following = await rail.poll(cursor)
        if not page and following == cursor:
            return events
        events += page
        cursor = following


async def all_statements(source: StatementSource) -> Sequence[BankStatement]:
    """Read all statements from the beginning."""
    statements: list[BankStatement] = []
    cursor: str | None = None
    while True:
        page, following = await source.statements(cursor)
        if not page and following == cursor:
            return statements
        statements += page
        cursor = following


_WATCHED = frozenset({"socket.connect", "socket.getaddrinfo", "socket.sendto", "subprocess.Popen", "open"})


class _Ear(threading.local):
    """What a thread did that the interpreter tells of, while somebody wants to know it."""

    seen: list[str] | None = None

    def hear(self, event: str, _: object) -> None:
        if self.seen is not None and event in _WATCHED:
            self.seen.append(event)


@cache
def _ear() -> _Ear:
    """Listen from now on; an audit hook cannot be taken away again."""
    ear = _Ear()
    sys.addaudithook(ear.hear)
    return ear


@contextmanager
def calls_outside() -> Iterator[list[str]]:
    """Tell what this thread asks of the network, of files and of other programs meanwhile (PEP 578)."""
    ear = _ear()
    seen: list[str] = []
    ear.seen = seen
    try:
        yield seen
    finally:
        ear.seen = None
