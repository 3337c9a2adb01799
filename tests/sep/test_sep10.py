"""SEP-10 over real HTTP, on a real database; only the chain is a stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from stellar_sdk import IdMemo, Keypair, ManageData, MuxedAccount, TransactionEnvelope
from tests.fixtures.authentication import (
    FakeAccounts,
    configured,
    key,
    manual_clock,
    services_on,
    serving,
    signed,
)
from tests.fixtures.environment import HOME_DOMAIN

from roadstead.clock import ManualClock
from roadstead.config.effective import Configuration
from roadstead.database.pool import open_database
from roadstead.partners import registry
from roadstead.partners.challenges import auth_endpoint
from roadstead.partners.principal import Principal
from roadstead.partners.tokens import TokenBook
from roadstead.sep import sep10
from roadstead.sep.application import build_application
from roadstead.sep.routes import Answer, Audience, Body, Call, Route
from roadstead.sep.services import Services

CLIENT = key("client")


async def who_am_i(call: Call) -> Answer:
    """A protected route that tells who is calling."""
    caller = call.principal
    return Answer(content={"account": caller.account, "memo": str(caller.memo)})


PROTECTED = (
    Route(
        method="GET",
        path="/me",
        audience=Audience.AUTHENTICATED,
        handler=who_am_i,
        source="test",
        summary="Tell who is calling.",
    ),
    Route(
        method="POST",
        path="/partners-only",
        audience=Audience.PARTNER,
        handler=who_am_i,
        source="test",
        summary="Tell who is calling, to partners.",
        body=Body(struct=sep10.SignedChallengeBody),
    ),
)


@dataclass(slots=True)
class Api:
    """The API under test, as a client sees it."""

    url: str
    http: aiohttp.ClientSession
    services: Services
    accounts: FakeAccounts
    clock: ManualClock

    async def get(self, **query: str) -> tuple[int, dict[str, Any]]:
        async with self.http.get(f"{self.url}/auth", params=query) as response:
            return response.status, await response.json()

    async def post(self, **how: Any) -> tuple[int, dict[str, Any]]:
        async with self.http.post(f"{self.url}/auth", **how) as response:
            return response.status, await response.json()

    async def challenge(self, account: str = CLIENT.public_key, **query: str) -> str:
        status, answer = await self.get(account=account, **query)
        assert status == 200, answer
        return str(answer["transaction"])

    async def me(self, token: str) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {token}"}
        async with self.http.get(f"{self.url}/me", headers=headers) as response:
            return response.status, await response.json()

    @property
    def passphrase(self) -> str:
        return self.services.configuration.settings.network_passphrase

    def sign(self, challenge: str, *signers: Keypair) -> str:
        return signed(challenge, self.passphrase, *signers)

    def read(self, challenge: str) -> TransactionEnvelope:
        return TransactionEnvelope.from_xdr(challenge, self.passphrase)


@pytest.fixture
def configuration() -> Configuration:
    return configured()


@pytest.fixture
async def api(database_url: str, configuration: Configuration) -> AsyncIterator[Api]:
    database = await open_database(database_url, application="test")
    accounts, clock = FakeAccounts(), manual_clock()
    services = services_on(database, accounts, clock, configuration)
    application = build_application((*sep10.ROUTES, *PROTECTED), services)
    async with serving(application) as url, aiohttp.ClientSession() as http:
        yield Api(url=url, http=http, services=services, accounts=accounts, clock=clock)
    await database.close()


class TestAskingForAChallenge:
    @pytest.mark.clause("SEP-10/challenge/answer")
    async def test_the_answer_has_the_transaction_and_the_passphrase_and_nothing_else(self, api: Api) -> None:
        status, answer = await api.get(account=CLIENT.public_key)
        assert status == 200
        assert sorted(answer) == ["network_passphrase", "transaction"]
        assert answer["network_passphrase"] == api.passphrase

    @pytest.mark.clause("SEP-10/challenge/content")
    async def test_the_challenge_is_as_the_sep_describes_it(self, api: Api) -> None:
        transaction = api.read(await api.challenge()).transaction
        server = api.services.configuration.signing_account
        now = int(api.clock.now().timestamp())
        assert transaction.source.account_id == server
        assert transaction.sequence == 0
        assert transaction.preconditions is not None
        assert transaction.preconditions.time_bounds is not None
        assert transaction.preconditions.time_bounds.min_time == now
        assert transaction.preconditions.time_bounds.max_time == now + 900
        first, second = transaction.operations
        assert isinstance(first, ManageData)
        assert isinstance(second, ManageData)
        assert first.source == MuxedAccount.from_account(CLIENT.public_key)
        assert first.data_name == f"{HOME_DOMAIN} auth"
        assert len(first.data_value or b"") == 64
        assert second.source == MuxedAccount.from_account(server)
        assert (second.data_name, second.data_value) == ("web_auth_domain", HOME_DOMAIN.encode())

    @pytest.mark.clause("SEP-10/challenge/nonce")
    async def test_two_challenges_are_never_the_same(self, api: Api) -> None:
        assert await api.challenge() != await api.challenge()

    @pytest.mark.clause("SEP-10/challenge/memo-zero")
    async def test_a_memo_of_zero_is_a_memo(self, api: Api) -> None:
        assert api.read(await api.challenge(memo="0")).transaction.memo == IdMemo(0)

    async def test_the_largest_memo_is_accepted(self, api: Api) -> None:
        largest = 2**64 - 1
        assert api.read(await api.challenge(memo=str(largest))).transaction.memo == IdMemo(largest)

    async def test_a_client_domain_is_ignored(self, api: Api) -> None:
        challenge = await api.challenge(client_domain="wallet.example")
        assert len(api.read(challenge).transaction.operations) == 2

    @pytest.mark.clause("SEP-10/challenge/parameters")
    async def test_a_wrong_question_is_refused_with_its_reason(self, api: Api) -> None:
        for query, reason in (
            ({}, "'account' is missing"),
            ({"account": "invalid-account"}, "account is not valid"),
            ({"account": MuxedAccount(CLIENT.public_key, 5).account_muxed or "", "memo": "0"}, "memo out"),
            ({"account": CLIENT.public_key, "memo": "abc"}, "memo is not valid"),
            ({"account": CLIENT.public_key, "home_domain": "evil.example"}, "not served here"),
        ):
            status, answer = await api.get(**query)
            assert status == 400
            assert reason in answer["error"]


class TestExchangingAChallenge:
    @pytest.mark.clause("SEP-10/token/encodings")
    async def test_json_and_form_are_read_alike(self, api: Api) -> None:
        for encoding in ("json", "data"):
            transaction = api.sign(await api.challenge(), CLIENT)
            status, answer = await api.post(**{encoding: {"transaction": transaction}})
            assert (status, list(answer)) == (200, ["token"])

    async def test_the_token_opens_protected_routes(self, api: Api) -> None:
        status, answer = await api.post(json={"transaction": api.sign(await api.challenge(), CLIENT)})
        assert status == 200
        assert await api.me(answer["token"]) == (200, {"account": CLIENT.public_key, "memo": "None"})

    @pytest.mark.clause("SEP-10/token/sub-memo")
    async def test_a_memo_of_zero_is_in_the_token(self, api: Api) -> None:
        transaction = api.sign(await api.challenge(memo="0"), CLIENT)
        _, answer = await api.post(json={"transaction": transaction})
        assert await api.me(answer["token"]) == (200, {"account": CLIENT.public_key, "memo": "0"})

    @pytest.mark.clause("SEP-10/token/memo-separate")
    async def test_a_muxed_account_is_its_base_account_with_a_memo(self, api: Api) -> None:
        muxed = MuxedAccount(CLIENT.public_key, 0).account_muxed or ""
        transaction = api.sign(await api.challenge(muxed), CLIENT)
        _, answer = await api.post(json={"transaction": transaction})
        assert await api.me(answer["token"]) == (200, {"account": CLIENT.public_key, "memo": "0"})
        assert api.accounts.asked == [CLIENT.public_key]

    @pytest.mark.clause("SEP-10/token/once")
    async def test_a_challenge_buys_one_token(self, api: Api) -> None:
        transaction = api.sign(await api.challenge(), CLIENT)
        assert (await api.post(json={"transaction": transaction}))[0] == 200
        status, answer = await api.post(json={"transaction": transaction})
        assert status == 400
        assert "bought a token already" in answer["error"]

    async def test_a_failed_attempt_does_not_use_the_challenge_up(self, api: Api) -> None:
        challenge = await api.challenge()
        assert (await api.post(json={"transaction": api.sign(challenge, key("other"))}))[0] == 400
        assert (await api.post(json={"transaction": api.sign(challenge, CLIENT)}))[0] == 200

    @pytest.mark.clause("SEP-10/token/network-away")
    async def test_a_network_that_does_not_answer_is_no_missing_account(self, api: Api) -> None:
        transaction = api.sign(await api.challenge(), CLIENT)
        api.accounts.away = True
        assert (await api.post(json={"transaction": transaction}))[0] == 503
        api.accounts.away = False
        assert (await api.post(json={"transaction": transaction}))[0] == 200

    @pytest.mark.clause("SEP-10/token/malformed")
    async def test_a_body_that_is_no_challenge_is_refused_with_its_reason(self, api: Api) -> None:
        attempts: list[tuple[dict[str, Any], str]] = [
            ({"json": {}}, "transaction"),
            ({"json": {"transaction": {"a": 1}}}, "Expected `str`"),
            ({"json": {"transaction": None}}, "Expected `str`"),
            ({"json": []}, "Expected `object`"),
            ({"data": {"other": "x"}}, "transaction"),
            ({"data": b"", "headers": {"Content-Type": "application/json"}}, "not as documented"),
            ({"data": b"hello", "headers": {"Content-Type": "text/plain"}}, "is not read here"),
            ({"json": {"transaction": ""}}, "no envelope"),
            ({"json": {"transaction": "%%%"}}, "not base64"),
        ]
        for how, reason in attempts:
            status, answer = await api.post(**how)
            assert status == 400
            assert reason in answer["error"]

    async def test_an_oversized_body_is_refused(self, api: Api) -> None:
        status, _ = await api.post(json={"transaction": "A" * 20_000})
        assert status == 413

    @pytest.mark.clause("SEP-10/cors")
    async def test_every_answer_may_be_read_by_a_browser(self, api: Api) -> None:
        async with api.http.get(f"{api.url}/auth") as response:
            assert response.status == 400
            assert response.headers["Access-Control-Allow-Origin"] == "*"
        async with api.http.options(f"{api.url}/auth") as response:
            assert response.status == 204
            assert "POST" in response.headers["Access-Control-Allow-Methods"]


class TestWhereOnlyPartnersMayAuthenticate:
    @pytest.fixture
    def configuration(self) -> Configuration:
        return configured(allow_list=True)

    async def test_an_unknown_account_gets_no_challenge(self, api: Api) -> None:
        status, answer = await api.get(account=CLIENT.public_key)
        assert status == 403
        assert "support@anchor.example" in answer["error"]

    async def test_a_partner_authenticates(self, api: Api) -> None:
        await registry.add(api.services.database, "Sending Anchor", [CLIENT.public_key], "tester")
        transaction = api.sign(await api.challenge(), CLIENT)
        assert (await api.post(json={"transaction": transaction}))[0] == 200

    async def test_a_partner_disabled_in_between_gets_no_token(self, api: Api) -> None:
        await registry.add(api.services.database, "Sending Anchor", [CLIENT.public_key], "tester")
        transaction = api.sign(await api.challenge(), CLIENT)
        await registry.disable(api.services.database, "Sending Anchor", "tester")
        api.clock.advance(timedelta(seconds=1))
        assert (await api.post(json={"transaction": transaction}))[0] == 403


class TestProtectedRoutes:
    async def _partners_only(self, api: Api, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        async with api.http.post(f"{api.url}/partners-only", headers=headers, data=body) as response:
            return response.status, (await response.json())["error"]

    async def test_garbage_without_a_token_never_reaches_a_parser(self, api: Api) -> None:
        for authorization in (
            None,
            "",
            "Bearer",
            "Bearer ",
            "Basic dXNlcjp3b3Jk",
            "Bearer x.y.z",
            "Bearer " + "a" * 5000,
        ):
            headers = {"Content-Type": "text/plain"}
            if authorization is not None:
                headers["Authorization"] = authorization
            status, error = await self._partners_only(api, headers, b"[object Object]" * 10_000)
            assert status == 403
            assert "token" in error

    async def test_a_token_of_no_partner_never_reaches_a_parser(self, api: Api) -> None:
        settings = api.services.configuration.settings
        tokens = TokenBook(
            issuer=auth_endpoint(settings.public_url), secrets=[settings.jwt_secret], clock=api.clock
        )
        token = tokens.issue(Principal(account=CLIENT.public_key), b"\1" * 32, api.clock.now())
        status, error = await self._partners_only(api, {"Authorization": f"Bearer {token}"}, b"{garbage")
        assert status == 403
        assert "no active partner" in error

    @pytest.mark.clause("SEP-10/token/expiry")
    async def test_a_token_works_until_it_expires(self, api: Api) -> None:
        _, answer = await api.post(json={"transaction": api.sign(await api.challenge(), CLIENT)})
        api.clock.advance(timedelta(seconds=3599))
        assert (await api.me(answer["token"]))[0] == 200
        api.clock.advance(timedelta(seconds=1))
        status, refusal = await api.me(answer["token"])
        assert status == 403
        assert "expired" in refusal["error"]
