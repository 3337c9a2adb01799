"""The embedded PostgreSQL under kill -9: no process outlives its owner, no commit is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest
from tests.fixtures.processes import (
    eventually,
    parent_of,
    postmaster_of,
    processes_of,
    wrapper,
)

from roadstead.database.embedded import EmbeddedPostgres
from roadstead.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

WRITERS = 4
COMMITS_BEFORE_THE_KILL = 400

# asyncpg answers with an internal error when the connection goes between two of its messages.
CONNECTION_LOST = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


def data_folder_of(state_folder: Path) -> Path:
    return state_folder / "postgresql/data"


async def numbers_in(url: str) -> set[int]:
    connection = await asyncpg.connect(url)
    try:
        return {row[0] for row in await connection.fetch("SELECT number FROM ledger")}
    finally:
        await connection.close()


def shared_memory_segments() -> set[str]:
    """Return the numbers of the System V segments on this machine."""
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return {line.split()[1] for line in lines}


class Bookkeeper:
    """Commits rows from several connections and notes each commit that was acknowledged."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._enough = asyncio.Event()
        self.acknowledged: set[int] = set()

    async def write_until_killed(self, kill: Callable[[], None]) -> None:
        """Write rows, kill the server amid them, and return when every writer has noticed."""
        connection = await asyncpg.connect(self._url)
        await connection.execute("CREATE TABLE IF NOT EXISTS ledger (number bigint PRIMARY KEY)")
        highest = await connection.fetchval("SELECT coalesce(max(number), 0) FROM ledger")
        await connection.close()
        async with asyncio.TaskGroup() as writers:
            for writer in range(WRITERS):
                writers.create_task(self._write(highest + 1 + writer))
            await asyncio.wait_for(self._enough.wait(), 60)
            kill()

    async def _write(self, number: int) -> None:
        connection = await asyncpg.connect(self._url)
        with suppress(*CONNECTION_LOST):
            while True:
                await connection.execute("INSERT INTO ledger VALUES ($1)", number, timeout=30)
                self.acknowledged.add(number)
                number += WRITERS
                if len(self.acknowledged) >= COMMITS_BEFORE_THE_KILL:
                    self._enough.set()
        connection.terminate()


def kill_postmaster(data: Path) -> None:
    os.kill(postmaster_of(data), signal.SIGKILL)


def kill_everything(data: Path) -> None:
    for process in processes_of(data):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


class TestAcknowledgedCommits:
    @pytest.mark.parametrize("kill", [kill_postmaster, kill_everything])
    async def test_all_are_there_after_kills_and_restarts(
        self, state_folder: Path, kill: Callable[[Path], None]
    ) -> None:
        server = EmbeddedPostgres(state_folder)
        acknowledged: set[int] = set()
        try:
            for _ in range(3):
                url = await asyncio.to_thread(server.start)
                bookkeeper = Bookkeeper(url)
                await bookkeeper.write_until_killed(lambda: kill(server.data_folder))
                acknowledged |= bookkeeper.acknowledged
                assert await asyncio.to_thread(server.wait, timeout_s=30)
            assert acknowledged <= await numbers_in(await asyncio.to_thread(server.start))
            assert len(acknowledged) >= 3 * COMMITS_BEFORE_THE_KILL
        finally:
            await asyncio.to_thread(server.stop)

    async def test_all_are_there_after_the_wrapper_was_killed(self, state_folder: Path) -> None:
        with wrapper(state_folder) as first:
            bookkeeper = Bookkeeper(await asyncio.to_thread(first.url))
            await bookkeeper.write_until_killed(first.process.kill)
        with wrapper(state_folder) as second:
            url = await asyncio.to_thread(second.url)
            assert bookkeeper.acknowledged <= await numbers_in(url)


