"""Gauges that are read from the database when somebody scrapes: the same numbers from every process."""

from __future__ import annotations

from prometheus_client import Gauge

from roadstead.callbacks.store import backlog as callback_backlog
from roadstead.database.pool import Connection, Database
from roadstead.payments.listing import backlog
from roadstead.service.metrics import registry

_remittances = Gauge(
    "roadstead_remittances", "Remittances that are under way, by status.", ["status"], registry=registry
)
_payouts = Gauge(
    "roadstead_payouts", "Payouts that are not settled, by status.", ["status"], registry=registry
)
_payments = Gauge(
    "roadstead_payments_waiting",
    "Incoming payments that wait: stored for the matcher, unmatched and undecodable for a person.",
    ["disposition"],
    registry=registry,
)
_events = Gauge("roadstead_rail_events_waiting", "Rail events that are not applied yet.", registry=registry)

_callbacks = Gauge("roadstead_callbacks_waiting", "Callbacks that are not delivered yet.", registry=registry)
_callbacks_oldest_s = Gauge(
    "roadstead_callbacks_oldest_age_seconds",
    "Time since the oldest change of status that its partner was not told yet.",
    registry=registry,
)
_callbacks_given_up = Gauge(
    "roadstead_callbacks_given_up_lately",
    "Callbacks given up within seven days and not sent again; each waits for a person.",
    registry=registry,
)


async def refresh(database: Database) -> None:
    """Read the numbers afresh; called at every scrape.

    Raises:
        Unavailable: The database does not answer.
    """
    async with database.connection() as connection:
        await _count_by_status(
            connection,
            _remittances,
            """
            SELECT status, count(*) FROM remittances
            WHERE status NOT IN ('completed', 'refunded', 'expired', 'error') GROUP BY status
            """,
        )
        await _count_by_status(
            connection,
            _payouts,
            "SELECT status, count(*) FROM payouts WHERE status NOT IN ('settled', 'returned') GROUP BY status",
        )
        waiting = await backlog(connection)
        _payments.labels("stored").set(waiting.stored)
        _payments.labels("unmatched").set(waiting.unmatched)
        _payments.labels("undecodable").set(waiting.undecodable)
        callbacks = await callback_backlog(connection)
        _callbacks.set(callbacks.waiting)
        _callbacks_oldest_s.set(callbacks.oldest_s)
        _callbacks_given_up.set(callbacks.given_up)
        _events.set(await connection.fetchval("SELECT count(*) FROM rail_events WHERE applied_at IS NULL"))


async def _count_by_status(connection: Connection, gauge: Gauge, query: str) -> None:
    rows = await connection.fetch(query)
    gauge.clear()
    for status, count in rows:
        gauge.labels(status).set(count)
