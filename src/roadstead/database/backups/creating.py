"""Making a backup: one picture of the database, in a folder that appears whole or not at all."""

from __future__ import annotations

import asyncio
import os
import shutil
from datetime import datetime
from pathlib import Path

import asyncpg
import msgspec

from roadstead import __version__
from roadstead.database.backups.manifest import (
    ARCHIVE,
    FORMAT,
    MANIFEST,
    MIGRATIONS_TABLE,
    Manifest,
    TableContent,
    applied_migrations,
    file_digest,
    table_contents,
    write_file,
)
from roadstead.database.backups.programs import TIMEOUT_S, Programs, address_of, find_programs, run_program
from roadstead.database.pool import CONNECT_TIMEOUT_S, Connection
from roadstead.errors import BadInput, Unavailable


async def create_backup(url: str, target: Path) -> Manifest:
    """Write a backup of a database into the new folder `target` and return its manifest.

    The server may run on: the backup shows one moment. The folder (0700, files 0600) appears under its name only when
    everything in it is on the disk; what is there already is never overwritten.

    Raises:
        BadInput: The target exists or cannot be made, or the database is no Roadstead's.
        ConfigurationError: There are no programs for this server's version.
        Unavailable: The database does not answer, or pg_dump failed.
    """
    unfinished = await asyncio.to_thread(_begin, target)
    try:
        manifest = await _fill(url, unfinished)
        await asyncio.to_thread(_reveal, unfinished, target, manifest)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return manifest


def _begin(target: Path) -> Path:
    if target.exists():
        raise BadInput(f"{target} exists: a backup never overwrites anything. Name another folder.")
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.unfinished")
    try:
        unfinished.mkdir(mode=0o700)
    except OSError as error:
        raise BadInput(
            f"{unfinished} cannot be made ({error.strerror}): name a folder in one that exists."
        ) from error
    return unfinished


async def _fill(url: str, folder: Path) -> Manifest:
    connection = await connect(url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            taken_at: datetime = await connection.fetchval("SELECT now()")
            snapshot: str = await connection.fetchval("SELECT pg_export_snapshot()")
            migrations = await applied_migrations(connection)
            server_major = await server_version(connection)
            programs = await asyncio.to_thread(find_programs, server_major)
            await _dump(programs, url, snapshot, folder / ARCHIVE)
            tables: dict[str, TableContent] = await table_contents(connection)
            cursors = {
                row["source"]: row["position"]
                for row in await connection.fetch("SELECT source, position FROM cursors ORDER BY source")
            }
    except (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError) as error:
        raise Unavailable(f"The database went away during the backup ({type(error).__name__}).") from error
    finally:
        await connection.close(timeout=CONNECT_TIMEOUT_S)
    size, digest = await asyncio.to_thread(file_digest, folder / ARCHIVE)
    return Manifest(
        format=FORMAT,
        roadstead=__version__,
        taken_at=taken_at,
        server_major=server_major,
        programs_major=programs.major,
        archive_bytes=size,
        archive_sha256=digest,
        migrations=migrations,
        tables=tables,
        cursors=cursors,
    )


async def connect(url: str) -> Connection:
    """Open one connection whose statements may take as long as a backup.

    Raises:
        Unavailable: The database does not answer.
    """
    try:
        return await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S, command_timeout=TIMEOUT_S)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise Unavailable(
            f"The database cannot be opened ({type(error).__name__}: {error}). Check that PostgreSQL runs and that "
            "ROADSTEAD_DATABASE_OWNER_URL is right."
        ) from error


async def server_version(connection: Connection) -> int:
    """Return the server's major version."""
    return int(await connection.fetchval("SHOW server_version_num")) // 10000


async def _dump(programs: Programs, url: str, snapshot: str, archive: Path) -> None:
    # Made before the program opens it, so that nobody else may read it for a moment.
    write_file(archive, b"")
    address = address_of(url)
    await run_program(
        programs,
        "pg_dump",
        [
            *("--format=custom", "--no-owner", "--no-privileges", "--schema=public", "--no-password"),
            *(f"--exclude-table-data=public.{MIGRATIONS_TABLE}", f"--snapshot={snapshot}"),
            *(f"--file={archive}", f"--dbname={address.url}"),
        ],
        address,
    )


def _reveal(unfinished: Path, target: Path, manifest: Manifest) -> None:
    """Write the manifest, wait for the disk, and give the folder its name."""
    with (unfinished / ARCHIVE).open("rb") as archive:
        os.fsync(archive.fileno())
    write_file(
        unfinished / MANIFEST,
        msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=2),
    )
    _sync(unfinished)
    try:
        # Fails where the target is a file or a folder with something in it.
        unfinished.rename(target)
    except OSError as error:
        raise BadInput(f"{target} exists meanwhile: a backup never overwrites anything.") from error
    _sync(target.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
