from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest
import requests
from stellar_sdk import (
    Account,
    Asset,
    Keypair,
    Server,
    TransactionBuilder,
    TransactionEnvelope,
)

from roadstead.sandbox.network.network import DEFAULT_PASSPHRASE

TIMEOUT_S = 20


@pytest.fixture
def url(start: Callable[..., Any]) -> str:
    return str(start("--close", "on-submit").url)


def stage(url: str, what: str, **asked: Any) -> dict[str, Any]:
    answer = requests.post(f"{url}/sandbox/{what}", json=asked, timeout=TIMEOUT_S)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def funded(url: str) -> Keypair:
    keypair = Keypair.random()
    answer = requests.get(f"{url}/friendbot", params={"addr": keypair.public_key}, timeout=TIMEOUT_S)
    assert answer.status_code == 200, answer.text
    return keypair


def signed(url: str, sender: Keypair, receiver: str, amount: str) -> dict[str, str]:
    with Server(url) as server:
        builder = TransactionBuilder(server.load_account(sender.public_key), DEFAULT_PASSPHRASE, 100)
    envelope = builder.append_payment_op(receiver, Asset.native(), amount).set_timeout(90).build()
    envelope.sign(sender)
    return {"tx": envelope.to_xdr()}


def submit(url: str, form: dict[str, str]) -> requests.Response:
    return requests.post(f"{url}/transactions", data=form, timeout=TIMEOUT_S)


def frames(url: str, path: str, count: int) -> list[str]:
    """So many events of a stream, or fewer where it ends before."""
    found: list[str] = []
    with requests.get(
        f"{url}{path}", headers={"Accept": "text/event-stream"}, stream=True, timeout=TIMEOUT_S
    ) as answer:
        try:
            for line in answer.iter_lines():
                if line.startswith(b"id: "):
                    found.append(line.decode().removeprefix("id: "))
                    if len(found) == count:
                        break
        except requests.exceptions.ChunkedEncodingError:
            found.append("broken off")
    return found


class TestTime:
    def test_ledgers_close_on_demand(self, url: str) -> None:
        before = stage(url, "ledgers")["latest_ledger"]
        assert stage(url, "ledgers", count=3)["latest_ledger"] == before + 3

    def test_the_clock_jumps_and_expires_a_transaction(self, url: str) -> None:
        alice, bob = funded(url), funded(url)
        form = signed(url, alice, bob.public_key, "1")
        stage(url, "clock", advance_s=3600)
        answer = submit(url, form)
        assert answer.json()["extras"]["result_codes"] == {"transaction": "tx_too_late"}

    def test_a_transaction_that_expired_while_it_waited_is_left_out(self, url: str) -> None:
        alice, bob = funded(url), funded(url)
        stage(url, "closing", paused=True)
        form = signed(url, alice, bob.public_key, "1")
        answer = requests.post(f"{url}/transactions_async", data=form, timeout=TIMEOUT_S).json()
        stage(url, "clock", advance_s=3600)
        assert stage(url, "ledgers")["waiting_transactions"] == 0
        found = requests.get(f"{url}/transactions/{answer['hash']}", timeout=TIMEOUT_S)
        assert found.status_code == 404
        codes = submit(url, form).json()["extras"]["result_codes"]
        assert codes == {"transaction": "tx_too_late"}

    def test_closing_stops_and_resumes(self, url: str) -> None:
        alice, bob = funded(url), funded(url)
        stage(url, "closing", paused=True)
        form = signed(url, alice, bob.public_key, "1")
        answer = requests.post(f"{url}/transactions_async", data=form, timeout=TIMEOUT_S)
        assert (answer.status_code, answer.json()["tx_status"]) == (201, "PENDING")
        again = requests.post(f"{url}/transactions_async", data=form, timeout=TIMEOUT_S)
        assert (again.status_code, again.json()["tx_status"]) == (409, "DUPLICATE")
        assert stage(url, "closing", paused=False)["waiting_transactions"] == 1
        assert submit(url, form).status_code == 200


