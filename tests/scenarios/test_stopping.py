"""A sandbox that is stopped, refused or started again."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fixtures.remittances import sending_anchor
from tests.fixtures.sandbox_process import SandboxProcess, running_sandbox, wait_until_gone

from roadstead.sandbox.calls import Calls
from roadstead.sandbox.sender import SendOrder

pytestmark = pytest.mark.timeout(180)


def sandbox_command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "roadstead", "sandbox", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class TestStopping:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_ends_every_process_and_takes_the_ready_file_and_temporary_state_along(
        self, tmp_path: Path, number: signal.Signals
    ) -> None:
        with running_sandbox(tmp_path) as sandbox:
            ready = sandbox.ready

            status = sandbox.stop(number)

            assert status == 0
            assert not sandbox.ready_file.exists()
            assert not Path(ready["logs"]).parent.exists()
            wait_until_gone(list(ready["pids"].values()), within_s=0.5)


class TestStartingAgain:
    async def test_brings_back_keys_ports_ledger_bank_and_database(self, tmp_path: Path) -> None:
        with running_sandbox(
            tmp_path, "--state", str(tmp_path / "state"), "--passphrase", "Kept ; 1"
        ) as sandbox:
            before = sandbox.ready
            async with sending_anchor(before) as anchor:
                *_, last = [progress async for progress in anchor.send(SendOrder(amount="40"))]
            paid = await all_payouts(sandbox)
            sandbox.stop()

            sandbox.start()

            after = sandbox.ready
            for name in set(before) - {"pids"}:
                assert after[name] == before[name], name
            assert await all_payouts(sandbox) == paid
            async with sending_anchor(after) as anchor:
                assert (await anchor.receiver.remittance(last.details["id"]))["status"] == "completed"

    def test_refuses_another_passphrase_for_the_same_ledger(self, tmp_path: Path) -> None:
        state = str(tmp_path / "state")
        with running_sandbox(tmp_path, "--state", state):
            pass

        run = sandbox_command(tmp_path, "--state", state, "--passphrase", "Another ; 2")

        assert run.returncode == 2
        assert "leave --passphrase away" in run.stderr


class TestWhatIsRefused:
    def test_a_second_sandbox_on_the_same_state(self, tmp_path: Path) -> None:
        state = str(tmp_path / "state")
        with running_sandbox(tmp_path, "--state", state) as sandbox:
            run = sandbox_command(tmp_path, "--state", state)

            assert run.returncode == 2
            assert "Another sandbox (process" in run.stderr
            assert sandbox.ready_file.exists()

    def test_a_port_that_is_taken(self, tmp_path: Path, sandbox: SandboxProcess) -> None:
        port = sandbox.ready["bank"].rpartition(":")[2]

        run = sandbox_command(tmp_path, "--api-port", port)

        assert run.returncode == 2
        assert f"Port {port} for the API (--api-port) cannot be used" in run.stderr


async def all_payouts(sandbox: SandboxProcess) -> object:
    async with Calls() as calls:
        return await calls.expect("GET", f"{sandbox.ready['bank']}/payouts")
