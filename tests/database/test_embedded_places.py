"""Where the embedded PostgreSQL lives and as whom it runs: as root and as an ordinary user."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest
from tests.fixtures.processes import postmaster_of, processes_of, wrapper

from roadstead.database.embedded import Binaries, EmbeddedPostgres, find_binaries
from roadstead.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = Path(__file__).resolve().parents[2] / "src"
STATE_PATH_LENGTH = 150
ORDINARY_USER = "nobody"

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has a folder that others cannot enter")


async def ask(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def modes_above(path: Path) -> dict[str, tuple[int, int]]:
    """Return owner and permissions of every folder above, to see that none was changed."""
    return {str(above): (above.stat().st_uid, above.stat().st_mode) for above in path.parents}


def user_of(process_id: int) -> int:
    return Path(f"/proc/{process_id}").stat().st_uid


@pytest.fixture
def closed_home() -> Iterator[Path]:
    """A home folder at 0700, as root's is on most machines."""
    folder = Path(tempfile.mkdtemp(prefix="roadstead-home-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def long_state(closed_home: Path) -> Iterator[Path]:
    """A state folder in it whose path is longer than that of any Unix socket may be."""
    state = closed_home / "a-rather-long-name-for-a-folder-in-a-home"
    state /= "x" * (STATE_PATH_LENGTH - len(str(state)) - 1)
    assert len(str(state)) == STATE_PATH_LENGTH
    yield state
    EmbeddedPostgres(state).destroy()


@as_root
class TestRootWithAClosedHome:
    def test_the_server_runs_apart_as_an_unprivileged_user(self, long_state: Path) -> None:
        with EmbeddedPostgres(long_state) as server:
            assert asyncio.run(ask(server.url, "SELECT 1")) == 1
            assert asyncio.run(ask(server.socket_url, "SELECT 1")) == 1
            assert server.data_folder.parents[1] == Path("/var/lib/roadstead")
            assert {user_of(process) for process in processes_of(server.data_folder)} == {
                server.data_folder.stat().st_uid
            }
            assert server.data_folder.stat().st_uid != 0
            assert server.data_folder.stat().st_mode & 0o777 == 0o700

    def test_a_file_in_the_state_folder_says_where_it_is(self, long_state: Path) -> None:
        with EmbeddedPostgres(long_state) as server:
            remembered = json.loads((long_state / "postgresql/server.json").read_text())
            assert remembered["home"] == str(server.data_folder.parent)

    def test_no_permission_that_was_there_before_is_changed(
        self, closed_home: Path, long_state: Path
    ) -> None:
        long_state.parent.mkdir(mode=0o700)
        before = modes_above(long_state)
        with EmbeddedPostgres(long_state):
            assert modes_above(long_state) == before
        assert closed_home.stat().st_mode & 0o777 == 0o700

    def test_rows_stay_over_a_restart(self, long_state: Path) -> None:
        with EmbeddedPostgres(long_state) as server:
            asyncio.run(ask(server.url, "CREATE TABLE kept AS SELECT 42 AS answer"))
        with EmbeddedPostgres(long_state) as server:
            assert asyncio.run(ask(server.url, "SELECT answer FROM kept")) == 42

    def test_destroying_removes_the_folder_apart_too(self, long_state: Path) -> None:
        server = EmbeddedPostgres(long_state)
        server.start()
        apart = server.data_folder.parent
        server.destroy()
        assert not apart.exists()
        assert list(long_state.iterdir()) == []

    def test_a_state_folder_that_was_deleted_starts_afresh_and_keeps_the_old_rows_aside(
        self, long_state: Path
    ) -> None:
        with EmbeddedPostgres(long_state) as server:
            apart = server.data_folder.parent
        shutil.rmtree(long_state)
        with EmbeddedPostgres(long_state) as server:
            assert server.data_folder.parent == apart
        aside = list(apart.parent.glob(f"{apart.name}.left-*"))
        assert [(folder / "data/PG_VERSION").is_file() for folder in aside] == [True]
        shutil.rmtree(aside[0])

    def test_without_a_place_to_go_the_refusal_says_what_to_do(
        self, closed_home: Path, long_state: Path
    ) -> None:
        (closed_home / "file").touch()
        nowhere = closed_home / "file/roadstead"
        with pytest.raises(ConfigurationError, match=r"cannot enter .* or start as an ordinary user"):
            EmbeddedPostgres(long_state, fallback_folder=nowhere).start()

    def test_a_pointer_that_leads_elsewhere_is_not_followed(self, long_state: Path) -> None:
        with EmbeddedPostgres(long_state):
            pass
        file = long_state / "postgresql/server.json"
        true = file.read_text()
        file.write_text(json.dumps({**json.loads(true), "home": "/etc"}))
        with pytest.raises(ConfigurationError, match="points to /etc"):
            EmbeddedPostgres(long_state).start()
        with pytest.raises(ConfigurationError, match="points to /etc"):
            EmbeddedPostgres(long_state).destroy()
        file.write_text(true)

    def test_the_wrapper_works_there_as_well(self, long_state: Path) -> None:
        with wrapper(long_state) as running:
            assert asyncio.run(ask(running.url(), "SELECT 1")) == 1
            running.process.terminate()
            assert running.ends_with() == 0


@as_root
class TestRootWithAnOpenStateFolder:
    def test_the_database_stays_in_it(self, state_folder: Path) -> None:
        with EmbeddedPostgres(state_folder) as server:
            assert server.data_folder == state_folder / "postgresql/data"

    def test_data_of_an_ordinary_user_are_served_as_that_user(self, state_folder: Path) -> None:
        with EmbeddedPostgres(state_folder) as server:
            data = server.data_folder
        user = pwd.getpwnam(ORDINARY_USER)
        for path in (data, *data.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid)
        with EmbeddedPostgres(state_folder):
            assert user_of(postmaster_of(data)) == user.pw_uid


@as_root
class TestProgramsThatOnlyRootCanReach:
    @pytest.fixture
    def state_folder(self) -> Iterator[Path]:
        """On disk, because programs in shared memory may not be run everywhere."""
        folder = Path(tempfile.mkdtemp(prefix="roadstead-tests-"))
        folder.chmod(0o711)
        yield folder
        EmbeddedPostgres(folder).destroy()
        shutil.rmtree(folder)

    @pytest.fixture
    def closed_binaries(self, closed_home: Path) -> Binaries:
        """The wheel as it looks in a virtual environment under /root."""
        found = find_binaries()
        package = found.folder.parents[1]
        for folder in (package, package.with_name(f"{package.name}.libs")):
            if folder.is_dir():
                (closed_home / folder.name).symlink_to(folder)
        relative = found.folder.relative_to(package.parent)
        return Binaries(folder=closed_home / relative, major=found.major)

    def test_they_are_copied_once(self, state_folder: Path, closed_binaries: Binaries) -> None:
        with EmbeddedPostgres(state_folder, binaries=closed_binaries) as server:
            program = Path(f"/proc/{postmaster_of(server.data_folder)}/exe").readlink()
            assert program.is_relative_to(state_folder)
            made = program.stat().st_ctime_ns
            assert asyncio.run(ask(server.url, "SELECT 1")) == 1
        with EmbeddedPostgres(state_folder, binaries=closed_binaries) as server:
            assert Path(f"/proc/{postmaster_of(server.data_folder)}/exe").readlink() == program
            assert program.stat().st_ctime_ns == made

    def test_what_runs_cannot_be_replaced_by_the_one_who_runs_it(
        self, state_folder: Path, closed_binaries: Binaries
    ) -> None:
        with EmbeddedPostgres(state_folder, binaries=closed_binaries):
            copies = [*(state_folder / "postgresql/binaries").rglob("*")]
            assert copies
            assert {(path.stat().st_uid, path.stat().st_mode & 0o022) for path in copies} == {(0, 0)}

    def test_the_copy_works_from_a_closed_home(self, long_state: Path, closed_binaries: Binaries) -> None:
        with EmbeddedPostgres(long_state, binaries=closed_binaries) as server:
            assert asyncio.run(ask(server.url, "SELECT 1")) == 1


TRY_IT = """
import asyncio, os, sys
from pathlib import Path
import asyncpg
from roadstead.database.embedded import EmbeddedPostgres

async def ask(url):
    connection = await asyncpg.connect(url)
    print(await connection.fetchval("SELECT 6 * 7"))
    await connection.close()

with EmbeddedPostgres(Path(sys.argv[1])) as server:
    asyncio.run(ask(server.url))
    print(os.geteuid(), server.data_folder)
"""


@as_root
class TestAnOrdinaryUser:
    """Started from root's test run as `nobody`, with any interpreter which that user can run."""

    @pytest.fixture
    def user(self) -> pwd.struct_passwd:
        return pwd.getpwnam(ORDINARY_USER)

    @pytest.fixture
    def home(self, user: pwd.struct_passwd) -> Iterator[Path]:
        folder = Path(tempfile.mkdtemp(prefix="roadstead-home-"))
        os.chown(folder, user.pw_uid, user.pw_gid)
        yield folder
        shutil.rmtree(folder)

    @pytest.fixture
    def interpreter(self, home: Path) -> str:
        for candidate in (sys.executable, "/usr/bin/python3"):
            with suppress(OSError):
                if self.run(candidate, "import asyncpg, msgspec, structlog", home=home).returncode == 0:
                    return candidate
        pytest.skip(f"user {ORDINARY_USER} may run no Python that has our packages")

    def run(
        self, interpreter: str, program: str, *arguments: str, home: Path
    ) -> subprocess.CompletedProcess[str]:
        user = pwd.getpwnam(ORDINARY_USER)
        packages = Path(asyncpg.__file__).parents[1]
        return subprocess.run(
            [interpreter, "-c", program, *arguments],
            check=False,
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=[],
            env={
                "HOME": str(home),
                "PATH": "/usr/bin:/bin",
                "PYTHONPATH": f"{SOURCES}:{packages}",
            },
            cwd="/",
            capture_output=True,
            text=True,
            timeout=60,
        )

    def test_everything_is_in_the_state_folder(
        self, user: pwd.struct_passwd, home: Path, interpreter: str
    ) -> None:
        done = self.run(interpreter, TRY_IT, str(home / "state"), home=home)
        assert done.returncode == 0, done.stderr
        answer, where = done.stdout.splitlines()[-2:]
        assert answer == "42"
        assert where == f"{user.pw_uid} {home}/state/postgresql/data"
        assert (home / "state").stat().st_mode & 0o777 == 0o700
        assert processes_of(home / "state/postgresql/data") == []

    def test_a_database_of_somebody_else_is_refused_with_a_sentence(
        self, home: Path, state_folder: Path, interpreter: str
    ) -> None:
        with EmbeddedPostgres(state_folder):
            pass
        done = self.run(interpreter, TRY_IT, str(state_folder), home=home)
        assert done.returncode == 1
        assert "roadstead.errors.ConfigurationError" in done.stderr
