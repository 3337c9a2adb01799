from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import requests
from stellar_sdk import (
    Asset,
    Keypair,
    MuxedAccount,
    Server,
    TransactionBuilder,
    TransactionEnvelope,
)
from stellar_sdk.client.base_async_client import BaseAsyncClient
from stellar_sdk.client.response import Response
from stellar_sdk.exceptions import BadRequestError, NotFoundError
from stellar_sdk.server_async import ServerAsync

from roadstead.sandbox.network.network import DEFAULT_PASSPHRASE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator


TIMEOUT_S = 20


@pytest.fixture
def url(shared_server: Any) -> str:
    return str(shared_server.url)


@pytest.fixture
def server(url: str) -> Iterator[Server]:
    with Server(url) as client:
        yield client


def funded(url: str) -> Keypair:
    keypair = Keypair.random()
    answer = requests.post(f"{url}/friendbot", data={"addr": keypair.public_key}, timeout=TIMEOUT_S)
    assert answer.status_code == 200, answer.text
    return keypair


def payment(
    server: Server, sender: Keypair, receiver: str | MuxedAccount, asset: Asset, amount: str
) -> TransactionEnvelope:
    builder = TransactionBuilder(server.load_account(sender.public_key), DEFAULT_PASSPHRASE, 100)
    builder.append_payment_op(receiver, asset, amount).add_text_memo("rent")
    envelope = builder.set_timeout(60).build()
    envelope.sign(sender)
    return envelope


class TestTheSynchronousClient:
    def test_it_loads_accounts_pays_and_reads_back(self, server: Server, url: str) -> None:
        alice, bob = funded(url), funded(url)
        assert server.fetch_base_fee() == 100
        envelope = payment(server, alice, bob.public_key, Asset.native(), "2.5")
        answer = server.submit_transaction(envelope)
        assert answer["successful"] is True
        assert answer["memo"] == "rent"
        page = server.payments().for_account(bob.public_key).order(desc=True).join("transactions")
        newest = page.call()["_embedded"]["records"][0]
        assert newest["amount"] == "2.5000000"
        assert newest["transaction"]["hash"] == answer["hash"]

    def test_an_issued_asset_needs_a_trust_line(self, server: Server, url: str) -> None:
        issuer, holder = funded(url), funded(url)
        usd = Asset("USD", issuer.public_key)
        with pytest.raises(BadRequestError) as refusal:
            server.submit_transaction(payment(server, issuer, holder.public_key, usd, "7"))
        codes = (refusal.value.extras or {})["result_codes"]
        assert codes == {"transaction": "tx_failed", "operations": ["op_no_trust"]}

        builder = TransactionBuilder(server.load_account(holder.public_key), DEFAULT_PASSPHRASE, 100)
        trust = builder.append_change_trust_op(usd, "100").set_timeout(60).build()
        trust.sign(holder)
        server.submit_transaction(trust)
        server.submit_transaction(payment(server, issuer, holder.public_key, usd, "7"))
        balances = server.accounts().account_id(holder.public_key).call()["balances"]
        assert balances[0]["balance"] == "7.0000000"
        assert balances[0]["asset_code"] == "USD"

    def test_a_known_transaction_is_answered_again(self, server: Server, url: str) -> None:
        alice, bob = funded(url), funded(url)
        envelope = payment(server, alice, bob.public_key, Asset.native(), "1")
        first = server.submit_transaction(envelope)
        assert server.submit_transaction(envelope) == first

    def test_muxed_addresses_come_back(self, server: Server, url: str) -> None:
        alice, bob = funded(url), funded(url)
        to = MuxedAccount(bob.public_key, 4711)
        answer = server.submit_transaction(payment(server, alice, to, Asset.native(), "1"))
        records = server.operations().for_transaction(str(answer["hash"])).call()["_embedded"]
        assert records["records"][0]["to"] == bob.public_key
        assert records["records"][0]["to_muxed_id"] == "4711"
        assert records["records"][0]["to_muxed"] == to.account_muxed

    def test_pages_follow_each_other_without_gap_or_overlap(self, server: Server, url: str) -> None:
        alice, bob = funded(url), funded(url)
        for amount in ("1", "2", "3"):
            server.submit_transaction(payment(server, alice, bob.public_key, Asset.native(), amount))
        call = server.payments().for_account(bob.public_key).limit(2)
        seen = [one["id"] for one in call.call()["_embedded"]["records"]]
        seen += [one["id"] for one in call.next()["_embedded"]["records"]]
        assert len(seen) == len(set(seen)) == 4
        assert seen == sorted(seen, key=int)

    def test_a_stream_delivers_a_payment_that_comes_later(self, server: Server, url: str) -> None:
        alice, bob = funded(url), funded(url)
        got: list[dict[str, object]] = []
        seen = threading.Event()

        def listen() -> None:
            with Server(url) as client:
                stream = client.payments().for_account(bob.public_key).cursor("now").stream()
                for event in stream:
                    got.append(event)
                    seen.set()
                    return

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        for _ in range(20):
            server.submit_transaction(payment(server, alice, bob.public_key, Asset.native(), "3"))
            if seen.wait(0.5):
                break
        assert seen.is_set()
        assert got[0]["amount"] == "3.0000000"
        listener.join(timeout=TIMEOUT_S)

    def test_an_unknown_account_is_not_found(self, server: Server) -> None:
        with pytest.raises(NotFoundError):
            server.load_account(Keypair.random().public_key)


