"""SEP-10 beyond one account on one domain: home domains, applications beside their users, keys that change."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from stellar_sdk import Keypair, ManageData, TransactionEnvelope
from tests.fixtures.asgi import Caller, Reply
from tests.fixtures.authentication import FakeAccounts, configured, key, manual_clock, services_on, signed
from tests.fixtures.environment import HOME_DOMAIN, PUBLIC_URL

from roadstead.clock import ManualClock
from roadstead.config import examples
from roadstead.config.effective import Configuration
from roadstead.database.pool import Database, open_database
from roadstead.errors import BadInput, ConfigurationError
from roadstead.partners.challenges import auth_endpoint
from roadstead.partners.principal import Principal
from roadstead.partners.tokens import TokenBook
from roadstead.sep import sep10
from roadstead.sep.application import build_application

CLIENT, WALLET, OTHER = key("client"), key("wallet"), key("other")
PASSPHRASE = configured().settings.network_passphrase
SECOND = "second.example:8443"


@dataclass(slots=True)
class FakeDomainKeys:
    """A world with these domains; implements `DomainKeys`."""

    known: dict[str, str] = field(default_factory=lambda: {"wallet.example": WALLET.public_key})
    asked: list[str] = field(default_factory=list)

    async def signing_key(self, client_domain: str) -> str:
        self.asked.append(client_domain)
        if client_domain not in self.known:
            raise BadInput(f"The stellar.toml of {client_domain} cannot be read.")
        return self.known[client_domain]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await open_database(database_url, application="test")
    yield opened
    await opened.close()


@dataclass(slots=True)
class Server:
    """SEP-10 with one configuration, as a client sees it."""

    caller: Caller
    tokens: TokenBook
    clock: ManualClock
    domain_keys: FakeDomainKeys

    async def ask(self, **query: str) -> Reply:
        return await self.caller.get("/auth", account=CLIENT.public_key, **query)

    async def challenge(self, **query: str) -> str:
        reply = await self.ask(**query)
        assert reply.status == 200, reply.body
        return str(reply.json["transaction"])

    async def redeem(self, challenge: str, *signers: Keypair) -> Reply:
        transaction = signed(challenge, PASSPHRASE, *signers)
        return await self.caller.send_json("POST", "/auth", {"transaction": transaction})

    async def principal(self, challenge: str, *signers: Keypair) -> Principal:
        reply = await self.redeem(challenge, *signers)
        assert reply.status == 200, reply.body
        return self.tokens.read(reply.json["token"])


def server_on(
    database: Database, configuration: Configuration | None = None, *, domains: bool = True
) -> Server:
    clock, domain_keys = manual_clock(), FakeDomainKeys()
    services = services_on(
        database, FakeAccounts(), clock, configuration or configured(), domain_keys if domains else None
    )
    tokens = services.tokens
    assert isinstance(tokens, TokenBook)
    caller = Caller(application=build_application(sep10.ROUTES, services))
    return Server(caller=caller, tokens=tokens, clock=clock, domain_keys=domain_keys)


def entries(challenge: str) -> dict[str, tuple[str, bytes | None]]:
    """The names of a challenge's entries, each with its source and value."""
    transaction = TransactionEnvelope.from_xdr(challenge, PASSPHRASE).transaction
    found = {}
    for operation in transaction.operations:
        assert isinstance(operation, ManageData)
        assert operation.source is not None
        found[operation.data_name] = (operation.source.account_id, operation.data_value)
    return found


