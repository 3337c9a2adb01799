"""Restoring a backup: into an empty schema, compared with its manifest, and opened to servers last of all."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg

from roadstead.database.backups.creating import connect, server_version
from roadstead.database.backups.manifest import (
    ARCHIVE,
    MIGRATIONS_TABLE,
    Manifest,
    read_manifest,
    require_whole,
    table_contents,
)
from roadstead.database.backups.programs import address_of, find_programs, run_program
from roadstead.database.migrate import migrate, migrations
from roadstead.database.pool import CONNECT_TIMEOUT_S, Connection
from roadstead.errors import ConfigurationError, Conflict, InvariantViolated, Unavailable

BeforeOpening = Callable[[Connection, Manifest], Awaitable[None]]
"""Does what must be in force before any server can start on the restored database; in the same transaction."""


async def restore_backup(
    folder: Path, url: str, *, replace: bool, before_opening: BeforeOpening | None
) -> Manifest:
    """Restore a backup into a database and return its manifest; roles and grants are those of this version.

    With `replace`, what the database held is set aside in a schema `replaced_...` of the same database. Until the last
    step no server starts on the database, because its schema has no migrations; in that step `before_opening` runs. A
    restore that fails leaves everything as it was.

    Raises:
        BadInput: The backup is incomplete or damaged.
        ConfigurationError: There are no programs for it, or this version is older than the one that made it.
        Conflict: The database is not empty, or somebody works with it.
        InvariantViolated: What was restored is not what the manifest says.
        Unavailable: The database does not answer, or pg_restore failed.
    """
    manifest = await asyncio.to_thread(read_manifest, folder)
    await asyncio.to_thread(require_whole, folder, manifest)
    _require_known(manifest)
    connection = await connect(url)
    try:
        await _require_alone(connection)
        aside = await _set_aside(connection, replace=replace)
        try:
            await _fill(connection, folder, url, manifest)
            await _open(connection, manifest, before_opening)
        except BaseException:
            await _undo(connection, aside)
            raise
    except (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError) as error:
        raise Unavailable(
            f"The database went away during the restore ({type(error).__name__}): restore again with --replace."
        ) from error
    finally:
        await connection.close(timeout=CONNECT_TIMEOUT_S)
    await migrate(url)
    return manifest


def _require_known(manifest: Manifest) -> None:
    """Refuse a backup of a newer or a changed version before anything is touched."""
    carried = {migration.name: migration.checksum for migration in migrations()}
    for applied in manifest.migrations:
        if carried.get(applied.name) != applied.checksum:
            raise ConfigurationError(
                f"The backup has migration {applied.name} in a form that this version does not know: restore it with "
                f"Roadstead {manifest.roadstead} or later."
            )


async def _require_alone(connection: Connection) -> None:
    others = await connection.fetchval(
        "SELECT string_agg(DISTINCT coalesce(nullif(application_name, ''), usename), ', ') FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    if others is not None:
        raise Conflict(f"Somebody works with this database ({others}): stop every server first.")


async def _set_aside(connection: Connection, *, replace: bool) -> str | None:
    """Empty the schema `public`; return the name of the schema with what was there."""
    held = await connection.fetchval(
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    )
    if not held:
        return None
    if not replace:
        raise Conflict(
            "The database is not empty: restore into an empty one, or say --replace, which sets aside what is there."
        )
    aside: str = await connection.fetchval(
        "SELECT to_char(now() AT TIME ZONE 'UTC', '\"replaced_\"YYYYMMDD_HH24MISS')"
    )
    async with connection.transaction():
        await connection.execute(f"ALTER SCHEMA public RENAME TO {aside}; CREATE SCHEMA public")
    return aside


async def _undo(connection: Connection, aside: str | None) -> None:
    if connection.is_closed():
        return
    async with connection.transaction():
        await connection.execute("DROP SCHEMA public CASCADE")
        await connection.execute(
            "CREATE SCHEMA public" if aside is None else f"ALTER SCHEMA {aside} RENAME TO public"
        )


async def _fill(connection: Connection, folder: Path, url: str, manifest: Manifest) -> None:
    major = await server_version(connection)
    if major < manifest.programs_major:
        raise ConfigurationError(
            f"The backup was written by pg_dump {manifest.programs_major}, and the server has version {major}: restore "
            f"into PostgreSQL {manifest.programs_major} or later."
        )
    programs = await asyncio.to_thread(find_programs, max(major, manifest.programs_major))
    address = address_of(url)
    archive = folder / ARCHIVE
    await run_program(
        programs,
        "pg_restore",
        [
            *("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--schema=public"),
            *("--no-password", f"--dbname={address.url}", os.fspath(archive)),
        ],
        address,
    )
    async with connection.transaction(readonly=True):
        found = await table_contents(connection)
    wrong = sorted(
        name for name in {*found, *manifest.tables} if found.get(name) != manifest.tables.get(name)
    )
    if wrong:
        raise InvariantViolated(
            f"What was restored is not what was backed up, in: {', '.join(wrong)}. Use another backup."
        )


async def _open(connection: Connection, manifest: Manifest, before_opening: BeforeOpening | None) -> None:
    async with connection.transaction():
        await connection.executemany(
            f"INSERT INTO {MIGRATIONS_TABLE} (name, checksum, applied_at) VALUES ($1, $2, $3)",  # noqa: S608 - constant
            [(applied.name, applied.checksum, applied.applied_at) for applied in manifest.migrations],
        )
        if before_opening is not None:
            await before_opening(connection, manifest)
