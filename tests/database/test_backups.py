"""Backups: whole or not at all, compared row by row, and restored without overwriting anything."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from tests.fixtures.house import House, house_on
from tests.fixtures.scripted_rail import Behaviour

from roadstead.database.backups.creating import create_backup
from roadstead.database.backups.manifest import ARCHIVE, MANIFEST, Manifest, read_manifest
from roadstead.database.backups.programs import address_of, find_programs
from roadstead.database.backups.restoring import restore_backup
from roadstead.database.migrate import APP_ROLE, pending
from roadstead.database.pool import Database, open_database
from roadstead.errors import BadInput, ConfigurationError, Conflict, InvariantViolated, Unavailable
from roadstead.ledger.verify import verify
from roadstead.recovery.beginning import begin_recovery


async def _deliver(house: House) -> None:
    opened = await house.open("100")
    await house.pay(opened.memo)
    await house.match()
    house.rail.script.append(Behaviour.SETTLE)
    await house.work()


async def _lived_in(database_url: str) -> None:
    async with house_on(database_url) as house:
        await _deliver(house)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """A pool on a database."""
    database = await open_database(url, application="tests", connections_max=3)
    try:
        yield database
    finally:
        await database.close()


async def _fetch(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}


@pytest.fixture
async def backup(database_url: str, tmp_path: Path) -> Path:
    """A backup of a house in which one remittance was delivered."""
    await _lived_in(database_url)
    await create_backup(database_url, tmp_path / "backup")
    return tmp_path / "backup"


class TestCreating:
    async def test_it_holds_every_table_and_says_what_is_in_it(self, backup: Path) -> None:
        manifest = read_manifest(backup)

        assert manifest.tables["payouts"].rows == 1
        assert manifest.tables["entries"].rows > 0
        assert "schema_migrations" not in manifest.tables
        assert manifest.migrations[0].name == "0001_partners"
        assert manifest.taken_at.utcoffset() is not None

    async def test_only_its_owner_can_read_it(self, backup: Path) -> None:
        assert _modes(backup) == {"backup": 0o700, ARCHIVE: 0o600, MANIFEST: 0o600}

    async def test_nothing_is_overwritten_and_nothing_unfinished_stays(
        self, backup: Path, database_url: str
    ) -> None:
        before = _files(backup)
        with pytest.raises(BadInput, match="never overwrites"):
            await create_backup(database_url, backup)

        assert _files(backup) == before
        assert _names(backup.parent) == ["backup"]

    async def test_a_failed_one_leaves_no_trace(self, empty_database_url: str, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match="no Roadstead"):
            await create_backup(empty_database_url, tmp_path / "backup")

        assert _names(tmp_path) == []

    async def test_what_is_written_meanwhile_does_not_tear_it(
        self, database_url: str, empty_database_url: str, tmp_path: Path
    ) -> None:
        async with house_on(database_url) as house:
            busy = asyncio.Event()

            async def keep_busy() -> None:
                while not busy.is_set():
                    await _deliver(house)

            deliveries = asyncio.create_task(keep_busy())
            try:
                await create_backup(database_url, tmp_path / "backup")
            finally:
                busy.set()
                await deliveries
        await restore_backup(tmp_path / "backup", empty_database_url, replace=False, before_opening=None)
        async with opened(empty_database_url) as database:
            assert (await verify(database)).is_sound


class TestRestoring:
    async def test_every_row_comes_back_with_the_rights_of_the_roles(
        self, backup: Path, empty_database_url: str
    ) -> None:
        manifest = await restore_backup(backup, empty_database_url, replace=False, before_opening=None)

        assert manifest == read_manifest(backup)
        assert await _fetch(empty_database_url, "SELECT count(*) FROM payouts") == 1
        connection = await asyncpg.connect(empty_database_url)
        try:
            assert await pending(connection) == []
            may = "SELECT has_table_privilege($1, 'entries', $2)"
            assert await connection.fetchval(may, APP_ROLE, "INSERT") is True
            assert await connection.fetchval(may, APP_ROLE, "DELETE") is False
        finally:
            await connection.close()

    async def test_no_money_goes_out_of_a_restored_database(
        self, backup: Path, empty_database_url: str
    ) -> None:
        async def begin(connection: asyncpg.Connection[asyncpg.Record], manifest: Manifest) -> None:
            await begin_recovery(connection, manifest)

        await restore_backup(backup, empty_database_url, replace=False, before_opening=begin)

        for what in ("payouts", "refunds"):
            assert (
                await _fetch(empty_database_url, f"SELECT outgoing_stopped('{what}', 'iso4217:EUR')") is True
            )
        assert await _fetch(empty_database_url, "SELECT count(*) FROM stops WHERE resumed_at IS NULL") == 1
        assert (
            await _fetch(empty_database_url, "SELECT count(*) FROM restorations WHERE ended_at IS NULL") == 1
        )

    async def test_a_database_that_is_not_empty_is_refused(self, backup: Path, database_url: str) -> None:
        with pytest.raises(Conflict, match="not empty"):
            await restore_backup(backup, database_url, replace=False, before_opening=None)

    async def test_what_is_replaced_is_set_aside_and_not_lost(self, backup: Path, database_url: str) -> None:
        async with opened(database_url) as database, database.connection() as connection:
            await connection.execute("UPDATE partners SET name = 'After the backup'")
        await restore_backup(backup, database_url, replace=True, before_opening=None)

        assert await _fetch(database_url, "SELECT name FROM partners") == "Example Sender"
        aside = await _fetch(database_url, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'replaced%'")
        assert await _fetch(database_url, f"SELECT name FROM {aside}.partners") == "After the backup"

    async def test_while_somebody_works_with_the_database_it_is_refused(
        self, backup: Path, empty_database_url: str
    ) -> None:
        connection = await asyncpg.connect(
            empty_database_url, server_settings={"application_name": "a server"}
        )
        try:
            with pytest.raises(Conflict, match="a server"):
                await restore_backup(backup, empty_database_url, replace=False, before_opening=None)
        finally:
            await connection.close()

    async def test_one_that_fails_leaves_everything_as_it_was(self, backup: Path, database_url: str) -> None:
        manifest = json.loads((backup / MANIFEST).read_text())
        manifest["tables"]["payouts"]["digest"] = "1"
        (backup / MANIFEST).write_text(json.dumps(manifest))
        with pytest.raises(InvariantViolated, match="payouts"):
            await restore_backup(backup, database_url, replace=True, before_opening=None)

        assert await _fetch(database_url, "SELECT name FROM partners") == "Example Sender"
        assert await _fetch(database_url, "SELECT count(*) FROM schema_migrations") == len(
            manifest["migrations"]
        )
        assert await _fetch(database_url, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'repl%'") == 0

    async def test_no_server_starts_on_one_that_was_cut_off(
        self, backup: Path, empty_database_url: str
    ) -> None:
        class Cut(Exception):
            pass

        seen: list[list[str]] = []

        async def look(_connection: asyncpg.Connection[asyncpg.Record], _manifest: Manifest) -> None:
            other = await asyncpg.connect(empty_database_url)
            seen.append(await pending(other))
            await other.close()
            raise Cut

        with pytest.raises(Cut):
            await restore_backup(backup, empty_database_url, replace=False, before_opening=look)
        assert "0001_partners" in seen[0]
        assert await _fetch(empty_database_url, "SELECT to_regclass('partners') IS NULL") is True


class TestDamage:
    @pytest.mark.parametrize("position", [0, 1000, -1])
    async def test_a_byte_that_changed_is_seen_before_anything_is_touched(
        self, backup: Path, empty_database_url: str, position: int
    ) -> None:
        content = bytearray((backup / ARCHIVE).read_bytes())
        content[position] ^= 1
        (backup / ARCHIVE).write_bytes(bytes(content))
        with pytest.raises(BadInput, match="damaged"):
            await restore_backup(backup, empty_database_url, replace=False, before_opening=None)

    async def test_one_without_a_manifest_is_no_backup(self, backup: Path, empty_database_url: str) -> None:
        (backup / MANIFEST).unlink()
        with pytest.raises(BadInput, match="no complete backup"):
            await restore_backup(backup, empty_database_url, replace=False, before_opening=None)

    async def test_a_manifest_that_is_cut_off_is_refused(self, backup: Path, empty_database_url: str) -> None:
        (backup / MANIFEST).write_bytes((backup / MANIFEST).read_bytes()[:-10])
        with pytest.raises(BadInput, match="not the manifest"):
            await restore_backup(backup, empty_database_url, replace=False, before_opening=None)

    async def test_a_backup_of_a_newer_version_is_refused(
        self, backup: Path, empty_database_url: str
    ) -> None:
        manifest = json.loads((backup / MANIFEST).read_text())
        manifest["migrations"].append(
            {"name": "9999_later", "checksum": "0", "applied_at": "2030-01-01T00:00:00Z"}
        )
        (backup / MANIFEST).write_text(json.dumps(manifest))
        with pytest.raises(ConfigurationError, match="9999_later"):
            await restore_backup(backup, empty_database_url, replace=False, before_opening=None)


class TestPrograms:
    def test_none_that_are_older_than_the_server_are_taken(self) -> None:
        with pytest.raises(ConfigurationError, match="version 99 or later; found: "):
            find_programs(99)

    def test_without_any_the_message_says_what_to_install(self) -> None:
        with pytest.raises(ConfigurationError, match="postgresql-client-17"):
            find_programs(17, folders=[Path("/nowhere")])

    def test_no_password_stands_in_a_command_line(self) -> None:
        address = address_of("postgresql://owner:p%40ss@db.example:5432/anchor?sslmode=verify-full")

        assert address.url == "postgresql://owner@db.example:5432/anchor?sslmode=verify-full"
        assert address.environment == {"PGPASSWORD": "p@ss"}

    async def test_a_database_that_is_away_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(Unavailable, match="cannot be opened"):
            await create_backup("postgresql://nobody@127.0.0.1:1/nothing", tmp_path / "backup")
        assert _names(tmp_path) == []
