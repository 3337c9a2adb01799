"""The first thing that a newcomer runs."""

from __future__ import annotations

import asyncio
import os
import re
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

    def test_shows_a_refusal_its_correction_and_the_payment(self, tmp_path: Path) -> None:
        with tempfile.TemporaryDirectory() as temporary:
            run = subprocess.run(
                [sys.executable, "-m", "roadstead", "demo", "--once", "--scenario", "refused"],
                cwd=tmp_path,
                env={**os.environ, "TMPDIR": temporary},
                capture_output=True,
                text=True,
                timeout=150,
                check=False,
            )

        assert run.returncode == 0, run.stdout + run.stderr
        told = (
            "pending_customer_info_update",
            "corrected",
            "pending_external",
            "completed",
            "with AC01",
            "The bank paid",
        )
        assert [run.stdout.index(word) for word in told] == sorted(run.stdout.index(word) for word in told)
        assert run.stdout.count("The bank paid") == 1
        payouts = set(re.findall(r"end-to-end id (\w+)", run.stdout))
        assert len(payouts) == 1, "what was refused and what was paid are attempts of one payout"

    def test_knows_its_scenarios(self) -> None:
        run = subprocess.run(
            [sys.executable, "-m", "roadstead", "demo", "--scenario", "none"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert run.returncode == 2
        assert "choose paid or refused" in run.stderr


class TestWhatToTryNext:
    async def test_works_as_it_is_printed(self, sandbox: SandboxProcess) -> None:
        commands = dict(suggestions(sandbox.ready))
        async with Calls() as calls:
            for command in commands.values():
                if command.startswith("curl "):
                    answer = await calls.once("GET", shlex.split(command)[1])
                    assert answer.status == 200, command

        for purpose in (
            "Send another payment",
            "Send one to a wrong account number, which the bank refuses, and correct it",
            "See every remittance, as an operator",
        ):
            run = await asyncio.to_thread(self._in_a_shell, commands[purpose])
            assert run.returncode == 0, run.stdout + run.stderr

    def _in_a_shell(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", command], capture_output=True, text=True, timeout=90, check=False, cwd="/"
        )
