"""The signed HTTP rail: what it believes, and what it does not."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession, web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import HTTPMessageSigner
from http_message_signatures.algorithms import ED25519
from http_message_signatures.resolvers import MappingKeyResolver
from tests.rails.conftest import REFUSED_IBAN, TIMEOUT_S, attempt
from tests.rails.signed import (
    EVENTS_URL,
    OUR_KEY,
    STRANGER_KEY,
    HttpBench,
    event_of,
    key_of,
    pushed,
    rail_to,
    signed_bank,
    signer,
)
from tests.sandbox.bank.bank_process import BankProcess, until

from roadstead.clock import Clock, ManualClock, SystemClock
from roadstead.config.ed25519 import key_id
from roadstead.contract.bench import Pushed
from roadstead.contract.rail import RailContract
from roadstead.errors import BadInput, ConfigurationError, Unauthenticated, Unavailable
from roadstead.money import currency
from roadstead.rails.bank_calls import ANSWER_MAX_BYTES
from roadstead.rails.http import HttpRail, Trust
from roadstead.rails.message_signatures import TAG, Request
from roadstead.rails.protocol import Absent, Observation, RailStatus, Refused, Submitted, Unknown

BANK_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34)))


@pytest.fixture
async def signing_bank(tmp_path: Path) -> AsyncIterator[BankProcess]:
    async with signed_bank(tmp_path / "bank") as running:
        yield running


@pytest.fixture
async def http_rail(signing_bank: BankProcess) -> AsyncIterator[HttpRail]:
    rail = rail_to(signing_bank)
    yield rail
    await rail.close()


@pytest.fixture
def bench(signing_bank: BankProcess, http_rail: HttpRail) -> HttpBench:
    return HttpBench(signing_bank, http_rail)


class TestTheHttpRail(RailContract):
    """Every clause, over a real bank process behind its signed door."""


Answer = tuple[int, Mapping[str, str], bytes]


@asynccontextmanager
async def answered(
    make: Callable[[Request], Answer | Awaitable[Answer]], *, tls: ssl.SSLContext | None = None, **trust: Path
) -> AsyncIterator[HttpRail]:
    """A rail whose bank is a function of the request."""

    async def handle(request: web.Request) -> web.Response:
        seen = Request(
            method=request.method,
            url=str(request.url),
            headers=dict(request.headers),
            body=await request.read(),
        )
        made = make(seen)
        status, headers, body = await made if isinstance(made, Awaitable) else made
        return web.Response(status=status, headers=headers, body=body)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    scheme = "http" if tls is None else "https"
    rail = HttpRail(
        name="sepa",
        base_url=f"{scheme}://localhost:{runner.addresses[0][1]}",
        trust=Trust(signing_key=OUR_KEY, bank_keys=(BANK_KEY.public_key(),), **trust),
        currencies=[currency("EUR")],
        submit_timeout_s=TIMEOUT_S,
    )
    yield rail
    await rail.close()
    await runner.cleanup()


def signed_answer(
    request: Request, status: int, content: object, key: Ed25519PrivateKey = BANK_KEY
) -> Answer:
    body = content if isinstance(content, bytes) else msgspec.json.encode(content)
    headers = {"content-type": "application/json"}
    return status, signer(key).answer_headers(request, status, headers, body), body


def refusal_of(request: Request) -> dict[str, str]:
    """What a bank says when it refuses."""
    return {
        "key": attempt(1).key,
        "end_to_end_id": attempt(1).end_to_end_id,
        "amount": "98.50",
        "currency": "EUR",
        "account": attempt(1).creditor.account_number,
        "status": "refused",
        "reference": "R1",
        "reason": "AC01",
    }


class TestWhatIsDefinite:
    async def test_a_signed_refusal_is_a_refusal(self, http_rail: HttpRail) -> None:
        outcome = await http_rail.submit(attempt(1, account_number=REFUSED_IBAN))
        assert isinstance(outcome, Refused)
        assert outcome.reason == "AC01"

    async def test_a_signed_word_that_the_form_is_wrong_is_a_refusal(self, http_rail: HttpRail) -> None:
        outcome = await http_rail.submit(attempt(1, account_number="?"))
        assert isinstance(outcome, Refused)
        assert outcome.reason == "FF01"
        assert isinstance(await http_rail.find(attempt(1)), Absent)

    @pytest.mark.parametrize("reference", ["R\0", "R" * 501])
    async def test_a_signed_answer_that_no_database_could_keep_is_unknown(self, reference: str) -> None:
        def strange(request: Request) -> Answer:
            return signed_answer(request, 200, refusal_of(request) | {"reference": reference})

        async with answered(strange) as rail:
            assert isinstance(await rail.submit(attempt(1)), Unknown)
            assert isinstance(await rail.find(attempt(1)), Unknown)

    async def test_the_same_without_a_signature_is_unknown(self) -> None:
        def plain(request: Request) -> Answer:
            return 200, {"content-type": "application/json"}, msgspec.json.encode(refusal_of(request))

        async with answered(lambda request: signed_answer(request, 200, refusal_of(request))) as rail:
            assert isinstance(await rail.submit(attempt(1)), Refused)
        async with answered(plain) as rail:
            assert isinstance(await rail.submit(attempt(1)), Unknown)
            assert isinstance(await rail.find(attempt(1)), Unknown)

    async def test_the_same_under_another_key_is_unknown(self) -> None:
        def forged(request: Request) -> Answer:
            return signed_answer(request, 200, refusal_of(request), STRANGER_KEY)

        async with answered(forged) as rail:
            assert isinstance(await rail.submit(attempt(1)), Unknown)

    async def test_an_answer_to_an_earlier_request_is_unknown(self) -> None:
        recorded: list[Answer] = []

        def replayed(request: Request) -> Answer:
            recorded.append(signed_answer(request, 404, {"code": "not_found", "message": ""}))
            return recorded[0]

        async with answered(replayed) as rail:
            assert isinstance(await rail.find(attempt(1)), Absent)
            found = await rail.find(attempt(1))
            assert isinstance(found, Unknown)
            assert "not provably the bank's" in found.detail

    @pytest.mark.parametrize("change", ["status", "body", "digest", "length", "type"])
    async def test_an_answer_that_was_changed_on_the_way_is_unknown(self, change: str) -> None:
        def changed(request: Request) -> Answer:
            status, headers, body = signed_answer(request, 201, refusal_of(request) | {"status": "accepted"})
            match change:
                case "status":
                    return 200, headers, body
                case "body":
                    return status, headers, body.replace(b"accepted", b"refused")
                case "digest":
                    other = signer(BANK_KEY).answer_headers(request, status, {"content-type": "a/b"}, b"x")
                    return (
                        status,
                        headers,
                        body.replace(b"accepted", b"refused") + other["Signature"].encode(),
                    )
                case "length":
                    return status, headers, body[:-1]
                case _:
                    return status, {**headers, "content-type": "text/plain"}, body

        async with answered(changed) as rail:
            assert isinstance(await rail.submit(attempt(1)), Unknown)

    async def test_a_bank_with_a_wrong_clock_is_not_believed(self) -> None:
        late = ManualClock(SystemClock().now() - timedelta(minutes=6))

        def old(request: Request) -> Answer:
            body = msgspec.json.encode(refusal_of(request))
            headers = {"content-type": "application/json"}
            return 200, signer(BANK_KEY, late).answer_headers(request, 200, headers, body), body

        async with answered(old) as rail:
            assert isinstance(await rail.submit(attempt(1)), Unknown)

    @pytest.mark.parametrize(
        ("status", "content"),
        [
            (200, b"<html>"),
            (200, {}),
            (200, refusal_of),
            (201, {"status": "refused", "reason": "AC01"}),
            (400, {"code": "something_else"}),
            (403, {"code": "bad_input"}),
            (404, {"code": "no_route"}),
            (409, {"code": "conflict"}),
            (429, {"code": "too_many_requests"}),
            (500, {"code": "not_found"}),
            (302, {}),
        ],
    )
    async def test_a_signed_answer_in_another_form_is_unknown(self, status: int, content: object) -> None:
        def make(request: Request) -> Answer:
            told = refusal_of(request) | {"amount": "98.51"} if callable(content) else content
            answer_status, headers, body = signed_answer(request, status, told)
            return answer_status, {**headers, "Location": "http://127.0.0.1:9/"}, body

        async with answered(make) as rail:
            assert isinstance(await rail.submit(attempt(1)), Unknown)
            assert isinstance(await rail.find(attempt(1)), Unknown)
            with pytest.raises(Unavailable):
                await rail.poll(None)
            with pytest.raises(Unavailable):
                await rail.balance()
            with pytest.raises(Unavailable):
                await rail.statements(None)

    @pytest.mark.parametrize("cursor", [None, "C1"])
    async def test_a_page_whose_cursor_stays_is_not_read_for_ever(self, cursor: str | None) -> None:
        def stuck(request: Request) -> Answer:
            return signed_answer(request, 200, {"events": [event_of(attempt(1))], "cursor": cursor})

        async with answered(stuck) as rail:
            with pytest.raises(Unavailable, match="no cursor"):
                await rail.poll("C1")

    async def test_an_endless_and_a_late_answer_are_unknown(self) -> None:
        async def late(request: Request) -> Answer:
            await asyncio.sleep(TIMEOUT_S * 2)
            return signed_answer(request, 200, refusal_of(request))

        async with answered(
            lambda request: signed_answer(request, 200, b" " * (ANSWER_MAX_BYTES + 1))
        ) as rail:
            outcome = await rail.submit(attempt(1))
            assert isinstance(outcome, Unknown)
            assert "exceeds" in outcome.detail
        async with answered(late) as rail:
            outcome = await rail.submit(attempt(1))
            assert isinstance(outcome, Unknown)
            assert "within" in outcome.detail


class TestFaultsOfTheBank:
    @pytest.mark.parametrize(
        "kind",
        [
            "lost_request",
            "lost_answer",
            "error",
            "error_after_execution",
            "too_many_requests",
            "half_answer",
            "unsigned_answer",
            "forged_answer",
        ],
    )
    async def test_every_fault_is_unknown_and_a_repeat_pays_once(
        self, signing_bank: BankProcess, http_rail: HttpRail, kind: str
    ) -> None:
        await signing_bank.plan({"kind": kind}, {"kind": kind, "on": "find"})
        assert isinstance(await http_rail.submit(attempt(1)), Unknown)
        assert isinstance(await http_rail.find(attempt(1)), Unknown)
        assert isinstance(await http_rail.submit(attempt(1)), Submitted)
        await until(signing_bank.has_executed)
        assert [each["key"] for each in await signing_bank.executed()] == [attempt(1).key]
        found = await http_rail.find(attempt(1))
        assert isinstance(found, Observation)
        assert found.status is RailStatus.SETTLED


class TestOurOwnProof:
    async def test_a_customer_whom_the_bank_does_not_know_gets_nothing(
        self, signing_bank: BankProcess
    ) -> None:
        rail = rail_to(signing_bank, our_key=STRANGER_KEY)
        assert isinstance(await rail.submit(attempt(1)), Unknown)
        assert isinstance(await rail.find(attempt(1)), Unknown)
        with pytest.raises(Unavailable):
            await rail.poll(None)
        await rail.close()
        assert (await signing_bank.get("/health"))["payouts"] == 0

    async def test_a_body_that_is_far_too_long_is_refused_like_any_other(
        self, signing_bank: BankProcess
    ) -> None:
        url, body = f"{signing_bank.url}/payout-api/payouts", b"x" * 150_000
        headers = {"Content-Type": "application/json", "Idempotency-Key": "K1"}
        request = signer(OUR_KEY).signed(Request(method="POST", url=url, headers=headers, body=body))
        async with (
            ClientSession() as session,
            session.post(url, data=body, headers=request.headers) as response,
        ):
            assert response.status == 413
            assert "signature" in response.headers

    async def test_the_key_of_an_attempt_is_part_of_what_is_signed(self, signing_bank: BankProcess) -> None:
        content = msgspec.json.encode(
            {"end_to_end_id": "E1", "amount": "1", "currency": "EUR", "account": "12345678", "name": "A"}
        )
        url = f"{signing_bank.url}/payout-api/payouts"
        headers = {"Content-Type": "application/json", "Idempotency-Key": "A1"}
        signed = signer(OUR_KEY).signed(Request(method="POST", url=url, headers=headers, body=content))
        async with ClientSession() as session:
            for changed in (
                {"Idempotency-Key": "A2"},
                {"Content-Digest": "sha-256=:AAAA:"},
                {"Signature": "sig=:AAAA:"},
            ):
                async with session.post(url, data=content, headers=signed.headers | changed) as response:
                    assert response.status == 401
            async with session.post(url, data=content + b" ", headers=signed.headers) as response:
                assert response.status == 401
            async with session.post(url, data=content, headers=signed.headers) as response:
                assert response.status == 201


@dataclass(frozen=True)
class Moment:
    """A moment that no calendar needs to have."""

    seconds: int

    def timestamp(self) -> int:
        return self.seconds


def signed_with(
    key: Ed25519PrivateKey, clock: Clock, *, expires: datetime | None = None, created_s: int | None = None
) -> Pushed:
    """A pushed message whose signature says other moments than ours do."""
    body = msgspec.json.encode({"events": [event_of(attempt(1))]})
    request = Request(method="POST", url=EVENTS_URL, headers={"content-type": "application/json"}, body=body)
    name = key_id(key.public_key())
    created: Any = clock.now() if created_s is None else Moment(created_s)
    HTTPMessageSigner(
        signature_algorithm=ED25519,
        key_resolver=MappingKeyResolver(public_keys={}, private_keys={name: key}),
    ).sign(
        request,
        key_id=name,
        created=created,
        expires=expires,
        tag=TAG,
        covered_component_ids=["@method", "@target-uri", "content-type", "content-digest"],
        body=body,
    )
    return Pushed(headers={name.lower(): value for name, value in request.headers.items()}, body=body)


class TestPushedMessages:
    async def test_a_genuine_message_is_translated(
        self, signing_bank: BankProcess, http_rail: HttpRail
    ) -> None:
        message = pushed(signing_bank, event_of(attempt(1)), event_of(attempt(2), "refused", reason="AC01"))
        told = http_rail.receive(message.headers, message.body)
        assert [(event.key, event.status, event.reason) for event in told] == [
            (attempt(1).key, RailStatus.SETTLED, None),
            (attempt(2).key, RailStatus.REFUSED, "AC01"),
        ]

    async def test_what_is_not_in_a_currency_of_the_rail_is_passed_over(
        self, signing_bank: BankProcess, http_rail: HttpRail
    ) -> None:
        message = pushed(signing_bank, event_of(attempt(1), currency="GBP"))
        assert http_rail.receive(message.headers, message.body) == []

    async def test_a_message_is_for_one_address_for_some_minutes(
        self, signing_bank: BankProcess, http_rail: HttpRail
    ) -> None:
        event = event_of(attempt(1))
        for message in (
            pushed(signing_bank, event, url=EVENTS_URL.replace("sepa", "wire")),
            pushed(signing_bank, event, clock=ManualClock(SystemClock().now() - timedelta(minutes=6))),
            pushed(signing_bank, event, clock=ManualClock(SystemClock().now() + timedelta(minutes=6))),
            pushed(signing_bank, event, key=STRANGER_KEY),
            pushed(signing_bank, event, key=OUR_KEY),
        ):
            with pytest.raises(Unauthenticated):
                http_rail.receive(message.headers, message.body)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("signature", None),
            ("signature-input", None),
            ("content-digest", None),
            ("signature", "sig=:AAAA:"),
            ("signature", "garbage \x00"),
            ("signature-input", 'sig=();created=1;keyid="x"'),
            ("signature-input", "("),
            ("content-digest", "sha-256=:AAAA:"),
            ("content-type", "text/plain"),
        ],
    )
    async def test_a_part_that_is_missing_or_changed_proves_nothing(
        self, signing_bank: BankProcess, http_rail: HttpRail, name: str, value: str | None
    ) -> None:
        message = pushed(signing_bank, event_of(attempt(1)))
        headers = {key: text for key, text in message.headers.items() if key != name}
        if value is not None:
            headers[name] = value
        with pytest.raises(Unauthenticated):
            http_rail.receive(headers, message.body)

    async def test_a_signature_over_too_little_proves_nothing(
        self, signing_bank: BankProcess, http_rail: HttpRail
    ) -> None:
        empty = Request(method="POST", url=EVENTS_URL, headers={})
        headers = signer(key_of(signing_bank)).signed(empty).headers
        with pytest.raises(Unauthenticated):
            http_rail.receive(headers, msgspec.json.encode({"events": [event_of(attempt(1))]}))

    @pytest.mark.parametrize(
        "changes",
        [{"id": "E\0"}, {"reference": "x" * 501}, {"reason": "AC\0"}, {"key": "\0"}],
        ids=["zero byte", "too long", "zero byte in the reason", "zero byte in the key"],
    )
    async def test_what_no_database_could_keep_is_bad_input(
        self, signing_bank: BankProcess, http_rail: HttpRail, changes: dict[str, object]
    ) -> None:
        message = pushed(signing_bank, event_of(attempt(1)) | changes)
        with pytest.raises(BadInput):
            http_rail.receive(message.headers, message.body)

    async def test_while_the_bank_changes_its_key_both_are_believed_and_afterwards_one(
        self, signing_bank: BankProcess
    ) -> None:
        old, new = BANK_KEY, key_of(signing_bank)

        def rail(*keys: Ed25519PrivateKey) -> HttpRail:
            return HttpRail(
                name="sepa",
                base_url=signing_bank.url,
                trust=Trust(signing_key=OUR_KEY, bank_keys=tuple(key.public_key() for key in keys)),
                currencies=[currency("EUR")],
                events_url=EVENTS_URL,
            )

        messages = [pushed(signing_bank, event_of(attempt(1)), key=key) for key in (old, new)]
        for message in messages:
            assert rail(old, new).receive(message.headers, message.body)
        with pytest.raises(Unauthenticated):
            rail(new).receive(messages[0].headers, messages[0].body)
        assert rail(new).receive(messages[1].headers, messages[1].body)

    async def test_a_signature_that_says_until_when_it_holds_is_believed_no_longer(
        self, signing_bank: BankProcess
    ) -> None:
        clock = ManualClock(SystemClock().now())
        rail = HttpRail(
            name="sepa",
            base_url=signing_bank.url,
            trust=Trust(signing_key=OUR_KEY, bank_keys=(key_of(signing_bank).public_key(),)),
            currencies=[currency("EUR")],
            events_url=EVENTS_URL,
            clock=clock,
        )
        message = signed_with(key_of(signing_bank), clock, expires=clock.now() + timedelta(seconds=60))
        assert rail.receive(message.headers, message.body)
        clock.advance(timedelta(seconds=61))
        with pytest.raises(Unauthenticated, match="shorter time"):
            rail.receive(message.headers, message.body)

    @pytest.mark.parametrize("created_s", [10**14, -(10**14)])
    async def test_a_moment_that_no_calendar_has_proves_nothing(
        self, signing_bank: BankProcess, http_rail: HttpRail, created_s: int
    ) -> None:
        message = signed_with(key_of(signing_bank), SystemClock(), created_s=created_s)
        with pytest.raises(Unauthenticated):
            http_rail.receive(message.headers, message.body)

    async def test_a_signed_message_of_another_form_is_bad_input(
        self, signing_bank: BankProcess, http_rail: HttpRail
    ) -> None:
        message = pushed(signing_bank, {"id": "E1"})
        with pytest.raises(BadInput):
            http_rail.receive(message.headers, message.body)

    async def test_a_rail_without_an_address_receives_nothing(self, signing_bank: BankProcess) -> None:
        rail = rail_to(signing_bank, events_url=None)
        message = pushed(signing_bank, event_of(attempt(1)))
        assert not rail.terms.pushes
        with pytest.raises(Unauthenticated):
            rail.receive(message.headers, message.body)


class TestTheConfiguration:
    def test_a_rail_without_a_key_of_its_bank_is_refused(self) -> None:
        with pytest.raises(ConfigurationError):
            HttpRail(
                name="sepa",
                base_url="https://bank.example",
                trust=Trust(signing_key=OUR_KEY, bank_keys=()),
                currencies=[currency("EUR")],
            )

    def test_a_tls_file_that_is_none_is_refused(self, tmp_path: Path) -> None:
        file = tmp_path / "a.pem"
        file.write_text("nothing")
        trust = Trust(signing_key=OUR_KEY, bank_keys=(BANK_KEY.public_key(),))
        for wrong in (
            replace(trust, authority=file),
            replace(trust, client_certificate=file),
            replace(trust, authority=tmp_path / "missing.pem"),
        ):
            with pytest.raises(ConfigurationError, match="TLS files of rail sepa"):
                HttpRail(
                    name="sepa", base_url="https://bank.example", trust=wrong, currencies=[currency("EUR")]
                )