class AsyncClient(BaseAsyncClient):
    """HTTP for the SDK's asynchronous server, without the SDK's optional packages."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))

    async def get(
        self, url: str, params: dict[str, str] | None = None, max_content_size: int | None = None
    ) -> Response:
        async with self._session.get(url, params=params) as answer:
            text = await answer.text()
            return Response(answer.status, text, dict(answer.headers), str(answer.url))

    async def post(
        self, url: str, data: dict[str, str] | None = None, json_data: dict[str, Any] | None = None
    ) -> Response:
        async with self._session.post(url, data=data, json=json_data) as answer:
            text = await answer.text()
            return Response(answer.status, text, dict(answer.headers), str(answer.url))

    async def stream(
        self, url: str, params: dict[str, str] | None = None
    ) -> AsyncGenerator[dict[str, Any], None]:
        headers = {"Accept": "text/event-stream"}
        async with self._session.get(url, params=params, headers=headers) as answer:
            async for line in answer.content:
                if line.startswith(b"data: {"):
                    yield json.loads(line.removeprefix(b"data: "))

    async def close(self) -> None:
        await self._session.close()


class TestTheAsynchronousClient:
    async def test_it_pays_and_listens(self, url: str) -> None:
        alice, bob = funded(url), funded(url)
        async with ServerAsync(url, AsyncClient()) as server:
            assert await server.fetch_base_fee() == 100
            account = await server.load_account(alice.public_key)
            builder = TransactionBuilder(account, DEFAULT_PASSPHRASE, 100)
            builder.append_payment_op(bob.public_key, Asset.native(), "5")
            envelope = builder.set_timeout(60).build()
            envelope.sign(alice)
            answer = await server.submit_transaction(envelope)
            assert answer["successful"] is True
            heard = server.payments().for_account(bob.public_key).cursor("0").stream()
            assert (await anext(heard))["type"] == "create_account"
            assert (await anext(heard))["amount"] == "5.0000000"
            await heard.aclose()


class TestHostileInput:
    @pytest.mark.parametrize(
        "text",
        ["", "AAAA", "%%%%", "A" * 1000, json.dumps({"a": 1}), "////////////////////////////////"],
    )
    def test_what_is_no_transaction_is_malformed(self, url: str, text: str) -> None:
        answer = requests.post(f"{url}/transactions", data={"tx": text}, timeout=TIMEOUT_S)
        assert answer.status_code == 400
        assert answer.headers["Content-Type"] == "application/problem+json; charset=utf-8"
        assert answer.json()["type"].endswith("transaction_malformed")

    def test_a_giant_body_is_refused(self, url: str) -> None:
        answer = requests.post(f"{url}/transactions", data={"tx": "A" * 3_000_000}, timeout=TIMEOUT_S)
        assert answer.status_code == 413

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("cursor=foo", "cursor"),
            ("cursor=-5", "cursor"),
            ("cursor=99999999999999999999999", "cursor"),
            ("limit=0", "limit"),
            ("limit=201", "limit"),
            ("limit=x", "limit"),
            ("order=up", "order"),
            ("join=all", "join"),
            ("include_failed=perhaps", "include_failed"),
        ],
    )
    def test_a_bad_parameter_is_named(self, url: str, query: str, field: str) -> None:
        answer = requests.get(f"{url}/payments?{query}", timeout=TIMEOUT_S)
        assert answer.status_code == 400
        assert answer.json()["extras"]["invalid_field"] == field
