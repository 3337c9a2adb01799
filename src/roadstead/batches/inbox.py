"""The SQL of what came from banks: their files, and what these told."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from roadstead.batches.events import FileEvent, KnownItem
from roadstead.customers.vault import WrappedKey
from roadstead.database.pool import Connection, Row
from roadstead.money import Asset, Money
from roadstead.rails.protocol import RailStatus


class FileStatus(StrEnum):
    """Where a file of the bank stands."""

    STORED = "stored"
    """It is kept as it came, and not understood yet."""
    UNDERSTOOD = "understood"
    """What it tells was taken in."""
    UNREADABLE = "unreadable"
    """It cannot be understood; people have to look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedFile:
    """A file of the bank; its content is sealed."""

    id: UUID
    name: str
    status: FileStatus
    content: bytes | None
    wrapped_key: WrappedKey | None
    number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldEvent:
    """An event as it was stored; `id` is its place in what the rail tells."""

    id: int
    identity: str
    key: str | None
    end_to_end_id: str | None
    status: RailStatus
    amount: Money | None
    reference: str | None
    reason: str | None
    occurred_at: datetime


_COLUMNS = "id, name, status, content, wrapped_key, key_version, number"


async def known_status(connection: Connection, rail: str, name: str, digest: bytes) -> FileStatus | None:
    """Say where the file of a name and digest stands; None when it is new."""
    found: str | None = await connection.fetchval(
        "SELECT status FROM received_files WHERE rail = $1 AND name = $2 AND digest = $3", rail, name, digest
    )
    return None if found is None else FileStatus(found)


async def store_file(
    connection: Connection,
    *,
    file_id: UUID,
    rail: str,
    name: str,
    digest: bytes,
    size_bytes: int,
    content: bytes,
    wrapped_key: WrappedKey,
    now: datetime,
) -> bool:
    """Store a file as it came, once for each name and digest; False when it is known."""
    stored: bool | None = await connection.fetchval(
        """
        INSERT INTO received_files (id, rail, name, digest, size_bytes, content, wrapped_key, key_version, received_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (rail, name, digest) DO NOTHING RETURNING true
        """,
        file_id,
        rail,
        name,
        digest,
        size_bytes,
        content,
        wrapped_key.ciphertext,
        wrapped_key.version,
        now,
    )
    return bool(stored)


async def oldest_stored(connection: Connection, rail: str) -> ReceivedFile | None:
    """Return the oldest file that is not understood yet."""
    row = await connection.fetchrow(
        f"""
        SELECT {_COLUMNS} FROM received_files WHERE rail = $1 AND status = 'stored' ORDER BY received_at, name LIMIT 1
        """,  # noqa: S608 - composed of constants
        rail,
    )
    return None if row is None else _file(row)


async def lock_stored(connection: Connection, rail: str, file_id: UUID) -> bool:
    """Take the turn to tell what files of a rail say, and a file that is not understood yet; False when it is.

    Only one process of a rail tells at a time, so that events and numbers are seen in the order that they have.
    """
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"files of {rail}")
    found: bool | None = await connection.fetchval(
        "SELECT true FROM received_files WHERE id = $1 AND status = 'stored' FOR UPDATE", file_id
    )
    return found is True


async def mark_understood(
    connection: Connection,
    file_id: UUID,
    *,
    message: str,
    detail: str,
    balance: tuple[Money, datetime] | None,
    now: datetime,
) -> None:
    """Mark a file as taken in, with the number that gives it its place among the others."""
    await connection.execute(
        """
        UPDATE received_files SET status = 'understood', message = $2, detail = $3, understood_at = $4,
            number = nextval('received_file_numbers'), balance_units = $5, balance_at = $6
        WHERE id = $1
        """,
        file_id,
        message,
        detail,
        now,
        None if balance is None else balance[0].units,
        None if balance is None else balance[1],
    )


async def mark_unreadable(connection: Connection, file_id: UUID, detail: str) -> None:
    """Mark a file as one that cannot be understood, with what is wrong with it."""
    await connection.execute(
        "UPDATE received_files SET status = 'unreadable', detail = $2 WHERE id = $1 AND status = 'stored'",
        file_id,
        detail[:500],
    )


async def read_again(connection: Connection, file_id: UUID) -> bool:
    """Let a file that could not be understood be read once more; False when there is no such file."""
    done: str = await connection.execute(
        "UPDATE received_files SET status = 'stored', detail = '' WHERE id = $1 AND status = 'unreadable'",
        file_id,
    )
    return done == "UPDATE 1"


async def unreadable(connection: Connection, rail: str, name: str, digest: bytes) -> UUID | None:
    """Return the file of a name and digest that could not be understood; None when there is none."""
    found: UUID | None = await connection.fetchval(
        "SELECT id FROM received_files WHERE rail = $1 AND name = $2 AND digest = $3 AND status = 'unreadable'",
        rail,
        name,
        digest,
    )
    return found


async def items_of(connection: Connection, batch_id: UUID, asset: Asset) -> dict[str, KnownItem]:
    """Return what is in a batch, by key."""
    rows = await connection.fetch(
        "SELECT key, end_to_end_id, amount_units FROM batch_items WHERE batch_id = $1 ORDER BY number",
        batch_id,
    )
    return {row["key"]: _known_item(row, asset) for row in rows}


def _known_item(row: Row, asset: Asset) -> KnownItem:
    return KnownItem(
        key=row["key"], end_to_end_id=row["end_to_end_id"], amount=Money(asset, row["amount_units"])
    )


