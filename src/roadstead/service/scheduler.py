"""The scheduler: what has to happen by the clock. One leads at a time; the others wait to take over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from roadstead.clock import Clock
from roadstead.database.pool import Database
from roadstead.ledger.guarding import guard
from roadstead.partners.challenges import purge_used
from roadstead.partners.receipts import purge_receipts
from roadstead.payouts.events import poll_rail
from roadstead.rails.protocol import Rail
from roadstead.screening.clearance import Requirements
from roadstead.screening.staleness import watch_lists
from roadstead.service.leases import Leadership
from roadstead.service.loops import every
from roadstead.service.metrics import books_unsound_checks, rail_events_stored

ROLE = "scheduler"
PURGE_INTERVAL_S = 300.0
LISTS_LOOK_S = 10.0
"""How often the age of the sanctions lists is looked at."""
VERIFY_INTERVAL_S = 600.0
"""How long the books stay unverified at most while somebody leads."""
VERIFY_LOOK_S = 2.0
"""How soon after it begins to lead a scheduler verifies them."""


async def run_scheduler(
    database: Database,
    rails: Mapping[str, Rail],
    *,
    leadership: Leadership,
    screening: Requirements,
    clock: Clock,
    stop: asyncio.Event,
) -> None:
    """Ask the rails what happened and clear away what is over, until `stop` is set.

    Each job is safe when two schedulers run it at once, so a lease that ran out in the middle does no harm.
    """

    async def purge() -> None:
        if leadership.is_held:
            await purge_used(database, clock.now())

    async def purge_answers() -> None:
        if leadership.is_held:
            await purge_receipts(database, clock.now())

    async def watch() -> None:
        if leadership.is_held:
            await watch_lists(database, screening, clock)

    verify_books = _verifier(database, leadership)
    async with asyncio.TaskGroup() as group:
        group.create_task(every(VERIFY_LOOK_S, verify_books, name="verify_books", stop=stop))
        group.create_task(every(PURGE_INTERVAL_S, purge, name="purge_challenges", stop=stop))
        group.create_task(every(PURGE_INTERVAL_S, purge_answers, name="purge_receipts", stop=stop))
        group.create_task(every(LISTS_LOOK_S, watch, name="screening_list_age", stop=stop))
        for rail in rails.values():
            poll = _poller(database, rail, leadership)
            group.create_task(every(rail.terms.poll_interval_s, poll, name=f"poll_{rail.name}", stop=stop))


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
