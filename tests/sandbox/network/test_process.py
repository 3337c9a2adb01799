from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from stellar_sdk import Asset, Keypair, Server, TransactionBuilder

from roadstead.sandbox.network.network import DEFAULT_PASSPHRASE

TIMEOUT_S = 20


def funded(url: str) -> Keypair:
    keypair = Keypair.random()
    answer = requests.get(f"{url}/friendbot", params={"addr": keypair.public_key}, timeout=TIMEOUT_S)
    assert answer.status_code == 200, answer.text
    return keypair


def pay(url: str, sender: Keypair, receiver: str, amount: str) -> dict[str, object]:
    with Server(url) as server:
        builder = TransactionBuilder(server.load_account(sender.public_key), DEFAULT_PASSPHRASE, 100)
        builder.append_payment_op(receiver, Asset.native(), amount)
        envelope = builder.set_timeout(60).build()
        envelope.sign(sender)
        return server.submit_transaction(envelope)


class TestSurvival:
    def test_a_killed_network_comes_back_with_the_same_ledgers_and_balances(
        self, start: Callable[..., Any], tmp_path: Path
    ) -> None:
        first = start("--state", tmp_path, "--close", "on-submit")
        alice, bob = funded(first.url), funded(first.url)
        paid = pay(first.url, alice, bob.public_key, "12.5")
        account = requests.get(f"{first.url}/accounts/{bob.public_key}", timeout=TIMEOUT_S).json()
        ledgers = requests.get(f"{first.url}/ledgers?limit=200", timeout=TIMEOUT_S).json()
        first.kill()

        second = start("--state", tmp_path, "--close", "on-submit")
        after = requests.get(f"{second.url}/ledgers?limit=200", timeout=TIMEOUT_S).json()
        hashes = [one["hash"] for one in ledgers["_embedded"]["records"]]
        assert [one["hash"] for one in after["_embedded"]["records"]] == hashes
        again = requests.get(f"{second.url}/accounts/{bob.public_key}", timeout=TIMEOUT_S).json()
        assert again["balances"] == account["balances"]
        assert again["sequence"] == account["sequence"]
        known = requests.get(f"{second.url}/transactions/{paid['hash']}", timeout=TIMEOUT_S).json()
        assert known["paging_token"] == paid["paging_token"]
        assert pay(second.url, alice, bob.public_key, "1")["successful"] is True

    def test_a_torn_last_record_is_cut_off(self, start: Callable[..., Any], tmp_path: Path) -> None:
        first = start("--state", tmp_path, "--close", "on-submit")
        alice = funded(first.url)
        first.kill()
        journal = tmp_path / "network.journal"
        journal.write_bytes(journal.read_bytes() + b"\x00\x00\x10\x00\x12\x34\x56\x78half")

        second = start("--state", tmp_path, "--close", "on-submit")
        answer = requests.get(f"{second.url}/accounts/{alice.public_key}", timeout=TIMEOUT_S)
        assert answer.status_code == 200
        assert pay(second.url, alice, funded(second.url).public_key, "1")["successful"] is True

    def test_damage_in_the_middle_stops_the_start_and_says_so(
        self, start: Callable[..., Any], tmp_path: Path
    ) -> None:
        first = start("--state", tmp_path, "--close", "on-submit")
        funded(first.url)
        first.kill()
        journal = tmp_path / "network.journal"
        content = bytearray(journal.read_bytes())
        content[60] ^= 0xFF
        journal.write_bytes(content)

        command = [sys.executable, "-m", "roadstead.sandbox.network", "--port", "0"]
        ended = subprocess.run(
            [*command, "--state", tmp_path], capture_output=True, timeout=TIMEOUT_S, check=False
        )
        assert ended.returncode == 2
        assert b"cannot be read at byte" in ended.stderr

    def test_another_passphrase_does_not_open_the_folder(
        self, start: Callable[..., Any], tmp_path: Path
    ) -> None:
        start("--state", tmp_path, "--close", "manual").kill()
        command = [sys.executable, "-m", "roadstead.sandbox.network", "--port", "0"]
        ended = subprocess.run(
            [*command, "--state", tmp_path, "--passphrase", "Another Network"],
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert ended.returncode == 2
        assert b"belongs to the network" in ended.stderr


class TestEnding:
    def test_termination_ends_open_streams_politely(self, start: Callable[..., Any]) -> None:
        server = start()
        url = f"{server.url}/ledgers?cursor=now&limit=200"
        with requests.get(
            url, headers={"Accept": "text/event-stream"}, stream=True, timeout=TIMEOUT_S
        ) as stream:
            lines = stream.iter_lines()
            assert next(lines) == b"retry: 1000"
            assert server.stop() == 0
            assert b'data: "byebye"' in list(lines)

    def test_it_ends_when_its_parent_is_gone(self) -> None:
        reading, writing = os.pipe()
        command = [sys.executable, "-m", "roadstead.sandbox.network", "--port", "0"]
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            pass_fds=[reading],
            env={**os.environ, "ROADSTEAD_LIFELINE_FD": str(reading)},
        )
        os.close(reading)
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"listening ")
        os.close(writing)
        assert process.wait(timeout=TIMEOUT_S) == 1
        process.stdout.close()


class TestClosing:
    def test_ledgers_close_by_themselves_every_second(self, start: Callable[..., Any]) -> None:
        server = start("--close", "auto:0.2")
        deadline = time.monotonic() + TIMEOUT_S
        latest = 0
        while latest < 6 and time.monotonic() < deadline:
            latest = requests.get(server.url, timeout=TIMEOUT_S).json()["history_latest_ledger"]
            time.sleep(0.1)
        assert latest >= 6
