"""Who gets in: every route of the table against every kind of token, before a byte of the body is read."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from tests.fixtures.asgi import Caller
from tests.fixtures.authentication import FakeAccounts, configured, key, services_on
from tests.fixtures.house import PARTNER, House, house_on

from roadstead.config import examples
from roadstead.config.secrets import Secret
from roadstead.partners import registry
from roadstead.partners.challenges import auth_endpoint
from roadstead.partners.principal import Principal
from roadstead.partners.tokens import TokenBook
from roadstead.sep.application import build_application
from roadstead.sep.routes import Audience, Route
from roadstead.sep.table import route_table

ROUTES = {f"{route.method} {route.path}": route for route in route_table(configured())}
OTHER_PARTNER, DISABLED, NOBODY = (key(name).public_key for name in ("other partner", "disabled", "nobody"))
HOSTILE = b"\xff\x00{[[[[" * 2_000
WRONG_SECRET = "a secret that is not the server's, at least 32 bytes of it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A sound request to one route of the table, and what each caller whose token holds gets for it."""

    partner: int
    other_memo: int
    """The same account with the memo of another user."""
    other_partner: int
    disabled: int
    nobody: int
    """A sound token of an account that belongs to no partner."""
    hostile: int
    """What the partner gets for a body that nobody can read."""
    query: str = ""
    body: Mapping[str, Any] | None = None


def alike(status: int, **request: Any) -> Row:
    """A route at which all get the same whose token holds, or, if it is public, whatever their token."""
    return Row(
        partner=status,
        other_memo=status,
        other_partner=status,
        disabled=status,
        nobody=status,
        hostile=status,
        **request,
    )


PROPOSAL = {"amount": "10", "asset_code": "EURX", "sender_id": "{sender}", "receiver_id": "{receiver}"}

ROWS: dict[str, Row] = {
    "GET /.well-known/stellar.toml": alike(200),
    "GET /openapi.json": alike(200),
    "GET /reference": alike(200),
    "GET /integrate": alike(200),
    "GET /auth": alike(200, query=f"account={PARTNER}"),
    "POST /auth": alike(400, body={"transaction": "AAAA"}),
    "GET /sep31/info": alike(200),
    "POST /sep31/transactions": Row(
        partner=201, other_memo=201, other_partner=400, disabled=403, nobody=403, hostile=400, body=PROPOSAL
    ),
    "GET /sep31/transactions/{id}": Row(
        partner=200, other_memo=200, other_partner=404, disabled=403, nobody=403, hostile=200
    ),
    "PATCH /sep31/transactions/{id}": Row(
        partner=400,
        other_memo=400,
        other_partner=404,
        disabled=403,
        nobody=403,
        hostile=400,
        body={"fields": {"transaction": {"bank": "x"}}},
    ),
    "PUT /sep31/transactions/{id}/callback": Row(
        partner=400,
        other_memo=400,
        other_partner=404,
        disabled=403,
        nobody=403,
        hostile=400,
        body={"url": ":"},
    ),
    "GET /sep38/info": alike(200),
    "GET /sep38/prices": alike(200, query="sell_asset={usdc}&sell_amount=100"),
    "GET /sep38/price": alike(400),
    "POST /sep38/quote": alike(400, body={}),
    "GET /sep38/quote/{id}": alike(404),
    "GET /kyc/customer": Row(
        partner=200,
        other_memo=200,
        other_partner=404,
        disabled=404,
        nobody=404,
        hostile=200,
        query="id={sender}",
    ),
    "PUT /kyc/customer": Row(
        partner=202,
        other_memo=202,
        other_partner=404,
        disabled=404,
        nobody=404,
        hostile=400,
        body={"id": "{sender}", "first_name": "Sena"},
    ),
    "PUT /kyc/customer/verification": Row(
        partner=400,
        other_memo=400,
        other_partner=404,
        disabled=404,
        nobody=404,
        hostile=400,
        body={"id": "{sender}", "email_address_verification": "123456"},
    ),
    "PUT /kyc/customer/callback": Row(
        partner=400,
        other_memo=400,
        other_partner=404,
        disabled=404,
        nobody=404,
        hostile=400,
        body={"id": "{sender}", "url": "https://unknown.example/"},
    ),
    "POST /kyc/customer/files": alike(400, body={}),
    "GET /kyc/customer/files": alike(200, query="customer_id={sender}"),
    "DELETE /kyc/customer/{account}": Row(
        partner=200, other_memo=403, other_partner=403, disabled=403, nobody=403, hostile=400, query="memo=1"
    ),
    "POST /rails/{name}/events": alike(401, body={"events": []}),
    "POST /verifiers/{name}/events": alike(401, body={"references": []}),
}
"""What stands here is the promise; a route that is missing has not been thought about."""


