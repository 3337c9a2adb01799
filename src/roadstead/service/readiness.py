"""Whether a process can do its work now: what `/ready` asks, check by check."""

from __future__ import annotations

from roadstead.database.pool import Database
from roadstead.errors import Unavailable
from roadstead.payments.cursors import cursor
from roadstead.payouts.inbox import rail_cursor
from roadstead.rails.protocol import Rail
from roadstead.service.internal import Check

SCAN_AGE_MAX_S = 30.0
"""How long the end of the chain may not have been reached before the observer counts as lagging."""


def observer_check(database: Database, source: str, *, lag_max_s: float) -> Check:
    """Check that somebody reads the chain, that its end was reached not long ago, and that the end was not old."""

    async def run() -> str:
        async with database.connection() as connection:
            read = await cursor(connection, source)
            now = await connection.fetchval("SELECT now()")
        if read is None or read.ledger is None:
            raise Unavailable(
                "The observer has not reached the end of the chain yet: see that one is running."
            )
        age_s = (now - read.read_at).total_seconds()
        if age_s > SCAN_AGE_MAX_S:
            raise Unavailable(
                f"The observer last reached the end of the chain {age_s:.0f} s ago: see that one is running and that "
                "Horizon answers."
            )
        lag_s = (now - read.ledger.closed_at).total_seconds()
        if lag_s > lag_max_s:
            raise Unavailable(
                f"The chain is read up to a ledger that closed {lag_s:.0f} s ago: Horizon lags, or the network stands "
                "still. Nothing expires meanwhile; see roadstead chain show."
            )
        return f"ledger {read.ledger.sequence}, read {age_s:.1f} s ago"

    return Check(name="observer", run=run)


def rail_check(database: Database, rail: Rail) -> Check:
    """Check that a rail answers, by asking it for its news; what it tells then is read again by the scheduler."""

    async def run() -> str:
        async with database.connection() as connection:
            seen = await rail_cursor(connection, rail.name)
        await rail.poll(seen)
        return "answers"

    return Check(name=f"rail {rail.name}", run=run)
