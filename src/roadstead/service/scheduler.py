"""The scheduler: what has to happen by the clock. One leads at a time; the others wait to take over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from roadstead.clock import Clock
from roadstead.config.anchor import Anchor
from roadstead.database.pool import Database
from roadstead.ledger.guarding import guard
from roadstead.payouts.events import poll_rail
from roadstead.rails.protocol import Rail
from roadstead.rails.statements import StatementSource
from roadstead.service.filing import start_receiving
from roadstead.service.housekeeping import Job, housekeeping, start
from roadstead.service.leases import Leadership
from roadstead.service.loops import every
from roadstead.service.metrics import books_unsound_checks, rail_events_stored, statements_stored
from roadstead.statements.taking import poll_statements

ROLE = "scheduler"
VERIFY_INTERVAL_S = 600.0
"""How long the books stay unverified at most while somebody leads."""
STATEMENTS_INTERVAL_S = 5.0
"""How long a rail rests at least between two questions for statements."""
VERIFY_LOOK_S = 2.0
"""How soon after it begins to lead a scheduler verifies them."""


async def run_scheduler(
    database: Database,
    rails: Mapping[str, Rail],
    *,
    anchor: Anchor,
    leadership: Leadership,
    clock: Clock,
    stop: asyncio.Event,
    jobs: Sequence[Job] = (),
) -> None:
    """Ask the rails what happened and clear away what is over, until `stop` is set. `jobs` are run besides.

    Each job is safe when two schedulers run it at once, so a lease that ran out in the middle does no harm.
    """
    verify_books = _verifier(database, leadership)
    async with asyncio.TaskGroup() as group:
        group.create_task(every(VERIFY_LOOK_S, verify_books, name="verify_books", stop=stop))
        for job in (*housekeeping(database, anchor, clock), *jobs):
            start(job, group, leadership, stop)
        start_receiving(rails, group, leadership, stop)
        for rail in rails.values():
            poll = _poller(database, rail, leadership)
            group.create_task(every(rail.terms.poll_interval_s, poll, name=f"poll_{rail.name}", stop=stop))
            if rail.terms.has_statements and isinstance(rail, StatementSource):
                read = _reader(database, rail.name, rail, leadership, clock)
                interval_s = max(rail.terms.poll_interval_s, STATEMENTS_INTERVAL_S)
                group.create_task(every(interval_s, read, name=f"statements_{rail.name}", stop=stop))


def _verifier(database: Database, leadership: Leadership) -> Callable[[], Awaitable[None]]:
    """Verify the books soon after beginning to lead, and then again and again."""
    due_at = 0.0

    async def verify_books() -> None:
        nonlocal due_at
        if not leadership.is_held or time.monotonic() < due_at:
            return
        guarded = await guard(database)
        books_unsound_checks.set(sum(bool(outcome.findings) for outcome in guarded.report.outcomes))
        due_at = time.monotonic() + VERIFY_INTERVAL_S

    return verify_books


def _poller(database: Database, rail: Rail, leadership: Leadership) -> Callable[[], Awaitable[None]]:
    async def poll() -> None:
        if leadership.is_held:
            rail_events_stored.labels(rail.name).inc(await poll_rail(database, rail))

    return poll


def _reader(
    database: Database, name: str, source: StatementSource, leadership: Leadership, clock: Clock
) -> Callable[[], Awaitable[None]]:
    async def read() -> None:
        if leadership.is_held:
            statements_stored.labels(name).inc(await poll_statements(database, name, source, clock))

    return read
