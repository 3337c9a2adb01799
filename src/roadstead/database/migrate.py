"""Migrations: numbered plain SQL, forward only, each with a note of why and a check that must find nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources

import asyncpg

from roadstead.database.pool import CONNECT_TIMEOUT_S, Connection
from roadstead.errors import ConfigurationError, InvariantViolated, Unavailable

APP_ROLE = "roadstead_app"
READER_ROLE = "roadstead_reader"

_LOCK = 0x0AD57EAD
_MIGRATION_TIMEOUT_S = 600.0
_SERVER_VERSION_MIN = 150000

_MIGRATIONS_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name       text PRIMARY KEY,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step of the schema."""

    name: str
    note: str
    sql: str
    check: str

    @property
    def checksum(self) -> str:
        """Digest of the SQL: a migration that was applied never changes."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """Read the migrations that this version carries, in order."""
    folder = resources.files("roadstead.database") / "migrations"
    texts = {entry.name: entry.read_text() for entry in folder.iterdir() if entry.name[0].isdigit()}
    names = sorted(name.removesuffix(".sql") for name in texts if not name.endswith(".check.sql"))
    return [_migration(name, texts[f"{name}.sql"], texts[f"{name}.check.sql"]) for name in names]


def _migration(name: str, sql: str, check: str) -> Migration:
    note = " ".join(
        line.removeprefix("-- note: ") for line in sql.splitlines() if line.startswith("-- note: ")
    )
    return Migration(name=name, note=note, sql=sql, check=check)


async def migrate(url: str) -> list[Migration]:
    """Bring a database to this version's schema and grant the roles; return what was applied.

    Safe to run again and by several at once: one migrates, the others wait. Each migration commits by itself, so a
    broken one leaves those before it in place.

    Raises:
        ConfigurationError: The server is too old, the user may not create what is needed, or the database was migrated
            by a newer or a changed version.
        InvariantViolated: The data do not satisfy a migration's check; that migration was undone.
        Unavailable: PostgreSQL does not answer.
    """
    try:
        connection = await asyncpg.connect(
            url, timeout=CONNECT_TIMEOUT_S, command_timeout=_MIGRATION_TIMEOUT_S
        )
    except (TimeoutError, OSError, asyncpg.PostgresError) as error:
        raise Unavailable(
            f"The database cannot be opened to migrate it ({type(error).__name__}: {error}). Check that PostgreSQL "
            "runs and that ROADSTEAD_DATABASE_OWNER_URL is right."
        ) from error
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await _require_version(connection)
        applied = await _apply_missing(connection)
        await _grant(connection)
        return applied
    finally:
        await connection.close(timeout=CONNECT_TIMEOUT_S)


async def pending(connection: Connection) -> list[str]:
    """Name the migrations that the database still lacks, so that a server can refuse to start on an old schema."""
    if await connection.fetchval("SELECT to_regclass('schema_migrations')") is None:
        return [migration.name for migration in migrations()]
    present = {row["name"] for row in await connection.fetch("SELECT name FROM schema_migrations")}
    return [migration.name for migration in migrations() if migration.name not in present]


async def _require_version(connection: Connection) -> None:
    version = int(await connection.fetchval("SHOW server_version_num"))
    if version < _SERVER_VERSION_MIN:
        raise ConfigurationError(
            f"PostgreSQL {version // 10000} is too old: ROADSTEAD_DATABASE_URL must name version 15 or later."
        )


async def _apply_missing(connection: Connection) -> list[Migration]:
    await connection.execute(_MIGRATIONS_TABLE)
    present = {
        row["name"]: row["checksum"]
        for row in await connection.fetch("SELECT name, checksum FROM schema_migrations")
    }
    carried = migrations()
    _require_same_past(present, carried)
    missing = [migration for migration in carried if migration.name not in present]
    for migration in missing:
        async with connection.transaction():
            await connection.execute(migration.sql)
            await _require_check(connection, migration)
            await connection.execute(
                "INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)",
                migration.name,
                migration.checksum,
            )
    return missing


def _require_same_past(present: dict[str, str], carried: list[Migration]) -> None:
    checksums = {migration.name: migration.checksum for migration in carried}
    for name, checksum in present.items():
        if name not in checksums:
            raise ConfigurationError(
                f"The database has migration {name}, which this version does not know: it was migrated by a newer "
                "Roadstead. Run that version, or restore a backup from before the migration."
            )
        if checksums[name] != checksum:
            raise ConfigurationError(
                f"Migration {name} differs from the one that was applied to this database. Released migrations never "
                "change: install an unchanged Roadstead."
            )


async def _require_check(connection: Connection, migration: Migration) -> None:
    finding = await connection.fetchval(migration.check)
    if finding is not None:
        raise InvariantViolated(f"Migration {migration.name} was undone: its check found {finding}.")


async def _grant(connection: Connection) -> None:
    for role in (APP_ROLE, READER_ROLE):
        try:
            await connection.execute(
                f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN; "
                "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
            )
        except asyncpg.InsufficientPrivilegeError as error:
            if await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
                continue
            raise ConfigurationError(
                f"The role {role} does not exist and this user may not create it. As the database's administrator "
                f"run: CREATE ROLE {role} NOLOGIN; then run roadstead migrate again."
            ) from error
    grants = (resources.files("roadstead.database") / "migrations" / "grants.sql").read_text()
    async with connection.transaction():
        await connection.execute(grants)
