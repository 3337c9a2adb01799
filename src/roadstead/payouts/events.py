"""What the rails tell by themselves: stored first, applied after, in any order, as often as it comes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import asyncpg
import structlog

from roadstead.boundaries import boundary
from roadstead.clock import Clock
from roadstead.database.pool import Connection, Database
from roadstead.errors import RoadsteadError
from roadstead.payouts import inbox, store
from roadstead.payouts.recording import Word, record
from roadstead.payouts.settling import settle_plain
from roadstead.rails.protocol import Rail, RailStatus

log = structlog.get_logger()

EVENTS_MAX = 200
TOGETHER_MIN = 2
"""So many settlements are tried together."""
PAGES_MAX = 50
NOT_OURS = "not ours"


async def poll_rail(database: Database, rail: Rail) -> int:
    """Ask a rail what happened and store it, page by page; return how many events came.

    The rail is asked outside any transaction; the events and the cursor are stored together. Safe to repeat and to run
    twice at once: whoever is second finds the cursor moved and stores nothing.

    Raises:
        Unavailable: The rail or the database does not answer.
    """
    count = 0
    for _ in range(PAGES_MAX):
        async with database.connection() as connection:
            seen = await inbox.rail_cursor(connection, rail.name)
        boundary("rail.poll.before")
        events, cursor = await rail.poll(seen)
        boundary("rail.poll.after")
        if not events and cursor == seen:
            break
        async with database.transaction() as connection:
            if not await inbox.store_events(connection, rail.name, events, seen=seen, cursor=cursor):
                break
        count += len(events)
    return count


async def apply_waiting(database: Database, clock: Clock) -> int:
    """Apply the oldest stored events in one transaction; return how many there were.

    An event that cannot be applied never holds up the others: it is logged, kept, and tried again later.
    Safe to run anywhere, at any time, by any number of workers.
    """
    async with database.transaction() as connection:
        waiting = await inbox.waiting_events(connection, EVENTS_MAX)
        settled = await _settle(connection, waiting, clock)
        for event in waiting:
            if event.id in settled:
                continue
            try:
                async with connection.transaction():
                    conclusion = await _apply(connection, event, clock)
                    await inbox.applied(connection, event.id, conclusion, clock.now())
            except (RoadsteadError, asyncpg.IntegrityConstraintViolationError):
                log.exception("rail_event_not_applied", rail=event.rail, event_id=event.id)
                await inbox.postponed(connection, event.id)
    return len(waiting)


async def _settle(
    connection: Connection, waiting: Sequence[inbox.WaitingEvent], clock: Clock
) -> Collection[int]:
    """Settle together what can be; where one of them stands in the way, all are applied one by one."""
    ids = [event.id for event in waiting if event.status is RailStatus.SETTLED]
    if len(ids) < TOGETHER_MIN:
        return ()
    try:
        async with connection.transaction():
            return await settle_plain(connection, ids, clock.now())
    except (RoadsteadError, asyncpg.IntegrityConstraintViolationError):
        log.exception("rail_events_not_settled_together", events=len(ids))
        return ()


async def _apply(connection: Connection, event: inbox.WaitingEvent, clock: Clock) -> str:
    if event.payout_id is None or event.key is None:
        log.warning("rail_event_not_ours", rail=event.rail, event_id=event.id)
        return NOT_OURS
    payout = await store.lock(connection, event.payout_id)
    if payout is None:
        return NOT_OURS
    word = Word(
        status=event.status,
        heard="event",
        reference=event.reference,
        reason=event.reason,
        amount=event.amount,
    )
    return await record(connection, payout, event.key, word, clock.now())