@dataclass(slots=True)
class Gate:
    """The whole API on a house, and one remittance of its partner."""

    house: House
    caller: Caller
    tokens: TokenBook
    remittance_id: str

    @property
    def secret(self) -> str:
        return examples.JWT_SECRET

    def sound(self, account: str = PARTNER, memo: int | None = None) -> str:
        return self.tokens.issue(Principal(account=account, memo=memo), b"7" * 32, self.house.clock.now())

    def filled(self, text: str) -> str:
        """Put the ids of the partner's own things into a template."""
        for name, value in (
            ("{sender}", self.house.sender_id),
            ("{receiver}", self.house.receiver_id),
            ("{id}", self.remittance_id),
            ("{account}", PARTNER),
            ("{name}", "people" if "/verifiers/" in text else "sepa"),
            ("{usdc}", self.house.configuration.asset("USDC").asset.id),
        ):
            text = text.replace(name, str(value))
        return text

    async def ask(self, route: Route, token: str | None, *, hostile: bool = False) -> Any:
        """Send the row's request, or its hostile twin, and return the answer."""
        row = ROWS[f"{route.method} {route.path}"]
        body, content_type = b"", None
        if hostile:
            body, content_type = HOSTILE, "text/plain"
        elif row.body is not None:
            body, content_type = self.filled(json.dumps(row.body)).encode(), "application/json"
        return await self.caller.with_token(token).send(
            route.method,
            self.filled(route.path),
            query=self.filled(row.query),
            body=body,
            content_type=content_type,
        )


@pytest.fixture
async def gate(database_url: str) -> AsyncIterator[Gate]:
    async with house_on(database_url) as house:
        services = services_on(house.database, FakeAccounts(), house.clock, house.configuration)
        for name, account in (("Other Sender", OTHER_PARTNER), ("Former Sender", DISABLED)):
            await registry.add(house.database, name, [account], "tests")
        await registry.disable(house.database, "Former Sender", "tests")
        tokens = services.tokens
        assert isinstance(tokens, TokenBook)
        opened = await house.open()
        application = build_application(route_table(house.configuration), services)
        yield Gate(
            house=house,
            caller=Caller(application=application),
            tokens=tokens,
            remittance_id=str(opened.id),
        )


