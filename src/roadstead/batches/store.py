"""The SQL of batches and of what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from roadstead.customers.vault import WrappedKey
from roadstead.database.pool import Connection, Row
from roadstead.money import Asset, Money, parse_asset


class BatchStatus(StrEnum):
    """Where a batch stands."""

    OPEN = "open"
    """It takes payouts."""
    CLOSING = "closing"
    """It takes no more; its file is not built yet."""
    CLOSED = "closed"
    """The bytes of its file are stored, and on their way."""
    SENT = "sent"
    """The bank can fetch the file, or has done so."""
    ACKNOWLEDGED = "acknowledged"
    """The bank has said that it has the file."""
    REFUSED = "refused"
    """The bank has refused all of it."""
    WITHHELD = "withheld"
    """A restored backup knew it unsent: it may have been sent since, and is not sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch as it stands; its content is sealed."""

    id: UUID
    rail: str
    asset: Asset
    message_id: str
    status: BatchStatus
    items: int
    closed_at: datetime | None
    file_name: str | None
    content: bytes | None
    wrapped_key: WrappedKey | None
    """None when its contents were destroyed."""
    staged_as: str | None

    @property
    def may_be_with_bank(self) -> bool:
        """Whether the bank may have its file."""
        return self.status not in _WITH_US or self.staged_as is not None


_WITH_US = frozenset({BatchStatus.OPEN, BatchStatus.CLOSING, BatchStatus.CLOSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One attempt in a batch; its content is sealed under the batch's key."""

    key: str
    batch_id: UUID
    batch_status: BatchStatus
    end_to_end_id: str
    content: bytes | None
    wrapped_key: WrappedKey | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem:
    """An attempt about to be put into a batch."""

    key: str
    end_to_end_id: str
    uetr: UUID
    amount: Money
    content: bytes
    adjustments: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltFile:
    """The file of a batch, about to be stored."""

    name: str
    digest: bytes
    size_bytes: int
    content: bytes
    """Its bytes, sealed."""
    execute_on: date


# Files mix payouts of all tokens, so any stop of payouts, and any restoration, keeps every file back.
_STOPPED = """(EXISTS (SELECT FROM stops WHERE resumed_at IS NULL AND what IN ('all', 'payouts'))
    OR EXISTS (SELECT FROM restorations WHERE ended_at IS NULL))"""

_COLUMNS = """
id, rail, asset, message_id, status, items, closed_at, file_name, content, wrapped_key, key_version, staged_as
"""


async def is_stopped(connection: Connection) -> bool:
    """Whether no file with payments must leave now."""
    found: bool = await connection.fetchval(f"SELECT {_STOPPED}")
    return found


async def open_batch(connection: Connection, rail: str) -> Batch | None:
    """Return the batch of a rail that takes payouts."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM batches WHERE rail = $1 AND status = 'open'",  # noqa: S608
        rail,
    )
    return None if row is None else _batch(row)


async def batch(connection: Connection, batch_id: UUID) -> Batch | None:
    """Return a batch."""
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM batches WHERE id = $1", batch_id)  # noqa: S608
    return None if row is None else _batch(row)


async def batch_by_message(connection: Connection, rail: str, message_id: str) -> Batch | None:
    """Return the batch that went out under a message id, and lock it."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM batches WHERE rail = $1 AND message_id = $2 FOR UPDATE",  # noqa: S608
        rail,
        message_id,
    )
    return None if row is None else _batch(row)


async def insert_batch(
    connection: Connection,
    new: Batch,
    wrapped_key: WrappedKey,
    *,
    opened_at: datetime,
    closes_at: datetime,
) -> None:
    """Open a batch, unless the rail has an open one already."""
    await connection.execute(
        """
        INSERT INTO batches (id, rail, asset, message_id, opened_at, closes_at, wrapped_key, key_version)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (rail) WHERE status = 'open' DO NOTHING
        """,
        new.id,
        new.rail,
        new.asset.id,
        new.message_id,
        opened_at,
        closes_at,
        wrapped_key.ciphertext,
        wrapped_key.version,
    )