class TestFailures:
    @pytest.mark.parametrize("status", [429, 503, 504])
    def test_it_fails_as_often_as_asked(self, url: str, status: int) -> None:
        stage(url, "failures", status=status, requests=2)
        seen = [requests.get(f"{url}/ledgers", timeout=TIMEOUT_S).status_code for _ in range(3)]
        assert seen == [status, status, 200]

    def test_only_one_path_fails_until_it_is_ended(self, url: str) -> None:
        stage(url, "failures", status=503, path="/payments", seconds=600)
        assert requests.get(f"{url}/payments", timeout=TIMEOUT_S).status_code == 503
        assert requests.get(f"{url}/ledgers", timeout=TIMEOUT_S).status_code == 200
        requests.delete(f"{url}/sandbox/failures", timeout=TIMEOUT_S)
        assert requests.get(f"{url}/payments", timeout=TIMEOUT_S).status_code == 200

    def test_a_lost_answer_is_found_by_submitting_again(self, url: str) -> None:
        alice, bob = funded(url), funded(url)
        form = signed(url, alice, bob.public_key, "1")
        stage(url, "lost-answers", count=1)
        assert submit(url, form).status_code == 504
        assert submit(url, form).json()["successful"] is True
        page = requests.get(f"{url}/accounts/{bob.public_key}/payments", timeout=TIMEOUT_S).json()
        assert len(page["_embedded"]["records"]) == 2

    def test_a_stream_breaks_off(self, url: str) -> None:
        stage(url, "ledgers", count=5)
        stage(url, "streams", drop_after=2, streams=1)
        first = frames(url, "/ledgers?cursor=0", 4)
        assert first[2:] == ["broken off"]
        assert len(frames(url, "/ledgers?cursor=0", 4)) == 4

    def test_events_come_twice_or_not_at_all(self, url: str) -> None:
        stage(url, "ledgers", count=5)
        stage(url, "streams", duplicate=1)
        twice = frames(url, "/ledgers?cursor=0", 3)
        assert twice[0] == twice[1] != twice[2]
        stage(url, "streams", skip=1)
        assert frames(url, "/ledgers?cursor=0", 1) == [twice[2]]

    def test_history_lags_and_catches_up(self, url: str) -> None:
        stage(url, "lag", frozen=True)
        before = requests.get(url, timeout=TIMEOUT_S).json()["history_latest_ledger"]
        stage(url, "ledgers", count=4)
        root = requests.get(url, timeout=TIMEOUT_S).json()
        assert root["history_latest_ledger"] == before
        assert root["core_latest_ledger"] == before + 4
        stage(url, "lag")
        assert requests.get(url, timeout=TIMEOUT_S).json()["history_latest_ledger"] == before + 4

    def test_a_reset_begins_anew(self, url: str) -> None:
        alice = funded(url)
        assert stage(url, "reset")["latest_ledger"] == 2
        answer = requests.get(f"{url}/accounts/{alice.public_key}", timeout=TIMEOUT_S)
        assert answer.status_code == 404

    def test_what_the_stage_cannot_do_is_said(self, url: str) -> None:
        answer = requests.post(f"{url}/sandbox/failures", json={"status": 7}, timeout=TIMEOUT_S)
        assert answer.status_code == 400
        assert "status" in answer.json()["detail"]


class TestAcceptedTransactions:
    def test_what_was_answered_as_pending_survives_the_death_of_the_process(
        self, start: Callable[..., Any], tmp_path: Path
    ) -> None:
        first = start("--state", tmp_path, "--close", "on-submit")
        alice, bob = funded(first.url), funded(first.url)
        stage(first.url, "closing", paused=True)
        form = signed(first.url, alice, bob.public_key, "1")
        answer = requests.post(f"{first.url}/transactions_async", data=form, timeout=TIMEOUT_S)
        assert answer.json()["tx_status"] == "PENDING"
        first.kill()
        second = start("--state", tmp_path, "--close", "manual")
        stage(second.url, "ledgers")
        found = requests.get(f"{second.url}/transactions/{answer.json()['hash']}", timeout=TIMEOUT_S)
        assert found.json()["successful"] is True


class TestEncryption:
    def test_https_is_trusted_through_the_authority_in_the_state_folder(
        self, start: Callable[..., Any], tmp_path: Path
    ) -> None:
        server = start("--state", tmp_path, "--close", "manual", "--tls")
        assert server.url.startswith("https://")
        context = ssl.create_default_context(cafile=str(tmp_path / "authority.pem"))
        host, _, port = server.url.removeprefix("https://").partition(":")
        connection = HTTPSConnection(host, int(port), timeout=TIMEOUT_S, context=context)
        connection.request("GET", "/")
        root = json.load(connection.getresponse())
        connection.close()
        assert root["network_passphrase"] == DEFAULT_PASSPHRASE
        assert (tmp_path / "server-key.pem").stat().st_mode & 0o077 == 0


