"""The first thing that a newcomer runs."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from tests.fixtures.sandbox_process import SandboxProcess

from roadstead.sandbox.calls import Calls
from roadstead.sandbox.demo import suggestions
from roadstead.sandbox.state import TEMPORARY_PREFIX

pytestmark = pytest.mark.timeout(180)


class TestTheDemo:
    def test_tells_one_payment_to_its_end_and_leaves_nothing_behind(self, tmp_path: Path) -> None:
        # The folder of temporary files is kept short: PostgreSQL's socket has to fit in it.
        with tempfile.TemporaryDirectory() as temporary:
            run = subprocess.run(
                [sys.executable, "-m", "roadstead", "demo", "--once"],
                cwd=tmp_path,
                env={**os.environ, "TMPDIR": temporary},
                capture_output=True,
                text=True,
                timeout=150,
                check=False,
            )

            assert run.returncode == 0, run.stdout + run.stderr
            for told in ("authenticated", "registered", "opened", "paid", "completed", "The bank paid"):
                assert told in run.stdout
            assert list(Path(temporary).glob(f"{TEMPORARY_PREFIX}*")) == []


class TestWhatToTryNext:
    async def test_works_as_it_is_printed(self, sandbox: SandboxProcess) -> None:
        commands = dict(suggestions(sandbox.ready))
        async with Calls() as calls:
            for command in commands.values():
                if command.startswith("curl "):
                    answer = await calls.once("GET", shlex.split(command)[1])
                    assert answer.status == 200, command

        for purpose in ("Send another payment", "See every remittance, as an operator"):
            run = await asyncio.to_thread(self._in_a_shell, commands[purpose])
            assert run.returncode == 0, run.stdout + run.stderr

    def _in_a_shell(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", command], capture_output=True, text=True, timeout=90, check=False, cwd="/"
        )
