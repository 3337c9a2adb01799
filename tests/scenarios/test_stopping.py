"""A sandbox that is stopped, refused or started again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest
from tests.fixtures.remittances import sending_anchor
from tests.fixtures.sandbox_process import SandboxProcess, running_sandbox, wait_until_gone

from roadstead.randomness import SystemRandomness
from roadstead.sandbox.calls import Calls
from roadstead.sandbox.environment import EXAMPLE_ANCHOR_FILE
from roadstead.sandbox.keys import KeyFile, make_keys
from roadstead.sandbox.ports import choose_free
from roadstead.sandbox.roles import local_url
from roadstead.sandbox.sender import SendOrder
from roadstead.sandbox.state import TEMPORARY_PREFIX
from roadstead.sandbox.wallet import account_state

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
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
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

    @pytest.mark.parametrize("after_s", [0.0, 1.5, 3.0])
    def test_in_the_middle_of_the_start_leaves_nothing(self, tmp_path: Path, after_s: float) -> None:
        sandbox = SandboxProcess(tmp_path, environ={"TMPDIR": str(tmp_path)})
        sandbox.launch()
        while not list(tmp_path.glob(f"{TEMPORARY_PREFIX}*")):
            time.sleep(0.02)
        time.sleep(after_s)

        status = sandbox.stop(signal.SIGINT)

        assert status in {0, 128 + signal.SIGINT}
        assert not sandbox.ready_file.exists()
        assert list(tmp_path.glob(f"{TEMPORARY_PREFIX}*")) == []
        assert "Traceback" not in sandbox.output

    def test_twice_kills_what_does_not_listen(self, tmp_path: Path) -> None:
        with running_sandbox(tmp_path) as sandbox:
            ready = sandbox.ready
            os.kill(ready["pids"]["worker"], signal.SIGSTOP)

            sandbox.send_signal(signal.SIGINT)
            time.sleep(0.5)
            status = sandbox.stop(signal.SIGINT)

            assert status == 0
            assert not Path(ready["logs"]).parent.exists()
            wait_until_gone(list(ready["pids"].values()), within_s=0.5)


class TestStartingAgain:
    async def test_brings_back_keys_ports_ledger_bank_and_database(self, tmp_path: Path) -> None:
        api, stellar, bank = free_ports(3)
        ports = ("--api-port", str(api), "--stellar-port", str(stellar), "--bank-port", str(bank))
        state = ("--state", str(tmp_path / "state"))
        first = SandboxProcess(tmp_path, *state, *ports, "--passphrase", "Kept ; 1")
        first.start()
        before = first.ready
        try:
            async with sending_anchor(before) as anchor:
                *_, last = [progress async for progress in anchor.send(SendOrder(amount="40"))]
            paid = await all_payouts(first)
        finally:
            first.stop()

        with running_sandbox(tmp_path, *state) as second:
            after = second.ready
            assert {name: after[name] for name in after if name != "pids"} == {
                name: before[name] for name in before if name != "pids"
            }
            assert await all_payouts(second) == paid
            async with sending_anchor(after) as anchor:
                assert (await anchor.receiver.remittance(last.details["id"]))["status"] == "completed"

        assert after["network_passphrase"] == "Kept ; 1"
        assert after["home_domain"] == f"localhost:{api}"
        assert (after["horizon"], after["bank"]) == (local_url(stellar), local_url(bank))

    def test_refuses_another_passphrase_for_the_same_ledger(self, tmp_path: Path) -> None:
        KeyFile(tmp_path).save(make_keys(SystemRandomness(), passphrase="Kept ; 1"))

        run = sandbox_command(tmp_path, "--state", str(tmp_path), "--passphrase", "Another ; 2")

        assert run.returncode == 2
        assert "leave --passphrase away" in run.stderr


class TestAStartThatWasKilledHalfWay:
    async def test_is_completed_by_the_next_and_nothing_is_issued_twice(self, tmp_path: Path) -> None:
        sandbox = SandboxProcess(tmp_path, "--state", str(tmp_path / "state"))
        for after_s in (0.7, 1.5, 2.5, 3.5):
            sandbox.launch()
            await asyncio.sleep(after_s)
            sandbox.stop(signal.SIGKILL)

        sandbox.start()
        try:
            ready = sandbox.ready
            async with Calls() as calls:
                state = await account_state(calls, ready["horizon"], ready["partners"][1]["public_key"])
            held = {line.get("asset_code", "native"): Decimal(line["balance"]) for line in state["balances"]}
            assert (held["EURX"], held["USDC"]) == (Decimal(10_000_000), Decimal(10_000_000))
            async with sending_anchor(ready) as anchor:
                *_, last = [progress async for progress in anchor.send(SendOrder(amount="10"))]
            assert last.details["status"] == "completed"
        finally:
            sandbox.stop()
            sandbox.remove_database()


class TestWhatAUserMayBring:
    async def test_an_anchor_file_and_a_database_of_their_own(
        self, tmp_path: Path, empty_database_url: str
    ) -> None:
        anchor_file = tmp_path / "anchor.toml"
        anchor_file.write_text(EXAMPLE_ANCHOR_FILE.read_text().replace("EURX", "EURZ"))
        environ = {"ROADSTEAD_ANCHOR_FILE": str(anchor_file), "ROADSTEAD_DATABASE_URL": empty_database_url}

        with running_sandbox(tmp_path, environ=environ) as sandbox:
            ready = sandbox.ready
            async with sending_anchor(ready) as anchor:
                *_, last = [progress async for progress in anchor.send(SendOrder(amount="10"))]

        assert last.details["status"] == "completed"
        assert [asset["code"] for asset in ready["assets"]] == ["EURZ", "USDC"]
        assert "database" not in ready["pids"]
        assert ready["database_url"] == empty_database_url


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


def free_ports(count: int) -> list[int]:
    ports: list[int] = []
    while len(ports) < count:
        ports.append(choose_free(taken=ports))
    return ports


async def all_payouts(sandbox: SandboxProcess) -> object:
    async with Calls() as calls:
        return await calls.expect("GET", f"{sandbox.ready['bank']}/payouts")
