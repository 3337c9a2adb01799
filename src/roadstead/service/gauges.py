"""Gauges that are read from the database when somebody scrapes: the same numbers from every process."""

from __future__ import annotations

from prometheus_client import Gauge

from roadstead.callbacks.store import backlog as callback_backlog
from roadstead.database.pool import Connection, Database
from roadstead.payments.listing import backlog
from roadstead.payments.queue import totals
from roadstead.refunds.store import oldest_open_s
from roadstead.service.metrics import registry
from roadstead.statements.suspense import totals as suspense_totals

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
_unmatched = Gauge(
    "roadstead_unmatched_payments",
    "Payments, and what was too much of payments, that wait for a person, by asset and reason.",
    ["asset", "reason"],
    registry=registry,
)
_unmatched_units = Gauge(
    "roadstead_unmatched_units",
    "The sum of them, in the smallest unit of the asset.",
    ["asset", "reason"],
    registry=registry,
)
_unmatched_oldest_s = Gauge(
    "roadstead_unmatched_oldest_age_seconds",
    "How long the oldest of them waits.",
    ["asset", "reason"],
    registry=registry,
)
_refunds = Gauge("roadstead_refunds", "Refunds that are not sent, by status.", ["status"], registry=registry)
_refunds_oldest_s = Gauge(
    "roadstead_refunds_oldest_age_seconds",
    "Time since the oldest refund that is not sent was ordered.",
    registry=registry,
)
_suspense = Gauge(
    "roadstead_suspense_lines",
    "Statement lines in suspense, which a person has to explain, by rail, currency and direction.",
    ["rail", "asset", "direction"],
    registry=registry,
)
_suspense_units = Gauge(
    "roadstead_suspense_units",
    "The sum of them, in the smallest unit of the currency.",
    ["rail", "asset", "direction"],
    registry=registry,
)
_suspense_oldest_s = Gauge(
    "roadstead_suspense_oldest_age_seconds",
    "How long the oldest of them stands there.",
    ["rail", "asset", "direction"],
    registry=registry,
)
_events = Gauge("roadstead_rail_events_waiting", "Rail events that are not applied yet.", registry=registry)

