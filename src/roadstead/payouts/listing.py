"""Payouts as people look at them: lists, attempts and open questions, without personal data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from roadstead.database.pool import Connection, Row
from roadstead.money import Money, parse_asset
from roadstead.payouts.states import PayoutStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One payout in a list."""

    id: UUID
    remittance_id: UUID
    rail: str
    amount: Money
    end_to_end_id: str
    status: PayoutStatus
    status_at: datetime
    reason: str | None
    releases: int
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownAttempt:
    """One attempt, without what it asks of the rail."""

    key: str
    rail: str
    status: str
    reference: str | None
    reason: str | None
    written_at: datetime
    settled_at: datetime | None
    returned_at: datetime | None
    returned: Money | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A hold that waits for people."""

    id: UUID
    kind: str
    status: str
    reason: str
    placed_at: datetime


_SUMMARY = """
SELECT p.id, p.remittance_id, p.rail, p.asset, p.amount_units, p.end_to_end_id, p.status, p.status_at, p.reason,
    p.releases, (SELECT count(*) FROM payout_attempts AS a WHERE a.payout_id = p.id) AS attempts
FROM payouts AS p
"""


async def latest(connection: Connection, *, status: PayoutStatus | None, limit: int) -> list[Summary]:
    """List payouts of one status or of all, those first that changed last."""
    rows = await connection.fetch(
        f"{_SUMMARY} WHERE $1::text IS NULL OR p.status = $1 ORDER BY p.status_at DESC, p.id LIMIT $2",
        status,
        limit,
    )
    return [_summary(row) for row in rows]


async def summary(connection: Connection, identifier: UUID) -> Summary | None:
    """Look a payout up by its own id or by that of its remittance."""
    row = await connection.fetchrow(f"{_SUMMARY} WHERE p.id = $1 OR p.remittance_id = $1", identifier)
    return None if row is None else _summary(row)


async def shown_attempts(connection: Connection, payout_id: UUID) -> list[ShownAttempt]:
    """List the attempts of a payout, oldest first."""
    rows = await connection.fetch(
        """
        SELECT a.key, a.rail, a.status, a.reference, a.reason, a.written_at, a.settled_at, a.returned_at,
            a.returned_units, p.asset
        FROM payout_attempts AS a JOIN payouts AS p ON p.id = a.payout_id WHERE p.id = $1 ORDER BY a.number
        """,
        payout_id,
    )
    return [
        ShownAttempt(
            key=row["key"],
            rail=row["rail"],
            status=row["status"],
            reference=row["reference"],
            reason=row["reason"],
            written_at=row["written_at"],
            settled_at=row["settled_at"],
            returned_at=row["returned_at"],
            returned=None
            if row["returned_units"] is None
            else Money(parse_asset(row["asset"]), row["returned_units"]),
        )
        for row in rows
    ]


async def open_questions(connection: Connection, payout: Summary) -> list[Question]:
    """List what people are asked about a payout and its remittance, and have not answered."""
    rows = await connection.fetch(
        """
        SELECT id, kind, status, reason, placed_at FROM holds
        WHERE status NOT IN ('applied', 'withdrawn') AND subject = ANY($1::text[])
            AND kind IN ('payout_release', 'payout_unknown', 'remittance_refund')
        ORDER BY placed_at, id
        """,
        [str(payout.id), str(payout.remittance_id)],
    )
    return [Question(**row) for row in rows]


def _summary(row: Row) -> Summary:
    return Summary(
        id=row["id"],
        remittance_id=row["remittance_id"],
        rail=row["rail"],
        amount=Money(parse_asset(row["asset"]), row["amount_units"]),
        end_to_end_id=row["end_to_end_id"],
        status=PayoutStatus(row["status"]),
        status_at=row["status_at"],
        reason=row["reason"],
        releases=row["releases"],
        attempts=row["attempts"],
    )
