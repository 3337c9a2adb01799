"""Watching what waits: payments that need a person, and paid remittances that need a rate, are made heard in time."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from roadstead.database.pool import Database
from roadstead.money import Asset
from roadstead.operations.alerts import AlertKind, keep_alerts
from roadstead.payments.queue import QueueTotal, totals
from roadstead.quotes.rates import Snapshot
from roadstead.remittances import store
from roadstead.remittances.fixing import fix
from roadstead.remittances.policies import Policies

RATE_AWAITED_MAX = timedelta(minutes=15)
"""How long a paid remittance may wait for a rate before somebody is told."""
LOOKED_AT_MAX = 500


async def watch_queue(database: Database, policies: Policies, now: datetime) -> int:
    """Let an alert be open for each asset in which something waits too long for a person; return how many there are.

    Safe to run anywhere, at any time.

    Raises:
        Unavailable: The database does not answer.
    """
    async with database.transaction() as connection:
        waiting: dict[Asset, list[QueueTotal]] = defaultdict(list)
        for total in await totals(connection):
            waiting[total.asset].append(total)
        old = {
            asset.id: _too_old(asset, found, age)
            for asset, found in waiting.items()
            if (age := now - min(total.oldest_since for total in found)) > policies.age_max(asset)
        }
        await keep_alerts(connection, AlertKind.UNMATCHED_OLD, old, over="nothing waits too long any more")
    return len(old)


async def watch_rates(database: Database, rates: Snapshot, now: datetime) -> int:
    """Let an alert be open for each pair whose paid remittances wait long, and for each that delivers nothing.

    Safe to run anywhere, at any time. Returns how many there are.

    Raises:
        Unavailable: The database does not answer.
    """
    async with database.transaction() as connection:
        awaited: dict[str, str] = {}
        worthless: dict[str, str] = {}
        for one in await store.awaiting_rate(connection, LOOKED_AT_MAX):
            pair = (one.amount_in.asset, one.asset_out)
            if pair in rates and fix(one, rates) is None:
                worthless[str(one.id)] = (
                    f"Remittance {one.id} is paid with {one.amount_in} and at the rate of now delivers less than the "
                    f"smallest unit of {one.asset_out.code}: wait for another rate, or send it back with roadstead "
                    "remittances refund."
                )
            elif pair not in rates and now - one.status_at > RATE_AWAITED_MAX:
                awaited[f"{pair[0]} {pair[1]}"] = (
                    f"Remittances that are paid in {pair[0].code} wait since {one.status_at:%Y-%m-%d %H:%M} UTC for a "
                    f"rate into {pair[1].code}: look after its source of rates."
                )
        await keep_alerts(
            connection, AlertKind.RATE_AWAITED, awaited, over="there is a rate, or nothing waits"
        )
        await keep_alerts(
            connection, AlertKind.NOTHING_TO_DELIVER, worthless, over="it is delivered or goes back"
        )
    return len(awaited) + len(worthless)


def _too_old(asset: Asset, found: list[QueueTotal], age: timedelta) -> str:
    count = sum(total.count for total in found)
    reasons = ", ".join(sorted({total.reason for total in found}))
    hours = age.total_seconds() / 3600
    return (
        f"Payments of {asset.code} wait for a person: {count} ({reasons}), the oldest for {hours:.1f} hours. "
        "See roadstead payments unmatched."
    )