def _encoded(content: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def _decoded(part: str) -> dict[str, Any]:
    content = json.loads(base64.urlsafe_b64decode(part + "=="))
    assert isinstance(content, dict)
    return content


def forged(
    gate: Gate, *, header: Mapping[str, Any] | None = None, secret: str | None = None, **claims: Any
) -> str:
    """A sound token of the partner with other claims or headers, signed over with a secret, or not at all."""
    head, payload, _ = gate.sound().split(".")
    text = f"{_encoded(_decoded(head) | dict(header or {}))}.{_encoded(_decoded(payload) | claims)}"
    if secret is None:
        return f"{text}."
    signature = hmac.digest(secret.encode(), text.encode(), hashlib.sha256)
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _at(gate: Gate, offset: timedelta) -> int:
    return int((gate.house.clock.now() + offset).timestamp())


def _between(gate: Gate, hours: tuple[int, int]) -> str:
    issued_at, expires_at = (_at(gate, timedelta(hours=number)) for number in hours)
    return forged(gate, secret=gate.secret, iat=issued_at, exp=expires_at)


def _tampered(gate: Gate) -> str:
    head, payload, signature = gate.sound().split(".")
    return f"{head}.{_encoded(_decoded(payload) | {'sub': OTHER_PARTNER})}.{signature}"


def _other_issuer(gate: Gate) -> str:
    issuer = auth_endpoint("https://other.example")
    book = TokenBook(issuer=issuer, secrets=[Secret(gate.secret)], clock=gate.house.clock)
    return book.issue(Principal(account=PARTNER), b"7" * 32, gate.house.clock.now())


def _wrong_key(gate: Gate) -> str:
    issuer = auth_endpoint(gate.house.configuration.settings.public_url)
    book = TokenBook(issuer=issuer, secrets=[Secret(WRONG_SECRET)], clock=gate.house.clock)
    return book.issue(Principal(account=PARTNER), b"7" * 32, gate.house.clock.now())


UNSOUND: dict[str, Callable[[Gate], str | None]] = {
    "no token": lambda _: None,
    "garbage": lambda _: "garbage",
    "three parts of garbage": lambda _: "a.b.c",
    "far too long": lambda _: "a" * 100_000,
    "expired": lambda gate: _between(gate, hours=(-2, -1)),
    "not yet valid": lambda gate: _between(gate, hours=(1, 2)),
    "valid for ever": lambda gate: forged(gate, secret=gate.secret, exp=_at(gate, timedelta(days=3_000))),
    "without an end": lambda gate: forged(gate, secret=gate.secret, exp=None),
    "other issuer": _other_issuer,
    "no subject": lambda gate: forged(gate, secret=gate.secret, sub="somebody"),
    "alg none": lambda gate: forged(gate, header={"alg": "none"}),
    "alg none, signed": lambda gate: forged(gate, header={"alg": "none"}, secret=gate.secret),
    "alg HS512": lambda gate: forged(gate, header={"alg": "HS512"}, secret=gate.secret),
    "alg RS256": lambda gate: forged(gate, header={"alg": "RS256"}, secret=gate.secret),
    "signature cut off": forged,
    "tampered": _tampered,
    "HS256 with the wrong key": lambda gate: forged(gate, secret=WRONG_SECRET),
    "HS256 with a wrong key that names itself": _wrong_key,
}  # fmt: skip

SOUND: dict[str, tuple[str, Callable[[Gate], str]]] = {
    "partner": ("partner", lambda gate: gate.sound()),
    "same account, other memo": ("other_memo", lambda gate: gate.sound(memo=77)),
    "other partner": ("other_partner", lambda gate: gate.sound(OTHER_PARTNER)),
    "disabled partner": ("disabled", lambda gate: gate.sound(DISABLED)),
    "no partner": ("nobody", lambda gate: gate.sound(NOBODY)),
}

of_each_route = partial(pytest.mark.parametrize, "name", ROUTES)


class TestTheTable:
    def test_every_route_has_its_row_and_every_row_its_route(self) -> None:
        assert set(ROWS) == set(ROUTES)

    @of_each_route()
    def test_every_route_names_its_audience(self, name: str) -> None:
        assert isinstance(ROUTES[name].audience, Audience)

    def test_what_moves_money_is_for_partners_alone(self) -> None:
        open_to_others = {
            name
            for name, route in ROUTES.items()
            if route.path.startswith("/sep31/") and route.audience is not Audience.PARTNER
        }
        assert open_to_others == {"GET /sep31/info"}


@of_each_route()
class TestEveryCell:
    async def test_a_token_that_does_not_hold_opens_nothing(self, gate: Gate, name: str) -> None:
        route, row = ROUTES[name], ROWS[name]
        is_public = route.audience is Audience.PUBLIC
        expected = dict.fromkeys(UNSOUND, row.nobody if is_public else route.unauthenticated_status)
        if route.audience is Audience.OPTIONAL:
            expected["no token"] = row.nobody
        found = {kind: await gate.ask(route, make(gate)) for kind, make in UNSOUND.items()}
        assert {kind: reply.status for kind, reply in found.items()} == expected
        assert all(reply.error for reply in found.values() if reply.status != row.nobody)

    async def test_a_token_that_holds_opens_what_is_its_own(self, gate: Gate, name: str) -> None:
        route, row = ROUTES[name], ROWS[name]
        expected = {kind: getattr(row, field) for kind, (field, _) in SOUND.items()}
        found = {kind: (await gate.ask(route, make(gate))).status for kind, (_, make) in SOUND.items()}
        assert found == expected

    async def test_a_refused_caller_s_body_is_never_parsed(self, gate: Gate, name: str) -> None:
        route, row = ROUTES[name], ROWS[name]
        assert (await gate.ask(route, gate.sound(), hostile=True)).status == row.hostile
        if route.audience is Audience.PUBLIC:
            return
        refused = {kind: make(gate) for kind, make in UNSOUND.items()}
        if route.audience is Audience.OPTIONAL:
            del refused["no token"]
        for kind, token in refused.items():
            reply = await gate.ask(route, token, hostile=True)
            assert (kind, reply.status) == (kind, route.unauthenticated_status)
        if route.audience is Audience.PARTNER:
            for account in (DISABLED, NOBODY):
                assert (await gate.ask(route, gate.sound(account), hostile=True)).status == 403
