"""What a person does with an alert: look, acknowledge, close."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from roadstead.database.pool import Connection, Database, Row
from roadstead.errors import BadInput, Conflict, NotFound
from roadstead.operations import audit
from roadstead.operations.alerts import MESSAGE_MAX, AlertStatus, Severity
from roadstead.operations.operators import Operator, require
from roadstead.operations.roles import Right


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert as it stands."""

    id: int
    kind: str
    subject: str
    severity: Severity
    message: str
    status: AlertStatus
    count: int
    opened_at: datetime
    last_at: datetime
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    closed_at: datetime | None
    closed_reason: str | None


async def latest(
    connection: Connection, *, status: AlertStatus | None, severity: Severity | None, limit: int
) -> list[Alert]:
    """List alerts, newest first; without a status, those that are not closed."""
    rows = await connection.fetch(
        """
        SELECT * FROM alerts
        WHERE CASE WHEN $1::text IS NULL THEN status <> 'closed' ELSE status = $1 END
            AND ($2::text IS NULL OR severity = $2)
        ORDER BY id DESC LIMIT $3
        """,
        status,
        severity,
        limit,
    )
    return [_alert(row) for row in rows]


async def by_id(connection: Connection, alert_id: int, *, lock: bool = False) -> Alert:
    """Look an alert up.

    Raises:
        NotFound: There is none.
    """
    row = await connection.fetchrow(
        f"SELECT * FROM alerts WHERE id = $1 {'FOR UPDATE' if lock else ''}",  # noqa: S608 - constants
        alert_id,
    )
    if row is None:
        raise NotFound(f"There is no alert {alert_id}: roadstead alerts list shows them.")
    return _alert(row)


async def acknowledge(database: Database, alert_id: int, *, by: Operator) -> Alert:
    """Say that a person looks after an alert; safe to repeat, the first one stays. A worse repetition opens it again.

    Raises:
        Conflict: The alert is closed.
        Forbidden: The person's role does not let them.
        NotFound: There is no such alert.
        Unavailable: The database does not answer.
    """
    require(by, Right.ATTEND)
    async with database.transaction() as connection:
        alert = await _lock_attended(connection, alert_id)
        if alert.status is AlertStatus.ACKNOWLEDGED:
            return alert
        await connection.execute(
            """
            UPDATE alerts SET status = 'acknowledged', acknowledged_by = $2, acknowledged_at = now() WHERE id = $1
            """,
            alert_id,
            by.actor,
        )
        await _write_down(connection, alert, by, action="alert.acknowledged", reason="")
        return await by_id(connection, alert_id)


async def close_by_hand(database: Database, alert_id: int, *, reason: str, by: Operator) -> Alert:
    """Close an alert because a person says that it is over; what still holds will open another one.

    Raises:
        BadInput: No reason was given.
        Conflict: The alert is closed already.
        Forbidden: The person's role does not let them.
        NotFound: There is no such alert.
        Unavailable: The database does not answer.
    """
    require(by, Right.ATTEND)
    if not 1 <= len(reason.strip()) <= MESSAGE_MAX:
        raise BadInput(f"Give the reason in 1 to {MESSAGE_MAX} characters.")
    async with database.transaction() as connection:
        alert = await _lock_attended(connection, alert_id)
        await connection.execute(
            "UPDATE alerts SET status = 'closed', closed_at = now(), closed_reason = $2 WHERE id = $1",
            alert_id,
            reason.strip(),
        )
        await _write_down(connection, alert, by, action="alert.closed", reason=reason.strip())
        return await by_id(connection, alert_id)


async def _lock_attended(connection: Connection, alert_id: int) -> Alert:
    alert = await by_id(connection, alert_id, lock=True)
    if alert.status is AlertStatus.CLOSED:
        raise Conflict(f"Alert {alert_id} is closed already: {alert.closed_reason}")
    return alert


async def _write_down(
    connection: Connection, alert: Alert, by: Operator, *, action: str, reason: str
) -> None:
    await audit.record(
        connection,
        actor=by.actor,
        action=action,
        subject=f"alert {alert.id}",
        detail={"kind": alert.kind, "about": alert.subject, "reason": reason},
    )


def _alert(row: Row) -> Alert:
    return Alert(
        **{**row, "severity": Severity(row["severity"]), "status": AlertStatus(row["status"])},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenNotice:
    """What one channel has to tell of an alert, and whether it has."""

    channel: str
    event: str
    status: str
    tries: int
    written_at: datetime
    ended_at: datetime | None
    failure: str | None


async def notices(connection: Connection, alert_id: int) -> list[WrittenNotice]:
    """List what was to be delivered of an alert, oldest first."""
    rows = await connection.fetch(
        """
        SELECT channel, event, status, tries, written_at, ended_at, failure
        FROM alert_notices WHERE alert_id = $1 ORDER BY id
        """,
        alert_id,
    )
    return [WrittenNotice(**row) for row in rows]