class TestTheQueue:
    def test_one_waiting_transaction_per_account_where_asked(self, start: Callable[..., Any]) -> None:
        url = start("--close", "on-submit", "--queue", "one").url
        alice, bob = funded(url), funded(url)
        with Server(url) as server:
            account = server.load_account(alice.public_key)
        stage(url, "closing", paused=True)
        seen = []
        for _ in range(2):
            builder = TransactionBuilder(account, DEFAULT_PASSPHRASE, 100)
            builder.append_payment_op(bob.public_key, Asset.native(), "1")
            envelope = builder.set_timeout(90).build()
            envelope.sign(alice)
            answer = requests.post(
                f"{url}/transactions_async", data={"tx": envelope.to_xdr()}, timeout=TIMEOUT_S
            )
            seen.append((answer.status_code, answer.json()["tx_status"]))
        assert seen == [(201, "PENDING"), (503, "TRY_AGAIN_LATER")]

    def test_friendbot_serves_many_at_once_whatever_the_queue(self, start: Callable[..., Any]) -> None:
        url = start("--close", "auto:0.3", "--queue", "one").url
        with ThreadPoolExecutor(max_workers=8) as pool:
            assert len({one.public_key for one in pool.map(funded, [url] * 8)}) == 8

    def test_a_chain_of_one_account_enters_one_ledger(self, start: Callable[..., Any]) -> None:
        url = start("--close", "manual").url
        root = Keypair.from_raw_ed25519_seed(_root_seed())
        with Server(url) as server:
            account = server.load_account(root.public_key)
        forms = []
        for _ in range(3):
            builder = TransactionBuilder(account, DEFAULT_PASSPHRASE, 100)
            envelope = builder.append_bump_sequence_op(0).set_timeout(90).build()
            envelope.sign(root)
            forms.append({"tx": envelope.to_xdr()})
        for form in forms:
            requests.post(f"{url}/transactions_async", data=form, timeout=TIMEOUT_S)
        ledger = stage(url, "ledgers")["latest_ledger"]
        found = requests.get(f"{url}/ledgers/{ledger}", timeout=TIMEOUT_S).json()
        assert found["successful_transaction_count"] == 3

    def test_a_waiting_transaction_gives_way_to_ten_times_its_fee(self, start: Callable[..., Any]) -> None:
        url = start("--close", "on-submit", "--submit-timeout", "1").url
        alice, bob = funded(url), funded(url)
        with Server(url) as server:
            account = server.load_account(alice.public_key)
        stage(url, "closing", paused=True)
        plain = _payment(account, alice, bob.public_key, "1")
        other = _payment(account, alice, bob.public_key, "2")
        answer = requests.post(f"{url}/transactions_async", data={"tx": plain.to_xdr()}, timeout=TIMEOUT_S)
        assert answer.json()["tx_status"] == "PENDING"

        def bumped(fee: int) -> dict[str, str]:
            bump = TransactionBuilder.build_fee_bump_transaction(bob, fee, other, DEFAULT_PASSPHRASE)
            bump.sign(bob)
            return {"tx": bump.to_xdr()}

        too_little = submit(url, bumped(500))
        codes = too_little.json()["extras"]["result_codes"]
        assert codes == {"transaction": "tx_insufficient_fee"}
        assert submit(url, bumped(1000)).status_code == 504
        stage(url, "ledgers")
        assert submit(url, bumped(1000)).json()["successful"] is True
        assert submit(url, {"tx": plain.to_xdr()}).json()["extras"]["result_codes"] == {
            "transaction": "tx_bad_seq"
        }


def _payment(account: Account, sender: Keypair, receiver: str, amount: str) -> TransactionEnvelope:
    copy = Account(account.account, account.sequence)
    builder = TransactionBuilder(copy, DEFAULT_PASSPHRASE, 100)
    envelope = builder.append_payment_op(receiver, Asset.native(), amount).set_timeout(90).build()
    envelope.sign(sender)
    return envelope


def _root_seed() -> bytes:
    return sha256(DEFAULT_PASSPHRASE.encode()).digest()
