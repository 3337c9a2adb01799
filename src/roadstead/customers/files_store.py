"""All SQL about customers' documents."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from roadstead.customers.vault import WrappedKey
from roadstead.database.pool import Connection, Row

LISTED_MAX = 100
"""Most files that one answer lists; a customer has at most one for each field."""
_PURGED_AT_ONCE_MAX = 500
_LOCK = 0x0F11E5


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """What may be told of a file; never what is in it."""

    id: UUID
    customer_id: UUID | None
    field: str | None
    media_type: str
    size_bytes: int
    expires_at: datetime | None
    """When it is deleted unless a customer refers to it before; None when one does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A file about to be stored."""

    id: UUID
    account: str
    memo: str | None
    content: bytes = field(repr=False)
    """Sealed with the file's own key."""
    digest: bytes = field(repr=False)
    """Of what it holds, sealed with the same key."""
    media_type: str
    size_bytes: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedKeys:
    """What tells which file a field holds, without what is in it."""

    file: StoredFile
    key: bytes = field(repr=False)
    """The file's own key, sealed with the customer's."""
    digest: bytes | None = field(repr=False)
    """Sealed with the file's own key; None of files from before digests were kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusedFiles:
    """What waits for a customer to refer to it."""

    count: int
    size_bytes: int


_COLUMNS = "id, customer_id, field, media_type, size_bytes, expires_at"
# A token with a memo reaches what it uploaded itself; the account's own token reaches all of the account.
_OWN = "account = $1 AND ($2::text IS NULL OR memo = $2)"


async def lock_unused(connection: Connection, account: str) -> UnusedFiles:
    """Count the unused files of an account; nobody else adds one before the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", _LOCK, account)
    row = await connection.fetchrow(
        """
        SELECT count(*) AS count, coalesce(sum(size_bytes), 0)::bigint AS size_bytes FROM customer_files
        WHERE account = $1 AND customer_id IS NULL
        """,
        account,
    )
    return (
        UnusedFiles(count=row["count"], size_bytes=row["size_bytes"])
        if row
        else UnusedFiles(count=0, size_bytes=0)
    )


async def insert_unused(
    connection: Connection, new: NewFile, wrapped_key: WrappedKey, expires_at: datetime
) -> None:
    """Store a file to which no customer refers yet."""
    await connection.execute(
        """
        INSERT INTO customer_files (id, account, memo, content, sealed_digest, media_type, size_bytes, created_at,
            wrapped_key, key_version, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        """,
        *_values(new),
        wrapped_key.ciphertext,
        wrapped_key.version,
        expires_at,
    )


async def insert_used(
    connection: Connection, new: NewFile, *, customer_id: UUID, name: str, sealed_key: bytes
) -> None:
    """Store the file of a customer's field, in place of the one before. The customer must be locked or new."""
    await _delete_other(connection, customer_id, name, new.id)
    await connection.execute(
        """
        INSERT INTO customer_files (id, account, memo, content, sealed_digest, media_type, size_bytes, created_at,
            customer_id, field, sealed_key)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        """,
        *_values(new),
        customer_id,
        name,
        sealed_key,
    )


async def use(
    connection: Connection, file_id: UUID, *, customer_id: UUID, name: str, sealed_key: bytes
) -> bool:
    """Let a field of a customer refer to an unused file, instead of the one before; False when it is not unused.

    The customer must be locked or new.
    """
    await _delete_other(connection, customer_id, name, file_id)
    tag = await connection.execute(
        """
        UPDATE customer_files
        SET customer_id = $2, field = $3, sealed_key = $4, wrapped_key = NULL, key_version = NULL, expires_at = NULL
        WHERE id = $1 AND customer_id IS NULL
        """,
        file_id,
        customer_id,
        name,
        sealed_key,
    )
    return bool(tag == "UPDATE 1")