class TestSeveralHomeDomains:
    @pytest.fixture
    def server(self, database: Database) -> Server:
        return server_on(database, configured({"ROADSTEAD_HOME_DOMAINS": f"{SECOND}, third.example"}))

    @pytest.mark.parametrize(
        ("query", "domain"),
        [
            ({}, HOME_DOMAIN),
            ({"home_domain": HOME_DOMAIN}, HOME_DOMAIN),
            ({"home_domain": SECOND}, SECOND),
            ({"home_domain": "third.example"}, "third.example"),
        ],
    )
    @pytest.mark.clause("SEP-10/challenge/home-domain")
    async def test_each_gets_its_own_challenge_and_a_token_for_it(
        self, server: Server, query: dict[str, str], domain: str
    ) -> None:
        challenge = await server.challenge(**query)
        assert f"{domain} auth" in entries(challenge)
        assert (await server.principal(challenge, CLIENT)).account == CLIENT.public_key

    @pytest.mark.parametrize("domain", ["", "fourth.example", "second.example", "THIRD.example", "x" * 300])
    @pytest.mark.clause("SEP-10/challenge/home-domain-unknown")
    async def test_another_one_is_refused_with_the_one_to_use(self, server: Server, domain: str) -> None:
        reply = await server.ask(home_domain=domain)
        assert reply.status == 400
        assert HOME_DOMAIN in reply.error

    @pytest.mark.clause("SEP-10/token/home-domain")
    async def test_a_domain_that_no_longer_is_ours_buys_nothing(
        self, server: Server, database: Database
    ) -> None:
        challenge = await server.challenge(home_domain=SECOND)
        assert (await server_on(database).redeem(challenge, CLIENT)).status == 400

    def test_a_domain_too_long_for_a_challenge_stops_the_start(self, database: Database) -> None:
        with pytest.raises(ConfigurationError, match="ROADSTEAD_HOME_DOMAINS"):
            server_on(database, configured({"ROADSTEAD_HOME_DOMAINS": f"{'a' * 58}.example"}))


class TestClientDomains:
    @pytest.fixture
    def server(self, database: Database) -> Server:
        return server_on(database)

    @pytest.mark.clause("SEP-10/challenge/client-domain")
    async def test_the_challenge_names_the_domain_and_its_key(self, server: Server) -> None:
        found = entries(await server.challenge(client_domain="wallet.example"))
        assert found["client_domain"] == (WALLET.public_key, b"wallet.example")

    @pytest.mark.clause("SEP-10/token/client-domain-claim")
    async def test_the_token_names_a_domain_that_signed(self, server: Server) -> None:
        challenge = await server.challenge(client_domain="wallet.example", memo="0")
        principal = await server.principal(challenge, CLIENT, WALLET)
        assert principal == Principal(account=CLIENT.public_key, memo=0, client_domain="wallet.example")

    @pytest.mark.clause("SEP-10/token/client-domain-signature")
    async def test_a_domain_that_did_not_sign_gets_nobody_in(self, server: Server) -> None:
        challenge = await server.challenge(client_domain="wallet.example")
        reply = await server.redeem(challenge, CLIENT)
        assert reply.status == 400
        assert "client_domain" in reply.error

    async def test_a_domain_does_not_sign_for_its_user(self, server: Server) -> None:
        challenge = await server.challenge(client_domain="wallet.example")
        assert (await server.redeem(challenge, WALLET)).status == 400
        assert (await server.redeem(challenge, OTHER, WALLET)).status == 400

    async def test_a_user_s_own_key_as_the_domain_s_is_no_second_signature(self, server: Server) -> None:
        server.domain_keys.known["wallet.example"] = CLIENT.public_key
        challenge = await server.challenge(client_domain="wallet.example")
        assert (await server.redeem(challenge, CLIENT)).status == 400

    async def test_a_domain_added_by_the_client_is_no_challenge_of_ours(self, server: Server) -> None:
        envelope = TransactionEnvelope.from_xdr(await server.challenge(), PASSPHRASE)
        domain = ManageData("client_domain", "wallet.example", source=WALLET.public_key)
        envelope.transaction.operations.append(domain)
        assert (await server.redeem(envelope.to_xdr(), CLIENT, WALLET)).status == 400

    @pytest.mark.clause("SEP-10/challenge/client-domain-failed")
    async def test_a_domain_whose_key_cannot_be_found_is_refused(self, server: Server) -> None:
        assert (await server.ask(client_domain="nowhere.example")).status == 400

    async def test_a_key_that_is_none_is_refused(self, server: Server) -> None:
        server.domain_keys.known["wallet.example"] = examples.SIGNING_SEED
        reply = await server.ask(client_domain="wallet.example")
        assert reply.status == 400
        assert examples.SIGNING_SEED not in reply.error

    @pytest.mark.parametrize(
        "domain",
        ["", "http://wallet.example", "wallet.example/x", "a b", "user@wallet.example", "-.", "w..e", "x" * 65,
         "wallet.example:0", "[::1]", "wallet.example\x00", "WALLET.example", "wället.example"],
    )  # fmt: skip
    async def test_what_is_no_domain_is_asked_of_nobody(self, server: Server, domain: str) -> None:
        assert (await server.ask(client_domain=domain)).status == 400
        assert server.domain_keys.asked == []

    @pytest.mark.clause("SEP-10/challenge/client-domain-unsupported")
    async def test_where_they_are_not_supported_one_is_ignored(self, database: Database) -> None:
        server = server_on(database, domains=False)
        challenge = await server.challenge(client_domain="wallet.example")
        assert "client_domain" not in entries(challenge)
        assert (await server.principal(challenge, CLIENT)).client_domain is None


