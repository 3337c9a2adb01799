"""What a backup says of itself: made when, from what, and what has to be in it."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from pathlib import Path
from typing import Annotated

import asyncpg
import msgspec

from roadstead.database.pool import Connection
from roadstead.errors import BadInput

FORMAT = 1
MANIFEST = "manifest.json"
ARCHIVE = "database.dump"
MIGRATIONS_TABLE = "schema_migrations"
"""Its rows stand in the manifest and are restored last: until then no server starts on what is there."""

_MANIFEST_BYTES_MAX = 4 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024


class AppliedMigration(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `schema_migrations`."""

    name: str
    checksum: str
    applied_at: Annotated[datetime, msgspec.Meta(tz=True)]


class TableContent(msgspec.Struct, frozen=True, kw_only=True):
    """What a table held: how many rows, and a digest that does not depend on their order."""

    rows: int
    digest: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The manifest. Everything in it is of the same moment as the archive."""

    format: int
    roadstead: str
    """The version that made it."""
    taken_at: Annotated[datetime, msgspec.Meta(tz=True)]
    """When the picture was taken, by the database's clock."""
    server_major: int
    programs_major: int
    """The major version of the pg_dump that wrote the archive; only servers from this one on can take it."""
    archive_bytes: int
    archive_sha256: str
    migrations: list[AppliedMigration]
    tables: dict[str, TableContent]
    cursors: dict[str, str]
    """How far each source was read: the chain by account, the banks by rail."""


def read_manifest(folder: Path) -> Manifest:
    """Read a backup's manifest.

    Raises:
        BadInput: There is none, or it is none that this version reads.
    """
    path = folder / MANIFEST
    try:
        with path.open("rb") as file:
            content = file.read(_MANIFEST_BYTES_MAX + 1)
        manifest = msgspec.json.decode(content, type=Manifest)
    except OSError as error:
        raise BadInput(
            f"{folder} is no complete backup: {MANIFEST} cannot be read ({error.strerror})."
        ) from error
    except msgspec.DecodeError as error:
        raise BadInput(f"{path} is not the manifest of a backup: {error}.") from error
    if manifest.format != FORMAT:
        raise BadInput(
            f"{path} has format {manifest.format}, and this version reads {FORMAT}: use the Roadstead "
            f"that made it ({manifest.roadstead})."
        )
    return manifest


def require_whole(folder: Path, manifest: Manifest) -> None:
    """Compare the archive with the manifest.

    Raises:
        BadInput: It is missing, or not the one that was written.
    """
    path = folder / ARCHIVE
    try:
        size, digest = file_digest(path)
    except OSError as error:
        raise BadInput(f"The archive {path} cannot be read ({error.strerror}).") from error
    if (size, digest) != (manifest.archive_bytes, manifest.archive_sha256):
        raise BadInput(
            f"The archive {path} is damaged: it has {size} bytes and SHA-256 {digest}, and the manifest says "
            f"{manifest.archive_bytes} and {manifest.archive_sha256}. Use another backup."
        )


def file_digest(path: Path) -> tuple[int, str]:
    """Return the size and the SHA-256 of a file."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
            size += len(piece)
    return size, digest.hexdigest()


def write_file(path: Path, content: bytes) -> None:
    """Write a new file that only we may read, and wait until it is on the disk.

    Raises:
        FileExistsError: There is one.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


async def table_contents(connection: Connection) -> dict[str, TableContent]:
    """Count and digest every table but that of the migrations, in the caller's transaction.

    The digest is the sum of half of each row's MD5: enough to see rows that are missing, doubled or damaged.
    """
    names = await connection.fetch(
        """
        SELECT c.relname AS name FROM pg_class AS c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> $1 ORDER BY 1
        """,
        MIGRATIONS_TABLE,
    )
    await connection.execute("SET LOCAL timezone = 'UTC'; SET LOCAL statement_timeout = 0")
    contents = {}
    for row in names:
        # The name comes from the catalogue and is quoted by the server.
        query: str = await connection.fetchval(
            "SELECT format('SELECT count(*) AS rows, "
            "coalesce(sum((''x'' || left(md5(t::text), 16))::bit(64)::bigint::numeric), 0)::text AS digest "
            "FROM public.%I AS t', $1::text)",
            row["name"],
        )
        found = await connection.fetchrow(query)
        if found is not None:
            contents[row["name"]] = TableContent(rows=found["rows"], digest=found["digest"])
    return contents


async def applied_migrations(connection: Connection) -> list[AppliedMigration]:
    """List the migrations of a database.

    Raises:
        BadInput: It has none: it is no database of Roadstead's.
    """
    try:
        rows = await connection.fetch(
            "SELECT name, checksum, applied_at FROM schema_migrations ORDER BY name"
        )
    except asyncpg.UndefinedTableError as error:
        raise BadInput("There is no Roadstead in this database: run roadstead migrate first.") from error
    return [AppliedMigration(**row) for row in rows]
