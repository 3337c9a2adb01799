"""Watching suspense: lines that nobody explained are made heard in time."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from roadstead.database.pool import Database
from roadstead.operations.alerts import AlertKind, keep_alerts
from roadstead.statements.resolutions import SuspensePolicies
from roadstead.statements.suspense import SuspenseTotal, totals


async def watch_suspense(database: Database, policies: SuspensePolicies, now: datetime) -> int:
    """Let an alert be open for each rail of which a line stands in suspense too long; return how many there are.

    Safe to run anywhere, at any time.

    Raises:
        Unavailable: The database does not answer.
    """
    async with database.transaction() as connection:
        standing: dict[str, list[SuspenseTotal]] = defaultdict(list)
        for total in await totals(connection):
            standing[total.rail].append(total)
        old = {
            rail: _too_old(rail, found, age)
            for rail, found in standing.items()
            if (age := now - min(total.oldest_since for total in found)) > policies.age_max(rail)
        }
        over = "no line stands in suspense too long any more"
        await keep_alerts(connection, AlertKind.SUSPENSE_OLD, old, over=over)
    return len(old)


def _too_old(rail: str, found: list[SuspenseTotal], age: timedelta) -> str:
    sums = ", ".join(f"{total.amount} {'in' if total.is_credit else 'out'}" for total in found)
    hours = age.total_seconds() / 3600
    return (
        f"Statement lines of {rail} stand in suspense: {sum(total.count for total in found)} ({sums}), the oldest for "
        f"{hours:.1f} hours. See roadstead statements suspense, and say what each is."
    )
