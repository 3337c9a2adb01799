"""What operators see of batches and of the bank's files: never whom they pay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from roadstead.database.pool import Connection, Row
from roadstead.money import Money, parse_asset


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSummary:
    """A batch as operators see it."""

    id: UUID
    rail: str
    status: str
    amount: Money
    """The sum of what it pays."""
    items: int
    message_id: str
    opened_at: datetime
    closes_at: datetime
    closed_at: datetime | None
    execute_on: date | None
    file_name: str | None
    sent_at: datetime | None
    bank_status: str | None
    reason: str | None
    emptied_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSummary:
    """An attempt in a batch, with what the bank told of it."""

    key: str
    end_to_end_id: str
    uetr: UUID
    amount: Money
    adjustments: tuple[str, ...]
    told: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSummary:
    """A file of the bank as operators see it."""

    id: UUID
    rail: str
    name: str
    status: str
    message: str | None
    detail: str
    size_bytes: int
    received_at: datetime


_BATCH = """
SELECT id, rail, status, asset, amount_units, items, message_id, opened_at, closes_at, closed_at, execute_on, file_name,
    sent_at, bank_status, reason, emptied_at FROM batches
"""


async def batches(connection: Connection, *, rail: str | None, limit: int) -> list[BatchSummary]:
    """List batches, newest first."""
    rows = await connection.fetch(
        _BATCH + "WHERE $1::text IS NULL OR rail = $1 ORDER BY opened_at DESC, id LIMIT $2", rail, limit
    )
    return [_summary(row) for row in rows]


async def batch(connection: Connection, name: str) -> BatchSummary | None:
    """Return a batch by its id, the message id of its file, or the key of an attempt in it."""
    named = "WHERE id::text = $1 OR message_id = $1 OR id = (SELECT batch_id FROM batch_items WHERE key = $1)"
    row = await connection.fetchrow(f"{_BATCH} {named}", name)
    return None if row is None else _summary(row)


async def items(connection: Connection, found: BatchSummary, *, limit: int) -> list[ItemSummary]:
    """List what is in a batch, in its order."""
    rows = await connection.fetch(
        """
        SELECT i.key, i.end_to_end_id, i.uetr, i.amount_units, i.adjustments, array(
            SELECT concat_ws(' ', e.status, e.reason) FROM file_events AS e
            WHERE e.rail = i.rail AND e.key = i.key ORDER BY e.id) AS told
        FROM batch_items AS i WHERE i.batch_id = $1 ORDER BY i.number LIMIT $2
        """,
        found.id,
        limit,
    )
    return [
        ItemSummary(
            key=row["key"],
            end_to_end_id=row["end_to_end_id"],
            uetr=row["uetr"],
            amount=Money(found.amount.asset, row["amount_units"]),
            adjustments=tuple(row["adjustments"]),
            told=tuple(row["told"]),
        )
        for row in rows
    ]


async def files(connection: Connection, *, rail: str | None, limit: int) -> list[FileSummary]:
    """List the bank's files, newest first."""
    rows = await connection.fetch(
        """
        SELECT id, rail, name, status, message, detail, size_bytes, received_at FROM received_files
        WHERE $1::text IS NULL OR rail = $1 ORDER BY received_at DESC, id LIMIT $2
        """,
        rail,
        limit,
    )
    return [FileSummary(**dict(row)) for row in rows]


def _summary(row: Row) -> BatchSummary:
    values = dict(row)
    amount = Money(parse_asset(values.pop("asset")), values.pop("amount_units"))
    return BatchSummary(amount=amount, **values)
