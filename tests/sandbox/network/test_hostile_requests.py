"""Nothing a client sends may bring the server down or be answered as a mistake of the server."""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stellar_sdk import Account, Asset, Keypair, Price, TransactionBuilder

from roadstead.clock import ManualClock
from roadstead.sandbox.network.horizon.application import Horizon
from roadstead.sandbox.network.horizon.face import Face
from roadstead.sandbox.network.network import Network, Terms, root_keypair

PASSPHRASE = "Hostile Network"
SETTINGS = settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


async def status_of(method: str, path: str, query: str, content: bytes) -> int:
    network = NETWORK
    application = Horizon(Face(network, submit_timeout_s=0.0, stream_timeout_s=0.0))
    statuses: list[int] = []
    requests = [{"type": "http.request", "body": content, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if not requests:
            await asyncio.Event().wait()
        return requests.pop()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": quote(path).encode(),
        "query_string": query.encode(),
        "headers": [
            (b"host", b"127.0.0.1"),
            (b"content-type", b"application/x-www-form-urlencoded"),
        ],
        "server": ("127.0.0.1", 80),
    }
    await application(scope, receive, send)
    network.closed_listeners.clear()
    return statuses[0]


def ask(method: str, path: str, query: str = "", content: bytes = b"") -> int:
    return asyncio.run(status_of(method, path, query, content))


def begun() -> Network:
    return Network.start(Terms(passphrase=PASSPHRASE), ManualClock(datetime(2026, 1, 1, tzinfo=UTC)))


NETWORK = begun()


def envelope() -> bytes:
    root = root_keypair(PASSPHRASE)
    builder = TransactionBuilder(Account(root.public_key, 0), PASSPHRASE, 100)
    other = Keypair.from_raw_ed25519_seed(bytes(32)).public_key
    builder.append_create_account_op(other, "5").append_payment_op(other, Asset.native(), "1")
    builder.append_manage_sell_offer_op(Asset.native(), Asset("A", other), "1", Price(1, 2))
    builder.append_set_options_op(home_domain="example.org").add_text_memo("memo")
    signed = builder.add_time_bounds(0, 0).build()
    signed.sign(root)
    return signed.to_xdr_object().to_xdr_bytes()


class TestSubmissions:
    @SETTINGS
    @given(st.binary(max_size=300))
    def test_random_bytes_are_refused(self, content: bytes) -> None:
        form = urlencode({"tx": base64.b64encode(content).decode()}).encode()
        assert ask("POST", "/transactions", content=form) == 400

    @SETTINGS
    @given(st.binary(max_size=300))
    def test_random_bodies_are_refused(self, content: bytes) -> None:
        assert ask("POST", "/transactions", content=content) == 400

    @SETTINGS
    @given(st.integers(0, len(envelope()) - 1), st.integers(1, 255))
    def test_one_changed_byte_never_breaks_the_server(self, at: int, change: int) -> None:
        content = bytearray(envelope())
        content[at] ^= change
        form = urlencode({"tx": base64.b64encode(bytes(content)).decode()}).encode()
        assert ask("POST", "/transactions", content=form) in {400, 504}
        NETWORK.close()

    @pytest.mark.parametrize("length", range(0, len(envelope()), 7))
    def test_a_cut_envelope_is_refused(self, length: int) -> None:
        form = urlencode({"tx": base64.b64encode(envelope()[:length]).decode()}).encode()
        assert ask("POST", "/transactions", content=form) == 400


PATHS = [
    "/accounts",
    "/accounts/{}",
    "/accounts/{}/payments",
    "/accounts/{}/data/{}",
    "/accounts/{}/offers",
    "/assets",
    "/claimable_balances",
    "/claimable_balances/{}",
    "/effects",
    "/ledgers/{}",
    "/ledgers/{}/operations",
    "/offers",
    "/offers/{}",
    "/offers/{}/trades",
    "/operations/{}",
    "/operations/{}/effects",
    "/order_book",
    "/paths/strict-receive",
    "/paths/strict-send",
    "/payments",
    "/trade_aggregations",
    "/trades",
    "/transactions/{}",
    "/transactions/{}/effects",
    "/friendbot",
    "/{}",
]
NAMES = [
    "cursor",
    "limit",
    "order",
    "join",
    "include_failed",
    "signer",
    "asset",
    "sponsor",
    "seller",
    "selling",
    "buying",
    "claimant",
    "asset_code",
    "asset_issuer",
    "base_asset_type",
    "counter_asset_type",
    "selling_asset_type",
    "buying_asset_type",
    "destination_asset_type",
    "destination_amount",
    "source_assets",
    "source_asset_type",
    "source_amount",
    "destination_assets",
    "resolution",
    "start_time",
    "offer_id",
    "trade_type",
    "addr",
]
words = st.one_of(
    st.text(max_size=20),
    st.integers().map(str),
    st.sampled_from(
        [
            "native",
            "now",
            "-1",
            "1-1",
            "9" * 30,
            "USD:" + root_keypair(PASSPHRASE).public_key,
            root_keypair(PASSPHRASE).public_key,
            "credit_alphanum4",
            "0" * 72,
            "f" * 64,
            "60000",
        ]
    ),
)


class TestQuestions:
    @settings(SETTINGS, max_examples=400)
    @given(st.sampled_from(PATHS), st.dictionaries(st.sampled_from(NAMES), words, max_size=4), words)
    def test_no_question_is_too_strange(self, path: str, params: dict[str, str], word: str) -> None:
        text = word.replace("/", "") or "x"
        asked = urlencode(params, errors="surrogatepass")
        assert ask("GET", path.replace("{}", text), asked) < 500