async def put_item(
    connection: Connection, batch_id: UUID, item: NewItem, *, items_max: int, now: datetime
) -> bool:
    """Put an attempt into an open batch with room; False when it has none, or the attempt is in a batch already.

    Raises:
        UniqueViolationError: Somebody puts the same attempt at this moment.
    """
    put: bool | None = await connection.fetchval(
        """
        WITH place AS (
            UPDATE batches SET items = items + 1, amount_units = amount_units + $5
            WHERE id = $1 AND status = 'open' AND items < $9 AND NOT EXISTS (SELECT FROM batch_items WHERE key = $2)
            RETURNING id, rail)
        INSERT INTO batch_items (key, batch_id, rail, end_to_end_id, uetr, amount_units, content, adjustments, put_at)
        SELECT $2, id, rail, $3, $4, $5, $6, $7::text[], $8 FROM place RETURNING true
        """,
        batch_id,
        item.key,
        item.end_to_end_id,
        item.uetr,
        item.amount.units,
        item.content,
        list(item.adjustments),
        now,
        items_max,
    )
    return put is True


async def stop_filling(connection: Connection, batch_id: UUID, now: datetime) -> None:
    """Let an open batch take no more payouts."""
    await connection.execute(
        "UPDATE batches SET status = 'closing', closed_at = $2 WHERE id = $1 AND status = 'open' AND items > 0",
        batch_id,
        now,
    )


async def stop_filling_due(connection: Connection, rail: str, now: datetime) -> None:
    """Let an open batch whose time is over take no more payouts, unless payouts are stopped."""
    await connection.execute(
        f"""
        UPDATE batches SET status = 'closing', closed_at = $2
        WHERE rail = $1 AND status = 'open' AND items > 0 AND closes_at <= $2 AND NOT {_STOPPED}
        """,  # noqa: S608 - composed of constants
        rail,
        now,
    )


async def close_early(connection: Connection, rail: str, now: datetime) -> UUID | None:
    """Let the time of a rail's open batch be over now; return the batch, or None when there is none with payouts."""
    found: UUID | None = await connection.fetchval(
        """
        UPDATE batches SET closes_at = $2 WHERE rail = $1 AND status = 'open' AND items > 0 RETURNING id
        """,
        rail,
        now,
    )
    return found


async def claim(connection: Connection, rail: str, token: UUID, lease: timedelta) -> Batch | None:
    """Lease the oldest batch that is to be built or sent, so that no other worker takes it; None when there is none."""
    row = await connection.fetchrow(
        f"""
        UPDATE batches SET lease_token = $2, lease_until = now() + $3
        WHERE id = (
            SELECT id FROM batches
            WHERE rail = $1 AND status IN ('closing', 'closed') AND (lease_until IS NULL OR lease_until < now())
                AND NOT {_STOPPED}
            ORDER BY closed_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING {_COLUMNS}
        """,  # noqa: S608 - composed of constants
        rail,
        token,
        lease,
    )
    return None if row is None else _batch(row)


async def release(
    connection: Connection, batch_id: UUID, token: UUID, *, after: timedelta = timedelta()
) -> None:
    """Give a lease back, at once or after a pause."""
    await connection.execute(
        """
        UPDATE batches SET lease_until = CASE WHEN $3::interval > interval '0' THEN now() + $3 END,
            lease_token = CASE WHEN $3::interval > interval '0' THEN lease_token END
        WHERE id = $1 AND lease_token = $2
        """,
        batch_id,
        token,
        after,
    )


async def contents(connection: Connection, batch_id: UUID) -> list[tuple[str, bytes]]:
    """Return the keys and sealed contents of a batch, in the order in which they were put."""
    rows = await connection.fetch(
        "SELECT key, content FROM batch_items WHERE batch_id = $1 ORDER BY number", batch_id
    )
    return [(row["key"], row["content"]) for row in rows]


