"""The databases that tests are given."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg
import pytest

if TYPE_CHECKING:
    from tests.fixtures.database import Administrator, Server

ROOT = Path(__file__).resolve().parents[2]


async def _tables(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS trace (number int)")
        rows = await connection.fetch("SELECT number FROM trace")
        await connection.execute("INSERT INTO trace VALUES (1)")
        return [row[0] for row in rows]
    finally:
        await connection.close()


class TestFreshDatabase:
    async def test_one_test_leaves_rows(self, empty_database_url: str) -> None:
        assert await _tables(empty_database_url) == []

    async def test_and_the_next_does_not_see_them(self, empty_database_url: str) -> None:
        assert await _tables(empty_database_url) == []

    async def test_a_connection_left_open_does_not_hinder_the_drop(self, empty_database_url: str) -> None:
        connection = await asyncpg.connect(empty_database_url)
        assert await connection.fetchval("SELECT 1") == 1
        connection.terminate()

    def test_the_server_is_the_same_for_the_whole_run(
        self, postgres: Server, empty_database_url: str
    ) -> None:
        assert empty_database_url.startswith(postgres.url.rsplit("/", 1)[0])
        assert postgres.prefix in empty_database_url


def run_pytest(folder: Path, tests: str, *options: str, **environment: str) -> str:
    """Run a test file with our plugins, as pytest would with our conftest, and return its output."""
    (folder / "test_it.py").write_text(tests)
    outer = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "ROADSTEAD_"))
    }
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-c", "/dev/null", "--rootdir", str(folder), "-q"),
            *("-p", "tests.conftest", "-p", "no:cacheprovider", *options, str(folder)),
        ],
        check=False,
        cwd=ROOT,
        env={**outer, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}", **environment},
        capture_output=True,
        text=True,
        timeout=90,
    )
    return done.stdout + done.stderr


class TestSkips:
    MISSING = 'import pytest\ndef test(): pytest.skip("missing tool: psql")\n'
    MISSING_MODULE = 'import pytest\npytest.skip("missing tool: psql", allow_module_level=True)\n'
    OTHER = 'import pytest\ndef test(): pytest.skip("only root may")\n'

    @pytest.mark.parametrize(
        ("tests", "no_skips", "said"),
        [
            (MISSING, "0", "1 skipped"),
            (MISSING, "1", "1 failed"),
            (MISSING_MODULE, "0", "1 skipped"),
            (MISSING_MODULE, "1", "1 error"),
            (OTHER, "1", "1 skipped"),
        ],
    )
    def test_a_missing_tool_fails_the_run_where_skips_are_forbidden(
        self, tmp_path: Path, tests: str, no_skips: str, said: str
    ) -> None:
        assert said in run_pytest(tmp_path, tests, ROADSTEAD_NO_SKIPS=no_skips)


class TestTheServerOfARun:
    def test_all_workers_share_one_and_it_ends_with_the_run(self, tmp_path: Path) -> None:
        tests = f"""
import pytest
@pytest.mark.parametrize("number", range(6))
def test(number, worker_id, postgres, empty_database_url):
    with open({str(tmp_path / "seen")!r}, "a") as file:
        print(worker_id, postgres.url, file=file)
"""
        said = run_pytest(tmp_path, tests, "-n", "2", "--dist", "each")
        assert "12 passed" in said
        seen = [line.split() for line in (tmp_path / "seen").read_text().splitlines()]
        assert {worker for worker, _ in seen} == {"gw0", "gw1"}
        urls = {url for _, url in seen}
        assert len(urls) == 1
        assert not listens(urls.pop())

    def test_it_ends_when_the_run_is_interrupted(self, tmp_path: Path) -> None:
        tests = f"""
import os, pathlib, signal
def test(empty_database_url):
    pathlib.Path({str(tmp_path / "seen")!r}).write_text(empty_database_url)
    # Whoever runs the tests in the background may have told all of them to ignore interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.kill(os.getpid(), signal.SIGINT)
"""
        assert "KeyboardInterrupt" in run_pytest(tmp_path, tests)
        assert not listens((tmp_path / "seen").read_text())

    def test_on_a_server_of_ones_own_no_database_is_left(
        self, tmp_path: Path, postgres: Server, administrator: Administrator
    ) -> None:
        tests = f"""
import os, pathlib
def test(empty_database_url):
    pathlib.Path({str(tmp_path / "seen")!r}).write_text(empty_database_url)
def test_fails(empty_database_url):
    assert False
"""
        said = run_pytest(tmp_path, tests, ROADSTEAD_TEST_DATABASE_URL=postgres.url)
        assert "1 failed, 1 passed" in said
        server, _, name = (tmp_path / "seen").read_text().rpartition("/")
        assert server == postgres.url.rpartition("/")[0]
        assert name not in administrator.fetch_names("SELECT datname FROM pg_database")


def listens(url: str) -> bool:
    parts = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((parts.hostname, parts.port)) == 0