async def is_used_by(connection: Connection, file_id: UUID, *, customer_id: UUID, name: str) -> bool:
    """Tell whether a field of a customer refers to a file. The customer must be locked."""
    return bool(
        await connection.fetchval(
            "SELECT true FROM customer_files WHERE id = $1 AND customer_id = $2 AND field = $3",
            file_id,
            customer_id,
            name,
        )
    )


async def _delete_other(connection: Connection, customer_id: UUID, name: str, file_id: UUID) -> None:
    await connection.execute(
        "DELETE FROM customer_files WHERE customer_id = $1 AND field = $2 AND id <> $3",
        customer_id,
        name,
        file_id,
    )


async def find(connection: Connection, account: str, memo: str | None, file_id: UUID) -> StoredFile | None:
    """Find a file of an account, or of one of its users."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM customer_files WHERE {_OWN} AND id = $3",  # noqa: S608 - composed of constants
        account,
        memo,
        file_id,
    )
    return _stored(row) if row else None


async def find_key(
    connection: Connection, account: str, memo: str | None, file_id: UUID, now: datetime
) -> tuple[StoredFile, WrappedKey | None] | None:
    """Find a file that may be referred to, with its key while no customer has it."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS}, wrapped_key, key_version FROM customer_files WHERE {_OWN} AND id = $3 "  # noqa: S608
        "AND (expires_at IS NULL OR expires_at > $4)",
        account,
        memo,
        file_id,
        now,
    )
    if row is None:
        return None
    key = row["wrapped_key"]
    return _stored(row), None if key is None else WrappedKey(ciphertext=key, version=row["key_version"])


async def list_of(connection: Connection, customer_id: UUID) -> list[StoredFile]:
    """List the files of a customer, by their field."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM customer_files WHERE customer_id = $1 ORDER BY field LIMIT {LISTED_MAX}",  # noqa: S608
        customer_id,
    )
    return [_stored(row) for row in rows]


async def keys_of(connection: Connection, customer_id: UUID, names: Collection[str]) -> dict[str, SealedKeys]:
    """Read which files the fields of a customer hold, by field, and nothing of what is in them."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS}, sealed_key, sealed_digest FROM customer_files "  # noqa: S608 - composed of constants
        "WHERE customer_id = $1 AND field = ANY($2) ORDER BY field",
        customer_id,
        list(names),
    )
    return {
        row["field"]: SealedKeys(file=_stored(row), key=row["sealed_key"], digest=row["sealed_digest"])
        for row in rows
    }


async def read(
    connection: Connection, customer_id: UUID, name: str
) -> tuple[StoredFile, bytes, bytes] | None:
    """Read the file of a customer's field: what it is, its sealed key and its sealed content."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS}, sealed_key, content FROM customer_files WHERE customer_id = $1 AND field = $2",  # noqa: S608
        customer_id,
        name,
    )
    return None if row is None else (_stored(row), row["sealed_key"], row["content"])


async def delete_of(connection: Connection, customer_id: UUID) -> None:
    """Delete every file of a customer, which must be locked."""
    await connection.execute("DELETE FROM customer_files WHERE customer_id = $1", customer_id)


async def purge_expired(connection: Connection, now: datetime) -> int:
    """Delete unused files whose time is over, some hundred at a time, and return how many."""
    rows = await connection.fetch(
        """
        DELETE FROM customer_files WHERE id IN (
            SELECT id FROM customer_files WHERE customer_id IS NULL AND expires_at <= $1
            LIMIT $2 FOR UPDATE SKIP LOCKED)
        RETURNING id
        """,
        now,
        _PURGED_AT_ONCE_MAX,
    )
    return len(rows)


def _values(new: NewFile) -> tuple[object, ...]:
    return (
        *(new.id, new.account, new.memo, new.content, new.digest),
        *(new.media_type, new.size_bytes, new.created_at),
    )


def _stored(row: Row) -> StoredFile:
    return StoredFile(
        id=row["id"],
        customer_id=row["customer_id"],
        field=row["field"],
        media_type=row["media_type"],
        size_bytes=row["size_bytes"],
        expires_at=row["expires_at"],
    )