class TestNoProcessIsLeft:
    def test_after_the_wrapper_was_killed(self, state_folder: Path) -> None:
        with wrapper(state_folder) as running:
            assert running.url()
            running.process.kill()
            assert eventually(lambda: processes_of(data_folder_of(state_folder)) == [])

    def test_after_the_guard_was_killed(self, state_folder: Path) -> None:
        data = data_folder_of(state_folder)
        with wrapper(state_folder) as running:
            assert running.url()
            os.kill(parent_of(postmaster_of(data)), signal.SIGKILL)
            assert running.ends_with() == 1
            assert eventually(lambda: processes_of(data) == [])

    def test_after_the_postmaster_was_killed(self, state_folder: Path) -> None:
        data = data_folder_of(state_folder)
        with wrapper(state_folder) as running:
            assert running.url()
            kill_postmaster(data)
            assert running.ends_with() == 1
            assert "embedded_database_died" in running.said()
            assert eventually(lambda: processes_of(data) == [])

    def test_after_the_wrapper_was_killed_while_it_made_the_database(self, state_folder: Path) -> None:
        unfinished = data_folder_of(state_folder).with_name("data.new")
        with wrapper(state_folder) as running:
            assert eventually((unfinished / "PG_VERSION").exists)
            running.process.kill()
            running.process.wait()
        with EmbeddedPostgres(state_folder) as server:
            assert not unfinished.exists()
            assert processes_of(unfinished) == []
            assert server.is_alive()

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_after_the_wrapper_was_asked_to_stop(self, state_folder: Path, number: signal.Signals) -> None:
        data = data_folder_of(state_folder)
        with wrapper(state_folder) as running:
            assert running.url()
            running.process.send_signal(number)
            assert running.ends_with() == 0
            assert processes_of(data) == []
            assert not (data / "postmaster.pid").exists()

    def test_after_the_wrapper_was_asked_to_stop_during_its_start(self, state_folder: Path) -> None:
        unfinished = data_folder_of(state_folder).with_name("data.new")
        with wrapper(state_folder) as running:
            assert eventually(unfinished.exists)
            running.process.terminate()
            assert running.ends_with() == 0
            assert running.url() == ""
            assert eventually(lambda: processes_of(unfinished) == [])

    def test_after_the_lifeline_has_ended(self, state_folder: Path) -> None:
        reader, writer = os.pipe()
        try:
            with wrapper(state_folder, lifeline=reader) as running:
                assert running.url()
                os.close(writer)
                assert running.ends_with() == 0
                assert processes_of(data_folder_of(state_folder)) == []
        finally:
            os.close(reader)


