"""Alerts: what a person has to know, opened once per kind and subject, counted up, and delivered outside."""

from __future__ import annotations

from enum import StrEnum

from roadstead.database.pool import Connection

MESSAGE_MAX = 500
SUBJECT_MAX = 200


class AlertKind(StrEnum):
    """What alerts are about; the subject names the thing."""

    OUTGOING_STOPPED = "outgoing_stopped"
    """Somebody stopped payouts or refunds; the subject is the stop."""
    BOOKS_UNSOUND = "books_unsound"
    """A check of the books found something; the subject is the check."""
    OPERATOR_CHANGED = "operator_changed"
    """An operator was added, disabled or got a new token; the subject is the operator."""


class Severity(StrEnum):
    """How much it hurries."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class AlertStatus(StrEnum):
    """Where an alert stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


async def open_alert(
    connection: Connection,
    *,
    kind: AlertKind,
    subject: str,
    message: str,
    severity: Severity = Severity.WARNING,
) -> None:
    """Open an alert in the caller's transaction, or count the open one of this kind and subject up.

    Its delivery is written with it and sent later, so the caller neither waits nor fails for it. A repetition keeps the
    last message, and is delivered again only when it is more severe than before; it never becomes milder. The message
    says what happened and what to do next and carries ids only, no personal data; what is too long is cut off. Open it
    late in the transaction: the row stays locked until the end.
    """
    await connection.execute(
        """
        INSERT INTO alerts AS a (kind, subject, severity, message) VALUES ($1, $2, $3, $4)
        ON CONFLICT (kind, subject) WHERE status <> 'closed' DO UPDATE SET
            count = least(a.count, 2147483646) + 1, last_at = now(), message = EXCLUDED.message,
            severity = CASE WHEN 'critical' IN (a.severity, EXCLUDED.severity) THEN 'critical'
                WHEN 'warning' IN (a.severity, EXCLUDED.severity) THEN 'warning' ELSE 'info' END,
            status = CASE WHEN a.severity <> 'critical' AND EXCLUDED.severity = 'critical' THEN 'open' ELSE a.status END
        """,
        kind,
        subject[:SUBJECT_MAX],
        severity,
        message[:MESSAGE_MAX],
    )


async def close_alert(connection: Connection, kind: AlertKind, subject: str, *, reason: str) -> None:
    """Close the open alert of a kind and subject, because what it told of is over; nothing happens without one."""
    await connection.execute(
        """
        UPDATE alerts SET status = 'closed', closed_at = now(), closed_reason = $3
        WHERE kind = $1 AND subject = $2 AND status <> 'closed'
        """,
        kind,
        subject[:SUBJECT_MAX],
        reason[:MESSAGE_MAX],
    )