async def store_file(connection: Connection, batch_id: UUID, token: UUID, built: BuiltFile) -> bool:
    """Store the exact bytes of a batch's file; False when another worker did, or has the batch in hand."""
    done: str = await connection.execute(
        """
        UPDATE batches SET status = 'closed', file_name = $3, file_digest = $4, file_bytes = $5, content = $6,
            execute_on = $7
        WHERE id = $1 AND lease_token = $2 AND status = 'closing'
        """,
        batch_id,
        token,
        built.name,
        built.digest,
        built.size_bytes,
        built.content,
        built.execute_on,
    )
    return done == "UPDATE 1"


async def mark_staged(connection: Connection, batch_id: UUID, token: UUID, staged_as: str) -> bool:
    """Remember under which temporary name the whole file lies at the bank; False when another one is remembered."""
    done: str = await connection.execute(
        "UPDATE batches SET staged_as = $3 WHERE id = $1 AND lease_token = $2 AND staged_as IS NULL",
        batch_id,
        token,
        staged_as,
    )
    return done == "UPDATE 1"


async def mark_sent(connection: Connection, batch_id: UUID, now: datetime) -> None:
    """Remember that the bank has the file, or can fetch it; safe to repeat."""
    await connection.execute(
        """
        UPDATE batches SET status = 'sent', sent_at = $2, lease_token = NULL, lease_until = NULL
        WHERE id = $1 AND status = 'closed' AND staged_as IS NOT NULL
        """,
        batch_id,
        now,
    )


async def mark_answered(
    connection: Connection,
    batch_id: UUID,
    *,
    status: BatchStatus,
    bank_status: str,
    reason: str | None,
    now: datetime,
) -> None:
    """Remember what the bank says of a whole file; an answer proves that the file was sent."""
    await connection.execute(
        """
        UPDATE batches SET status = $2, bank_status = $3, reason = $4, answered_at = $5,
            sent_at = coalesce(sent_at, $5), lease_token = NULL, lease_until = NULL
        WHERE id = $1
            AND (status IN ('sent', 'acknowledged', 'withheld') OR status = 'closed' AND staged_as IS NOT NULL)
        """,
        batch_id,
        status,
        bank_status,
        reason,
        now,
    )


async def item(connection: Connection, key: str) -> Item | None:
    """Return what is kept of an attempt."""
    row = await connection.fetchrow(
        """
        SELECT i.key, i.batch_id, b.status, i.end_to_end_id, i.content, b.wrapped_key, b.key_version
        FROM batch_items AS i JOIN batches AS b ON b.id = i.batch_id WHERE i.key = $1
        """,
        key,
    )
    if row is None:
        return None
    return Item(
        key=row["key"],
        batch_id=row["batch_id"],
        batch_status=BatchStatus(row["status"]),
        end_to_end_id=row["end_to_end_id"],
        content=row["content"],
        wrapped_key=_wrapped(row),
    )


async def destroy_contents(connection: Connection, rail: str, *, sent_before: datetime, now: datetime) -> int:
    """Destroy key and contents of batches that were sent, or withheld, long ago; what they were stays known.

    Returns how many.
    """
    done = await connection.fetch(
        """
        UPDATE batches SET content = NULL, wrapped_key = NULL, emptied_at = $3
        WHERE rail = $1 AND coalesce(sent_at, withheld_at) < $2 AND emptied_at IS NULL RETURNING id
        """,
        rail,
        sent_before,
        now,
    )
    await connection.execute(
        "UPDATE batch_items SET content = NULL WHERE batch_id = ANY($1::uuid[])", [row["id"] for row in done]
    )
    return len(done)


def _batch(row: Row) -> Batch:
    return Batch(
        id=row["id"],
        rail=row["rail"],
        asset=parse_asset(row["asset"]),
        message_id=row["message_id"],
        status=BatchStatus(row["status"]),
        items=row["items"],
        closed_at=row["closed_at"],
        file_name=row["file_name"],
        content=row["content"],
        wrapped_key=_wrapped(row),
        staged_as=row["staged_as"],
    )


def _wrapped(row: Row) -> WrappedKey | None:
    ciphertext = row["wrapped_key"]
    return None if ciphertext is None else WrappedKey(ciphertext=ciphertext, version=row["key_version"])