class TestStartingAfterACrash:
    async def test_a_backend_that_computes_on_does_not_hinder_it(self, state_folder: Path) -> None:
        """A backend looks for its dead postmaster only when it waits; this one never does."""
        server = EmbeddedPostgres(state_folder)
        connection = await asyncpg.connect(await asyncio.to_thread(server.start))
        backend = connection.get_server_pid()
        busy = asyncio.create_task(connection.execute("DO $$ BEGIN LOOP PERFORM sqrt(2); END LOOP; END $$"))
        try:
            probe = await asyncpg.connect(server.url)
            query = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND state = 'active'"
            while not await probe.fetchval(query, backend):  # noqa: ASYNC110 - seen by asking only
                await asyncio.sleep(0.1)
            await probe.close()
            kill_postmaster(server.data_folder)
            assert await asyncio.to_thread(server.wait, timeout_s=30)
            await asyncio.to_thread(server.start)
            assert backend not in processes_of(server.data_folder)
        finally:
            with suppress(*CONNECTION_LOST):
                await busy
            connection.terminate()
            await asyncio.to_thread(server.stop)

    def test_a_stale_number_that_now_belongs_to_another_server_does_not_hinder_it(
        self, make_state_folder: Callable[[], Path]
    ) -> None:
        """In a container the same process numbers come back at every start."""
        with EmbeddedPostgres(make_state_folder()) as other:
            server = EmbeddedPostgres(make_state_folder())
            server.start()
            pid_file = server.data_folder / "postmaster.pid"
            own = pid_file.read_text()
            kill_everything(server.data_folder)
            assert server.wait(timeout_s=30)
            lines = own.splitlines()
            lines[0] = str(postmaster_of(other.data_folder))
            pid_file.write_text("\n".join(lines) + "\n")
            server.start()
            assert postmaster_of(server.data_folder) != postmaster_of(other.data_folder)
            assert other.is_alive()
            server.stop()

    def test_a_server_that_somebody_else_runs_on_the_data_is_left_alone(self, state_folder: Path) -> None:
        server = EmbeddedPostgres(state_folder)
        server.start()
        postmaster = postmaster_of(server.data_folder)
        command = Path(f"/proc/{postmaster}/cmdline").read_text().split("\0")[:-1]
        owner = server.data_folder.stat()
        server.stop()
        foreign = subprocess.Popen(
            [*command, "-c", "unix_socket_directories="],
            user=owner.st_uid if os.geteuid() == 0 else None,
            stderr=subprocess.DEVNULL,
            cwd="/",
        )
        try:
            pid_file = server.data_folder / "postmaster.pid"
            assert eventually(lambda: pid_file.exists() and "ready" in pid_file.read_text())
            with pytest.raises(ConfigurationError, match=f"process {foreign.pid}, which we did"):
                EmbeddedPostgres(state_folder).start()
            assert foreign.poll() is None
        finally:
            foreign.send_signal(signal.SIGINT)
            foreign.wait(30)

    def test_what_an_unfinished_making_left_is_cleared_away(self, state_folder: Path) -> None:
        with EmbeddedPostgres(state_folder) as server:
            home = server.data_folder.parent
        server.destroy()
        (home / "data.new/base").mkdir(parents=True)
        (home / "data.new/PG_VERSION").write_text("18\n")
        (home / "initdb.password").write_text("old")
        with EmbeddedPostgres(state_folder):
            assert not (home / "data.new").exists()
            assert not (home / "initdb.password").exists()

    def test_a_server_that_cannot_start_says_why_after_a_few_tries(self, state_folder: Path) -> None:
        with EmbeddedPostgres(state_folder) as server:
            control = server.data_folder / "global/pg_control"
        control.rename(control.with_name("hidden"))
        with wrapper(state_folder) as running:
            assert running.url() == ""
            assert running.ends_with() == 1
            assert "did not start in 5 tries" in running.said()


class TestDestroyingAfterACrash:
    def test_what_was_shared_in_memory_is_given_back(self, state_folder: Path) -> None:
        server = EmbeddedPostgres(state_folder)
        server.start()
        shared = (server.data_folder / "postmaster.pid").read_text().splitlines()[6].split()[1]
        assert shared in shared_memory_segments()
        kill_postmaster(server.data_folder)
        assert server.wait(timeout_s=30)
        server.destroy()
        assert shared not in shared_memory_segments()

    def test_data_that_cannot_be_served_any_more_are_removed_all_the_same(self, state_folder: Path) -> None:
        server = EmbeddedPostgres(state_folder)
        server.start()
        kill_postmaster(server.data_folder)
        assert server.wait(timeout_s=30)
        (server.data_folder / "global/pg_control").unlink()
        server.destroy()
        assert not (state_folder / "postgresql").exists()


class TestTheReadyLine:
    def test_it_is_one_line_with_the_url(self, state_folder: Path) -> None:
        with wrapper(state_folder) as running:
            url = running.url()
            running.process.terminate()
            assert running.ends_with() == 0
            assert url.startswith("postgresql://roadstead:")
            assert running.url() == ""

    def test_a_refusal_is_a_sentence_and_not_a_traceback(self, state_folder: Path) -> None:
        with EmbeddedPostgres(state_folder), wrapper(state_folder) as second:
            assert second.ends_with() == 1
            said = second.said()
            assert "already in use by process" in said
            assert "Traceback" not in said