async def keys_of(
    connection: Connection, rail: str, asset: Asset, *, keys: Collection[str], end_to_end_ids: Collection[str]
) -> tuple[dict[str, KnownItem], dict[str, str]]:
    """Map keys that are ours to what went out under them, and end-to-end ids to the key that they speak of.

    An end-to-end id that several attempts carry speaks of the newest one that the bank has not refused; never of one
    that still waits here to be sent.
    """
    meant = await connection.fetch(
        """
        SELECT DISTINCT ON (i.end_to_end_id) i.end_to_end_id, i.key
        FROM batch_items AS i JOIN batches AS b ON b.id = i.batch_id
        WHERE i.rail = $1 AND i.end_to_end_id = ANY($2::text[])
            AND (b.status NOT IN ('open', 'closing', 'closed') OR b.staged_as IS NOT NULL)
        ORDER BY i.end_to_end_id,
            EXISTS (SELECT FROM file_events AS e WHERE e.rail = i.rail AND e.key = i.key AND e.status = 'refused'),
            i.number DESC
        """,
        rail,
        list(end_to_end_ids),
    )
    by_end_to_end_id = {row["end_to_end_id"]: row["key"] for row in meant}
    ours = await connection.fetch(
        "SELECT key, end_to_end_id, amount_units FROM batch_items WHERE rail = $1 AND key = ANY($2::text[])",
        rail,
        list({*keys, *by_end_to_end_id.values()}),
    )
    return {row["key"]: _known_item(row, asset) for row in ours}, by_end_to_end_id


async def store_events(connection: Connection, rail: str, file_id: UUID, events: Sequence[FileEvent]) -> int:
    """Store what a file tells, once for each identity; return how much of it is news."""
    rows = await connection.fetch(
        """
        INSERT INTO file_events
            (rail, identity, key, end_to_end_id, status, amount_units, reference, reason, occurred_at, file_id)
        SELECT $1, e.*, $10 FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[],
            $8::text[], $9::timestamptz[]) AS e
        ON CONFLICT (rail, identity) DO NOTHING RETURNING id
        """,
        rail,
        [event.identity for event in events],
        [event.key for event in events],
        [event.end_to_end_id for event in events],
        [event.status.value for event in events],
        [event.amount.units if event.amount else None for event in events],
        [event.reference for event in events],
        [event.reason for event in events],
        [event.occurred_at for event in events],
        file_id,
    )
    return len(rows)


_EVENT = "id, identity, key, end_to_end_id, status, amount_units, reference, reason, occurred_at"


async def events_after(
    connection: Connection, rail: str, asset: Asset, *, after: int, limit: int
) -> list[ToldEvent]:
    """Return what a rail's files told after an event, in the order in which it was stored."""
    rows = await connection.fetch(
        f"SELECT {_EVENT} FROM file_events WHERE rail = $1 AND id > $2 ORDER BY id LIMIT $3",  # noqa: S608
        rail,
        after,
        limit,
    )
    return [_event(row, asset) for row in rows]


async def events_of(connection: Connection, rail: str, asset: Asset, key: str) -> list[ToldEvent]:
    """Return what a rail's files told of one attempt, oldest first."""
    rows = await connection.fetch(
        f"SELECT {_EVENT} FROM file_events WHERE rail = $1 AND key = $2 ORDER BY id",  # noqa: S608
        rail,
        key,
    )
    return [_event(row, asset) for row in rows]


async def statement_after(connection: Connection, rail: str, number: int) -> ReceivedFile | None:
    """Return the next file with statements after a number, as long as its content is kept."""
    row = await connection.fetchrow(
        f"""
        SELECT {_COLUMNS} FROM received_files
        WHERE rail = $1 AND status = 'understood' AND number > $2 AND message LIKE 'camt.053.%' AND content IS NOT NULL
        ORDER BY number LIMIT 1
        """,  # noqa: S608 - composed of constants
        rail,
        number,
    )
    return None if row is None else _file(row)


async def last_balance(connection: Connection, rail: str, asset: Asset) -> tuple[Money, datetime] | None:
    """Return the closing balance of the newest statement; None when none has come."""
    row = await connection.fetchrow(
        """
        SELECT balance_units, balance_at FROM received_files
        WHERE rail = $1 AND balance_at IS NOT NULL ORDER BY balance_at DESC, number DESC LIMIT 1
        """,
        rail,
    )
    return None if row is None else (Money(asset, row["balance_units"]), row["balance_at"])


async def destroy_contents(
    connection: Connection, rail: str, *, received_before: datetime, now: datetime
) -> int:
    """Destroy key and content of files that came long ago; what they told stays known. Return how many."""
    done = await connection.fetch(
        """
        UPDATE received_files SET content = NULL, wrapped_key = NULL, emptied_at = $3
        WHERE rail = $1 AND received_at < $2 AND emptied_at IS NULL AND status <> 'stored' RETURNING id
        """,
        rail,
        received_before,
        now,
    )
    return len(done)


def _file(row: Row) -> ReceivedFile:
    ciphertext = row["wrapped_key"]
    return ReceivedFile(
        id=row["id"],
        name=row["name"],
        status=FileStatus(row["status"]),
        content=row["content"],
        wrapped_key=None
        if ciphertext is None
        else WrappedKey(ciphertext=ciphertext, version=row["key_version"]),
        number=row["number"],
    )


def _event(row: Row, asset: Asset) -> ToldEvent:
    units = row["amount_units"]
    return ToldEvent(
        id=row["id"],
        identity=row["identity"],
        key=row["key"],
        end_to_end_id=row["end_to_end_id"],
        status=RailStatus(row["status"]),
        amount=None if units is None else Money(asset, units),
        reference=row["reference"],
        reason=row["reason"],
        occurred_at=row["occurred_at"],
    )