_callbacks = Gauge("roadstead_callbacks_waiting", "Callbacks that are not delivered yet.", registry=registry)
_callbacks_oldest_s = Gauge(
    "roadstead_callbacks_oldest_age_seconds",
    "Time since the oldest change of status that its partner was not told yet.",
    registry=registry,
)
_alerts = Gauge(
    "roadstead_alerts",
    "Alerts that are not closed, acknowledged ones too.",
    ["kind", "severity", "status"],
    registry=registry,
)
_holds = Gauge(
    "roadstead_holds",
    "Decisions that wait: open and proposed for people, decided for a worker.",
    ["kind", "status"],
    registry=registry,
)
_holds_oldest_s = Gauge(
    "roadstead_holds_oldest_age_seconds",
    "Time since the oldest hold was placed that people have not decided.",
    registry=registry,
)
_stops = Gauge(
    "roadstead_outgoing_stops",
    "Emergency stops that are in force, by what they keep from going out.",
    ["what"],
    registry=registry,
)
_notices = Gauge(
    "roadstead_alert_notices_waiting",
    "Notices of alerts that are not delivered yet.",
    ["channel"],
    registry=registry,
)
_notices_given_up = Gauge(
    "roadstead_alert_notices_given_up_lately",
    "Notices of alerts that could not be delivered, written within seven days.",
    ["channel"],
    registry=registry,
)
_screening_due = Gauge(
    "roadstead_screening_due",
    "Customers that have to be compared with the sanctions lists.",
    registry=registry,
)
_screening_oldest_s = Gauge(
    "roadstead_screening_oldest_age_seconds",
    "Time since the data of the oldest of them changed that was not screened since.",
    registry=registry,
)
_screening_hits = Gauge(
    "roadstead_screening_hits",
    "Entries of sanctions lists that customers are like at present, by what people decided.",
    ["status"],
    registry=registry,
)
_screening_payouts = Gauge(
    "roadstead_screening_payouts_waiting",
    "Payouts that wait for screening or are held by it.",
    registry=registry,
)
_screening_list_age_s = Gauge(
    "roadstead_screening_list_age_seconds",
    "Time since a sanctions list was imported or confirmed.",
    ["list"],
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
        await _count_by_labels(
            connection,
            _remittances,
            """
            SELECT status, count(*) FROM remittances
            WHERE status NOT IN ('completed', 'refunded', 'expired', 'error') GROUP BY status
            """,
        )
        await _count_by_labels(
            connection,
            _payouts,
            "SELECT status, count(*) FROM payouts WHERE status NOT IN ('settled', 'returned') GROUP BY status",
        )
        await _count_by_labels(
            connection,
            _refunds,
            "SELECT status, count(*) FROM refunds WHERE status <> 'sent' GROUP BY status",
        )
        _refunds_oldest_s.set(await oldest_open_s(connection))
        waiting = await backlog(connection)
        _payments.labels("stored").set(waiting.stored)
        _payments.labels("unmatched").set(waiting.unmatched)
        _payments.labels("undecodable").set(waiting.undecodable)
        await _measure_queue(connection)
        await _measure_suspense(connection)
        callbacks = await callback_backlog(connection)
        _callbacks.set(callbacks.waiting)
        _callbacks_oldest_s.set(callbacks.oldest_s)
        _callbacks_given_up.set(callbacks.given_up)
        await _refresh_operations(connection)
        await _refresh_screening(connection)
        _events.set(await connection.fetchval("SELECT count(*) FROM rail_events WHERE applied_at IS NULL"))


async def _refresh_operations(connection: Connection) -> None:
    for gauge, query in (
        (
            _alerts,
            "SELECT kind, severity, status, count(*) FROM alerts WHERE status <> 'closed' GROUP BY 1, 2, 3",
        ),
        (
            _holds,
            "SELECT kind, status, count(*) FROM holds WHERE status NOT IN ('applied', 'withdrawn') GROUP BY 1, 2",
        ),
        (_stops, "SELECT what, count(*) FROM stops WHERE resumed_at IS NULL GROUP BY 1"),
        (_notices, "SELECT channel, count(*) FROM alert_notices WHERE status = 'waiting' GROUP BY 1"),
        (
            _notices_given_up,
            """
            SELECT channel, count(*) FROM alert_notices
            WHERE status = 'given_up' AND written_at > now() - interval '7 days' GROUP BY 1
            """,
        ),
    ):
        await _count_by_labels(connection, gauge, query)
    _holds_oldest_s.set(
        await connection.fetchval(
            "SELECT coalesce(extract(epoch FROM now() - min(placed_at)), 0) FROM holds "
            "WHERE status IN ('open', 'proposed')"
        )
    )


async def _refresh_screening(connection: Connection) -> None:
    row = await connection.fetchrow(
        """
        SELECT count(*) AS due,
            coalesce(extract(epoch FROM now() - min(changed_at) FILTER (WHERE changes <> screened_changes)), 0)
                AS oldest
        FROM screening_subjects
        WHERE changes <> screened_changes OR edition < screening_edition() OR edition > screening_edition()
        """
    )
    _screening_due.set(row["due"] if row else 0)
    _screening_oldest_s.set(row["oldest"] if row else 0)
    hits = "SELECT status, count(*) FROM screening_hits WHERE is_current GROUP BY 1"
    await _count_by_labels(connection, _screening_hits, hits)
    ages = "SELECT name, extract(epoch FROM now() - current_at) FROM screening_lists"
    await _count_by_labels(connection, _screening_list_age_s, ages)
    _screening_payouts.set(
        await connection.fetchval(
            "SELECT count(*) FROM payouts WHERE awaits_screening AND status IN ('ordered', 'held')"
        )
    )


async def _count_by_labels(connection: Connection, gauge: Gauge, query: str) -> None:
    rows = await connection.fetch(query)
    gauge.clear()
    for *labels, count in rows:
        gauge.labels(*labels).set(count)


async def _measure_queue(connection: Connection) -> None:
    found = await totals(connection)
    now = await connection.fetchval("SELECT now()")
    for gauge in (_unmatched, _unmatched_units, _unmatched_oldest_s):
        gauge.clear()
    for total in found:
        names = (total.asset.id, total.reason)
        _unmatched.labels(*names).set(total.count)
        _unmatched_units.labels(*names).set(total.amount.units)
        _unmatched_oldest_s.labels(*names).set((now - total.oldest_since).total_seconds())


async def _measure_suspense(connection: Connection) -> None:
    now = await connection.fetchval("SELECT now()")
    for gauge in (_suspense, _suspense_units, _suspense_oldest_s):
        gauge.clear()
    for total in await suspense_totals(connection):
        names = (total.rail, total.amount.asset.id, "in" if total.is_credit else "out")
        _suspense.labels(*names).set(total.count)
        _suspense_units.labels(*names).set(total.amount.units)
        _suspense_oldest_s.labels(*names).set((now - total.oldest_since).total_seconds())
