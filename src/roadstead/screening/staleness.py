"""Telling people that a list is missing or too old, for as long as it is."""

from __future__ import annotations

from roadstead.clock import Clock
from roadstead.database.pool import Database
from roadstead.operations.alerts import AlertKind, keep_alerts
from roadstead.screening import lists_store
from roadstead.screening.clearance import Requirements, stale_lists


async def watch_lists(database: Database, requirements: Requirements, clock: Clock) -> int:
    """Open an alert for each list that stops payouts, and close those that are over; return how many stop them.

    Raises:
        Unavailable: The database does not answer.
    """
    async with database.transaction() as connection:
        stale = stale_lists(requirements, await lists_store.states(connection), clock.now())
        await keep_alerts(
            connection,
            AlertKind.SCREENING_LIST_STALE,
            {
                name: f"The list {name} {what}: no payout goes out. Import it (roadstead screening import --list "
                f"{name} FILE); what waits goes on by itself."
                for name, what in stale.items()
            },
            over="the list is current",
        )
    return len(stale)