def encoded(content: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def attribution(clock: ManualClock, signer: Keypair = CLIENT, *, alg: str = "EdDSA", **claims: object) -> str:
    now = int(clock.now().timestamp())
    said = {
        "iat": now,
        "exp": now + 60,
        "web_auth_endpoint": auth_endpoint(PUBLIC_URL),
        "account": CLIENT.public_key,
    } | claims
    text = (
        f"{encoded({'alg': alg, 'typ': 'JWT'})}.{encoded({k: v for k, v in said.items() if v is not None})}"
    )
    return f"{text}.{base64.urlsafe_b64encode(signer.sign(text.encode())).rstrip(b'=').decode()}"


class TestClientsThatHaveToNameThemselves:
    @pytest.fixture
    def server(self, database: Database) -> Server:
        return server_on(database, configured({"ROADSTEAD_REQUIRE_CLIENT_ATTRIBUTION": "true"}))

    async def _ask(self, server: Server, token: str | None, **query: str) -> Reply:
        return await server.caller.with_token(token).get("/auth", account=CLIENT.public_key, **query)

    @pytest.mark.clause("SEP-10/challenge/authorization-missing")
    async def test_without_the_header_nobody_gets_a_challenge(self, server: Server) -> None:
        assert (await self._ask(server, None)).status == 401

    async def test_a_token_signed_by_the_account_gets_one(self, server: Server) -> None:
        assert (await self._ask(server, attribution(server.clock))).status == 200

    async def test_every_parameter_is_claimed(self, server: Server) -> None:
        token = attribution(server.clock, memo="7", home_domain=HOME_DOMAIN)
        assert (await self._ask(server, token, memo="7", home_domain=HOME_DOMAIN)).status == 200

    @pytest.mark.clause("SEP-10/challenge/authorization-key")
    async def test_the_key_of_the_client_domain_signs_where_there_is_one(self, server: Server) -> None:
        claims = {"client_domain": "wallet.example"}
        assert (await self._ask(server, attribution(server.clock, WALLET, **claims), **claims)).status == 200
        assert (await self._ask(server, attribution(server.clock, CLIENT, **claims), **claims)).status == 400

    BAD: Mapping[str, Callable[[ManualClock], str]] = {
        "garbage": lambda _: "garbage",
        "three parts": lambda _: "a.b.c",
        "not json": lambda _: "////.////.////",
        "too long": lambda clock: attribution(clock, padding="x" * 5_000),
        "another key": lambda clock: attribution(clock, OTHER),
        "alg none": lambda clock: attribution(clock, alg="none"),
        "alg HS256": lambda clock: attribution(clock, alg="HS256"),
        "expired": lambda clock: attribution(clock, exp=int(clock.now().timestamp())),
        "not yet": lambda clock: attribution(clock, iat=int(clock.now().timestamp()) + 120),
        "for ever": lambda clock: attribution(clock, exp=int(clock.now().timestamp()) + 90_000),
        "no times": lambda clock: attribution(clock, iat=None, exp=None),
        "times as text": lambda clock: attribution(clock, iat="0"),
        "times as booleans": lambda clock: attribution(clock, iat=True),
        "another endpoint": lambda clock: attribution(clock, web_auth_endpoint="https://other.example/auth"),
        "another account": lambda clock: attribution(clock, account=OTHER.public_key),
        "a memo that was not asked for": lambda clock: attribution(clock, memo="7"),
    }

    @pytest.mark.parametrize("name", BAD)
    @pytest.mark.clause("SEP-10/challenge/authorization-invalid")
    async def test_a_token_that_does_not_hold_is_a_bad_request(self, server: Server, name: str) -> None:
        reply = await self._ask(server, self.BAD[name](server.clock))
        assert reply.status == 400
        assert "token of the header" in reply.error

    async def test_a_parameter_that_is_not_claimed_is_a_bad_request(self, server: Server) -> None:
        assert (await self._ask(server, attribution(server.clock), memo="7")).status == 400

    @pytest.mark.clause("SEP-10/challenge/authorization-forbidden")
    async def test_an_account_of_no_partner_is_forbidden_where_only_partners_may(
        self, database: Database
    ) -> None:
        changes = {"ROADSTEAD_REQUIRE_CLIENT_ATTRIBUTION": "true"}
        server = server_on(database, configured(changes, allow_list=True))
        assert (await self._ask(server, attribution(server.clock))).status == 403

    @pytest.mark.clause("SEP-10/challenge/authorization-optional")
    async def test_where_it_is_not_required_the_header_is_ignored(self, database: Database) -> None:
        server = server_on(database)
        for token in ("garbage", attribution(server.clock, OTHER)):
            assert (await self._ask(server, token)).status == 200


class TestKeysThatChange:
    @pytest.mark.clause("SEP-10/token/key-rotation")
    async def test_tokens_of_the_former_secret_hold_on_and_new_ones_are_signed_with_the_new(
        self, database: Database
    ) -> None:
        before = server_on(database, configured())
        token = (await before.redeem(await before.challenge(), CLIENT)).json["token"]
        new = {"ROADSTEAD_JWT_SECRET": "another secret of thirty-two bytes or more"}
        during = server_on(
            database, configured({**new, "ROADSTEAD_JWT_SECRET_PREVIOUS": examples.JWT_SECRET})
        )
        assert during.tokens.read(token).account == CLIENT.public_key
        fresh = (await during.redeem(await during.challenge(), CLIENT)).json["token"]
        after = server_on(database, configured(new))
        assert after.tokens.read(fresh).account == CLIENT.public_key
        for server, refused in ((after, token), (before, fresh)):
            with pytest.raises(Exception, match="a key that is not in use"):
                server.tokens.read(refused)

    async def test_the_former_secret_does_not_lengthen_a_token_s_life(self, database: Database) -> None:
        before = server_on(database)
        token = (await before.redeem(await before.challenge(), CLIENT)).json["token"]
        during = server_on(
            database,
            configured(
                {
                    "ROADSTEAD_JWT_SECRET": "another secret of thirty-two bytes or more",
                    "ROADSTEAD_JWT_SECRET_PREVIOUS": examples.JWT_SECRET,
                }
            ),
        )
        during.clock.advance(timedelta(hours=1))
        with pytest.raises(Exception, match="expired"):
            during.tokens.read(token)

    def test_both_secrets_must_differ(self) -> None:
        with pytest.raises(ConfigurationError, match="are the same secret"):
            configured({"ROADSTEAD_JWT_SECRET_PREVIOUS": examples.JWT_SECRET})
