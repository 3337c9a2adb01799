"""The sending anchor's conversation with a receiving anchor, against a small anchor that answers as it is told."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from stellar_sdk import Keypair, Network
from stellar_sdk.sep.stellar_web_authentication import build_challenge_transaction

from roadstead.config.anchor import CustomerRole
from roadstead.config.secrets import Secret
from roadstead.errors import BadInput, Unavailable
from roadstead.sandbox.calls import Calls, Refused
from roadstead.sandbox.completing import Customers, open_completing
from roadstead.sandbox.page import base_url, read_page
from roadstead.sandbox.progress import Step
from roadstead.sandbox.receiver import Offer, Opened, Receiver
from roadstead.sandbox.sender import SendingAnchor, StillOnTheWay

PASSPHRASE = Network.TESTNET_NETWORK_PASSPHRASE
PARTNER = Keypair.random()

Answer = Callable[[dict[str, Any]], tuple[int, Any]]


@dataclass
class SmallAnchor:
    """Answers each path from a queue of answers, the last of which stays."""

    key: Keypair = field(default_factory=Keypair.random)
    answers: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)
    heard: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    toml: str | None = None
    port: int = 0
    tokens: int = 0
    token_lasts_s: float = 3600.0
    challenge_for: str = ""

    @property
    def home_domain(self) -> str:
        return f"localhost:{self.port}"

    def page(self) -> str:
        base = f"http://{self.home_domain}"
        return (
            f'NETWORK_PASSPHRASE = "{PASSPHRASE}"\nSIGNING_KEY = "{self.key.public_key}"\n'
            f'WEB_AUTH_ENDPOINT = "{base}/auth"\nKYC_SERVER = "{base}/kyc"\nDIRECT_PAYMENT_SERVER = "{base}/sep31"\n'
        )

    async def handle(self, request: web.Request) -> web.Response:
        if request.path == "/.well-known/stellar.toml":
            return web.Response(text=self.toml if self.toml is not None else self.page())
        route = f"{request.method} {request.path}"
        if route in {"GET /auth", "POST /auth"} and route not in self.answers:
            return self.authenticate(request.method)
        text = (await request.read()).decode(errors="replace")
        self.heard.append((route, dict(request.query), text))
        queue = self.answers[route]
        status, body = queue.pop(0) if len(queue) > 1 else queue[0]
        return web.json_response(body, status=status)

    def authenticate(self, method: str) -> web.Response:
        if method == "GET":
            domain = self.challenge_for or self.home_domain
            challenge = build_challenge_transaction(
                self.key.secret, PARTNER.public_key, domain, self.home_domain, PASSPHRASE
            )
            return web.json_response({"transaction": challenge})
        self.tokens += 1
        claims = base64.urlsafe_b64encode(json.dumps({"exp": time.time() + self.token_lasts_s}).encode())
        return web.json_response({"token": f"e30.{claims.decode().rstrip('=')}.{self.tokens}"})

    def bodies(self, route: str) -> list[Any]:
        return [json.loads(text) for heard, _, text in self.heard if heard == route]


@pytest.fixture
async def anchor() -> AsyncIterator[SmallAnchor]:
    small = SmallAnchor()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", small.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    small.port = runner.addresses[0][1]
    yield small
    await runner.cleanup()


@pytest.fixture
async def calls() -> AsyncIterator[Calls]:
    async with Calls(patience_s=1.0) as open_calls:
        yield open_calls


async def receiver_of(anchor: SmallAnchor, calls: Calls) -> Receiver:
    page = await read_page(calls, anchor.home_domain)
    return Receiver(calls, page, seed=PARTNER.secret, network_passphrase=PASSPHRASE)


def needs(**fields: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    return 200, {"status": "NEEDS_INFO", "fields": fields}


NAME = {"type": "string", "description": "Given name"}
EMAIL = {"type": "string", "description": "Email", "optional": True}
PHOTO = {"type": "binary", "description": "Photo"}
ACCEPTED = (200, {"id": "c1", "status": "ACCEPTED"})
TAKEN = (202, {"id": "c1"})


class TestFindingAnAnchor:
    def test_uses_https_but_on_this_machine(self) -> None:
        assert base_url("anchor.example") == "https://anchor.example"
        assert base_url("localhost:8080") == "http://localhost:8080"

    async def test_names_the_entry_that_is_missing(self, anchor: SmallAnchor, calls: Calls) -> None:
        anchor.toml = anchor.page().replace("DIRECT_PAYMENT_SERVER", "OTHER")

        with pytest.raises(BadInput, match=r"does not name DIRECT_PAYMENT_SERVER.*SEP-31"):
            await read_page(calls, anchor.home_domain)

    @pytest.mark.parametrize(
        ("toml", "complaint"),
        [
            ("<html>", "is not a TOML file"),
            ("A = 1 #" + "x" * 100_001, "longer than"),
            (
                'SIGNING_KEY = "GABC"\nWEB_AUTH_ENDPOINT = "a"\nKYC_SERVER = "a"\nDIRECT_PAYMENT_SERVER = "a"',
                "SIGNING_KEY",
            ),
        ],
    )
    async def test_refuses_a_page_that_cannot_be_used(
        self, anchor: SmallAnchor, calls: Calls, toml: str, complaint: str
    ) -> None:
        anchor.toml = toml

        with pytest.raises(BadInput, match=complaint):
            await read_page(calls, anchor.home_domain)

    async def test_says_when_nobody_is_there(self, calls: Calls) -> None:
        with pytest.raises(Unavailable, match="got no answer"):
            await read_page(calls, "localhost:1")


class TestAuthentication:
    async def test_asks_for_one_token_and_uses_it_until_it_is_about_to_expire(
        self, anchor: SmallAnchor, calls: Calls
    ) -> None:
        receiver = await receiver_of(anchor, calls)

        await receiver.authenticate()
        await receiver.authenticate()
        assert anchor.tokens == 1

        anchor.token_lasts_s = 30
        short = await receiver_of(anchor, calls)
        await short.authenticate()
        await short.authenticate()
        assert anchor.tokens == 3

    async def test_does_not_sign_a_challenge_made_for_another_domain(
        self, anchor: SmallAnchor, calls: Calls
    ) -> None:
        anchor.challenge_for = "bank.example"

        with pytest.raises(BadInput, match="was not signed"):
            await (await receiver_of(anchor, calls)).authenticate()

        assert anchor.tokens == 0

    @pytest.mark.parametrize("challenge", [None, 5, "", "AAAA", "not base64"])
    async def test_does_not_sign_what_is_no_transaction(
        self, anchor: SmallAnchor, calls: Calls, challenge: object
    ) -> None:
        anchor.answers["GET /auth"] = [(200, {"transaction": challenge})]

        with pytest.raises(BadInput, match="was not signed"):
            await (await receiver_of(anchor, calls)).authenticate()


class TestRegisteringACustomer:
    async def test_invents_what_is_required_and_not_given(self, anchor: SmallAnchor, calls: Calls) -> None:
        anchor.answers["GET /kyc/customer"] = [
            needs(first_name=NAME, last_name=NAME, email_address=EMAIL),
            ACCEPTED,
        ]
        anchor.answers["PUT /kyc/customer"] = [TAKEN]

        customer = await (await receiver_of(anchor, calls)).register(
            CustomerRole.SENDER, customer_type="person", given={"first_name": "Ada"}, may_invent=True
        )

        (sent,) = anchor.bodies("PUT /kyc/customer")
        assert customer == "c1"
        assert sent["first_name"] == "Ada"
        assert sent["last_name"]
        assert "email_address" not in sent
        assert sent["type"] == "person"
        assert sent["memo_type"] == "id"

    async def test_names_what_is_missing_where_nothing_may_be_invented(
        self, anchor: SmallAnchor, calls: Calls
    ) -> None:
        anchor.answers["GET /kyc/customer"] = [needs(first_name=NAME, last_name=NAME)]

        with pytest.raises(BadInput, match="The sender lacks last_name: give each with --sender"):
            await (await receiver_of(anchor, calls)).register(
                CustomerRole.SENDER, customer_type=None, given={"first_name": "Ada"}, may_invent=False
            )

    async def test_adds_what_is_asked_for_only_after_the_first_answer(
        self, anchor: SmallAnchor, calls: Calls
    ) -> None:
        anchor.answers["GET /kyc/customer"] = [needs(first_name=NAME), needs(last_name=NAME), ACCEPTED]
        anchor.answers["PUT /kyc/customer"] = [TAKEN]

        await (await receiver_of(anchor, calls)).register(
            CustomerRole.RECEIVER, customer_type=None, given={}, may_invent=True
        )

        first, second = anchor.bodies("PUT /kyc/customer")
        assert "last_name" not in first
        assert second["last_name"]
        assert first["memo"] == second["memo"]

    async def test_sends_documents_behind_everything_else(self, anchor: SmallAnchor, calls: Calls) -> None:
        anchor.answers["GET /kyc/customer"] = [needs(photo_id_front=PHOTO, last_name=NAME), ACCEPTED]
        anchor.answers["PUT /kyc/customer"] = [TAKEN]

        await (await receiver_of(anchor, calls)).register(
            CustomerRole.SENDER, customer_type=None, given={}, may_invent=True
        )

        (form,) = [text for route, _, text in anchor.heard if route == "PUT /kyc/customer"]
        assert form.index("last_name") < form.index("photo_id_front")
        assert "PNG" in form

    async def test_waits_while_the_anchor_examines(self, anchor: SmallAnchor, calls: Calls) -> None:
        anchor.answers["GET /kyc/customer"] = [
            needs(first_name=NAME),
            (200, {"status": "PROCESSING"}),
            ACCEPTED,
        ]
        anchor.answers["PUT /kyc/customer"] = [TAKEN]

        assert (
            await (await receiver_of(anchor, calls)).register(
                CustomerRole.SENDER, customer_type=None, given={}, may_invent=True
            )
            == "c1"
        )

    async def test_tells_why_a_customer_was_rejected(self, anchor: SmallAnchor, calls: Calls) -> None:
        anchor.answers["GET /kyc/customer"] = [
            needs(first_name=NAME),
            (200, {"status": "REJECTED", "message": "The person is on a list."}),
        ]
        anchor.answers["PUT /kyc/customer"] = [TAKEN]

        with pytest.raises(BadInput, match="The person is on a list"):
            await (await receiver_of(anchor, calls)).register(
                CustomerRole.SENDER, customer_type=None, given={}, may_invent=True
            )

    async def test_tells_which_field_was_not_good(self, anchor: SmallAnchor, calls: Calls) -> None:
        anchor.answers["GET /kyc/customer"] = [needs(first_name=NAME | {"error": "too short"})]
        anchor.answers["PUT /kyc/customer"] = [TAKEN]

        with pytest.raises(BadInput, match=r"first_name \(too short\)"):
            await (await receiver_of(anchor, calls)).register(
                CustomerRole.SENDER, customer_type=None, given={"first_name": "A"}, may_invent=True
            )


INSTRUCTIONS = {"stellar_account_id": PARTNER.public_key, "stellar_memo_type": "id", "stellar_memo": "17"}


class TestOpeningARemittance:
    async def test_repeats_the_call_while_the_anchor_is_away(self, anchor: SmallAnchor, calls: Calls) -> None:
        anchor.answers["POST /sep31/transactions"] = [
            (503, {"error": "later"}),
            (201, {"id": "r1", **INSTRUCTIONS}),
        ]

        opened = await (await receiver_of(anchor, calls)).open({"amount": 1})

        assert (opened.id, opened.memo_type, opened.memo) == ("r1", "id", "17")

    async def test_waits_for_account_and_memo_that_come_later(
        self, anchor: SmallAnchor, calls: Calls
    ) -> None:
        anchor.answers["POST /sep31/transactions"] = [(201, {"id": "r1"})]
        anchor.answers["GET /sep31/transactions/r1"] = [
            (200, {"transaction": {"id": "r1", "status": "pending_receiver"}}),
            (200, {"transaction": {"id": "r1", "status": "pending_sender", **INSTRUCTIONS}}),
        ]

        assert (await (await receiver_of(anchor, calls)).open({"amount": 1})).memo == "17"

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ({"error": "The amount is below 1 EURX."}, r"400: The amount is below 1 EURX\."),
            ({"error": "customer_info_needed", "type": "person"}, r"customer_info_needed \(type person\)"),
        ],
    )
    async def test_tells_the_anchors_own_reason(
        self, anchor: SmallAnchor, calls: Calls, body: dict[str, str], said: str
    ) -> None:
        anchor.answers["POST /sep31/transactions"] = [(400, body)]

        with pytest.raises(Refused, match=said) as refused:
            await (await receiver_of(anchor, calls)).open({"amount": 1})

        assert refused.value.status == 400


class TestAnAnchorThatWantsToKnowMore:
    OFFER = Offer(
        asset_code="EURX",
        funding_methods=("SEPA",),
        sender_types=("person", "large-person"),
        receiver_types=("payee",),
        quotes_required=False,
    )
    INFO_NEEDED = (400, {"error": "customer_info_needed", "type": "large-person"})

    async def opened(self, anchor: SmallAnchor, calls: Calls, customers: Customers) -> Opened:
        receiver = await receiver_of(anchor, calls)
        return await open_completing(
            receiver,
            self.OFFER,
            customers,
            lambda known: receiver.open({"amount": 5000, "sender_id": known[CustomerRole.SENDER]}),
            given={},
            may_invent=True,
        )

    async def test_gets_it_and_the_remittance_is_opened_again(
        self, anchor: SmallAnchor, calls: Calls
    ) -> None:
        anchor.answers["POST /sep31/transactions"] = [self.INFO_NEEDED, (201, {"id": "r1", **INSTRUCTIONS})]
        anchor.answers["GET /kyc/customer"] = [needs(birth_date=NAME), ACCEPTED]
        anchor.answers["PUT /kyc/customer"] = [TAKEN]

        assert (await self.opened(anchor, calls, {CustomerRole.SENDER: "c1"})).id == "r1"

        (sent,) = anchor.bodies("PUT /kyc/customer")
        assert (sent["id"], sent["type"], sent["birth_date"]) == ("c1", "large-person", "1985-03-14")

    async def test_gets_a_customer_that_it_did_not_know(self, anchor: SmallAnchor, calls: Calls) -> None:
        anchor.answers["POST /sep31/transactions"] = [self.INFO_NEEDED, (201, {"id": "r1", **INSTRUCTIONS})]
        anchor.answers["GET /kyc/customer"] = [needs(birth_date=NAME), ACCEPTED]
        anchor.answers["PUT /kyc/customer"] = [TAKEN]

        await self.opened(anchor, calls, {CustomerRole.SENDER: None})

        assert [body["sender_id"] for body in anchor.bodies("POST /sep31/transactions")] == [None, "c1"]

    @pytest.mark.parametrize(
        "answer", [(400, {"error": "customer_info_needed", "type": "pope"}), (400, {"error": "Too much."})]
    )
    async def test_is_believed_when_it_refuses_for_another_reason(
        self, anchor: SmallAnchor, calls: Calls, answer: tuple[int, dict[str, str]]
    ) -> None:
        anchor.answers["POST /sep31/transactions"] = [answer]

        with pytest.raises(Refused):
            await self.opened(anchor, calls, {CustomerRole.SENDER: "c1"})


def sender_to(anchor: SmallAnchor, **changed: Any) -> SendingAnchor:
    terms: dict[str, Any] = {"horizon_url": "http://localhost:1", "patience_s": 1.0}
    return SendingAnchor(home_domain=anchor.home_domain, secret=Secret(PARTNER.secret), **(terms | changed))


class TestFollowingARemittance:
    async def test_tells_each_change_of_status_once_and_ends_with_a_final_one(
        self, anchor: SmallAnchor
    ) -> None:
        anchor.answers["GET /sep31/transactions/r1"] = [
            (200, {"transaction": {"id": "r1", "status": status}})
            for status in ("pending_sender", "pending_sender", "pending_external", "completed")
        ]

        async with sender_to(anchor) as sender:
            told = [progress async for progress in sender.follow("r1", timeout_s=30)]

        assert [(progress.step, progress.details["status"]) for progress in told] == [
            (Step.STATUS, "pending_sender"),
            (Step.STATUS, "pending_external"),
            (Step.STATUS, "completed"),
            (Step.FINISHED, "completed"),
        ]

    async def test_says_that_nothing_is_lost_when_the_end_does_not_come_in_time(
        self, anchor: SmallAnchor
    ) -> None:
        anchor.answers["GET /sep31/transactions/r1"] = [
            (200, {"transaction": {"id": "r1", "status": "pending_external"}})
        ]

        async with sender_to(anchor) as sender:
            with pytest.raises(StillOnTheWay, match=r"r1 is still pending_external.*not lost"):
                _ = [progress async for progress in sender.follow("r1", timeout_s=0.3)]


class TestWhereMoneyIsReal:
    async def test_nothing_about_a_customer_is_invented(self, anchor: SmallAnchor) -> None:
        anchor.toml = anchor.page().replace(PASSPHRASE, Network.PUBLIC_NETWORK_PASSPHRASE)

        async with sender_to(anchor) as sender:
            assert not sender.may_invent

    async def test_an_anchor_on_another_network_than_the_one_named_is_refused(
        self, anchor: SmallAnchor
    ) -> None:
        with pytest.raises(BadInput, match="is on another network"):
            await sender_to(anchor, network_passphrase="Another ; 1").__aenter__()

    async def test_an_asset_that_needs_a_quote_is_refused_before_anything_is_opened(
        self, anchor: SmallAnchor
    ) -> None:
        offer = Offer(
            asset_code="EURX", funding_methods=(), sender_types=(), receiver_types=(), quotes_required=True
        )

        async with sender_to(anchor) as sender:
            with pytest.raises(BadInput, match="only at a quoted price"):
                await sender.open(offer, amount="1", sender_id=None, receiver_id=None)

        assert anchor.heard == []
