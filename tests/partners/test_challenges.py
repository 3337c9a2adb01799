"""Handing out challenges and redeeming them, on a real database."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import pytest
from stellar_sdk import MuxedAccount
from tests.fixtures.authentication import (
    FakeAccounts,
    configured,
    key,
    manual_clock,
    services_on,
    signed,
    signers_of,
)

from roadstead.clock import ManualClock
from roadstead.config.effective import Configuration
from roadstead.database.pool import Database
from roadstead.errors import BadInput, ConfigurationError, Forbidden, Unavailable
from roadstead.partners.challenge_envelope import Claimant
from roadstead.partners.challenges import auth_endpoint, authority_of, purge_used, read_claimant
from roadstead.sep.services import Services

CLIENT = key("client")
ACCOUNT = CLIENT.public_key
MUXED = MuxedAccount(ACCOUNT, 5).account_muxed or ""


@dataclass(slots=True)
class Server:
    """Authentication under test."""

    services: Services
    accounts: FakeAccounts
    clock: ManualClock

    async def signed_challenge(self, memo: str | None = None) -> str:
        challenge = await self.services.challenges.open(account=ACCOUNT, memo=memo)
        return signed(challenge.transaction, challenge.network_passphrase, CLIENT)

    async def uses(self) -> int:
        async with self.services.database.connection() as connection:
            counted: int = await connection.fetchval("SELECT count(*) FROM used_challenges")
        return counted


def server_on(database: Database, configuration: Configuration) -> Server:
    accounts, clock = FakeAccounts(), manual_clock()
    return Server(services_on(database, accounts, clock, configuration), accounts, clock)


@pytest.fixture
def server(database: Database) -> Server:
    return server_on(database, configured())


class TestWhoAsks:
    @pytest.mark.parametrize(
        ("account", "memo", "claimant"),
        [
            (ACCOUNT, None, Claimant(account=ACCOUNT)),
            (ACCOUNT, "0", Claimant(account=ACCOUNT, memo=0)),
            (ACCOUNT, "18446744073709551615", Claimant(account=ACCOUNT, memo=2**64 - 1)),
            (MUXED, None, Claimant(account=ACCOUNT, memo=5, muxed=True)),
        ],
    )
    def test_an_account_with_or_without_memo_or_a_muxed_one(
        self, account: str, memo: str | None, claimant: Claimant
    ) -> None:
        assert read_claimant(account, memo) == claimant

    @pytest.mark.parametrize(
        ("account", "memo", "reason"),
        [
            (None, None, "'account' is missing"),
            ("", None, "'account' is missing"),
            ("invalid-account", None, "account is not valid"),
            (ACCOUNT[:-1] + "A", None, "account is not valid"),
            (ACCOUNT.lower(), None, "account is not valid"),
            (CLIENT.secret, None, "account is not valid"),
            ("CA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUWDA", None, "SEP-45"),
            (MUXED[:-1], None, "account is not valid"),
            (MUXED, "0", "leave the memo out"),
            (MUXED, "5", "leave the memo out"),
            (MUXED, "", "leave the memo out"),
            (ACCOUNT, "", "memo is not valid"),
            (ACCOUNT, "-1", "memo is not valid"),
            (ACCOUNT, "1.0", "memo is not valid"),
            (ACCOUNT, "abc", "memo is not valid"),
            (ACCOUNT, "٣", "memo is not valid"),
            (ACCOUNT, "18446744073709551616", "memo is not valid"),
        ],
    )
    def test_anything_else_is_refused_with_its_reason_and_not_repeated(
        self, account: str | None, memo: str | None, reason: str
    ) -> None:
        with pytest.raises(BadInput, match=reason) as refusal:
            read_claimant(account, memo)
        assert CLIENT.secret not in refusal.value.message


class TestWhereTheServerIs:
    @pytest.mark.parametrize(
        ("url", "authority"),
        [
            ("https://anchor.example", "anchor.example"),
            ("https://Anchor.Example:443/api", "anchor.example"),
            ("http://anchor.example:80", "anchor.example"),
            ("https://anchor.example:80", "anchor.example:80"),
            ("http://localhost:8080", "localhost:8080"),
            ("http://[::1]:8080", "[::1]:8080"),
        ],
    )
    def test_its_domain_is_written_as_browsers_write_it(self, url: str, authority: str) -> None:
        assert authority_of(url) == authority

    def test_the_endpoint_is_below_the_public_url(self) -> None:
        assert auth_endpoint("https://api.anchor.example") == "https://api.anchor.example/auth"

    @pytest.mark.clause("SEP-10/challenge/web-auth-domain")
    async def test_home_and_server_may_have_different_domains(self, database: Database) -> None:
        server = server_on(database, configured({"ROADSTEAD_PUBLIC_URL": "http://127.0.0.1:8443"}))
        assert server.services.challenges.terms.home_domain == "localhost:8080"
        assert server.services.challenges.terms.web_auth_domain == "127.0.0.1:8443"
        assert await server.services.challenges.redeem(await server.signed_challenge())

    async def test_a_domain_too_long_for_a_challenge_stops_the_start(self, database: Database) -> None:
        with pytest.raises(ConfigurationError, match="64 bytes"):
            server_on(database, configured({"ROADSTEAD_HOME_DOMAIN": f"{'a' * 50}.example.com"}))


class TestRedeeming:
    async def test_of_many_at_once_one_gets_a_token(self, server: Server) -> None:
        text = await server.signed_challenge()
        outcomes = await asyncio.gather(
            *(server.services.challenges.redeem(text) for _ in range(6)), return_exceptions=True
        )
        assert sum(isinstance(outcome, str) for outcome in outcomes) == 1
        refusals = [outcome for outcome in outcomes if isinstance(outcome, BadInput)]
        assert len(refusals) == 5
        assert all("bought a token already" in refusal.message for refusal in refusals)

    async def test_other_signatures_do_not_make_it_another_challenge(self, server: Server) -> None:
        other = key("other")
        server.accounts.known[ACCOUNT] = signers_of((CLIENT, 1), (other, 1), medium=1)
        challenge = await server.services.challenges.open(account=ACCOUNT)
        by_one = signed(challenge.transaction, challenge.network_passphrase, CLIENT)
        by_other = signed(challenge.transaction, challenge.network_passphrase, other)
        await server.services.challenges.redeem(by_one)
        with pytest.raises(BadInput, match="bought a token already"):
            await server.services.challenges.redeem(by_other)

    async def test_the_keys_of_the_account_are_asked_for_at_each_attempt(self, server: Server) -> None:
        text = await server.signed_challenge()
        server.accounts.known[ACCOUNT] = signers_of((CLIENT, 1), medium=2)
        with pytest.raises(BadInput, match="do not meet threshold 2"):
            await server.services.challenges.redeem(text)
        server.accounts.known[ACCOUNT] = signers_of((CLIENT, 2), medium=2)
        assert await server.services.challenges.redeem(text)
        assert server.accounts.asked == [ACCOUNT, ACCOUNT]

    async def test_when_the_network_is_away_nothing_is_decided(self, server: Server) -> None:
        text = await server.signed_challenge()
        server.accounts.away = True
        with pytest.raises(Unavailable):
            await server.services.challenges.redeem(text)
        assert await server.uses() == 0

    async def test_garbage_asks_nobody(self, server: Server) -> None:
        unsigned = (await server.services.challenges.open(account=ACCOUNT)).transaction
        for text in ("", "AAAA", unsigned):
            with pytest.raises(BadInput):
                await server.services.challenges.redeem(text)
        assert server.accounts.asked == []

    async def test_without_a_database_there_is_no_token(self, server: Server) -> None:
        text = await server.signed_challenge()
        await server.services.database.close()
        with pytest.raises(Unavailable):
            await server.services.challenges.redeem(text)

    async def test_a_token_reads_as_who_asked(self, server: Server) -> None:
        token = await server.services.challenges.redeem(await server.signed_challenge(memo="0"))
        principal = server.services.tokens.read(token)
        assert (principal.account, principal.memo) == (ACCOUNT, 0)


class TestWhereOnlyPartnersMayAuthenticate:
    async def test_strangers_are_refused_at_both_doors(self, database: Database) -> None:
        open_to_all = server_on(database, configured())
        text = await open_to_all.signed_challenge()
        partners_only = server_on(database, configured(allow_list=True))
        with pytest.raises(Forbidden):
            await partners_only.services.challenges.open(account=ACCOUNT)
        with pytest.raises(Forbidden):
            await partners_only.services.challenges.redeem(text)
        assert partners_only.accounts.asked == []


class TestPurging:
    async def test_a_used_challenge_is_forgotten_when_it_cannot_be_used_any_more(
        self, server: Server
    ) -> None:
        database = server.services.database
        await server.services.challenges.redeem(await server.signed_challenge())
        end = server.clock.now() + timedelta(minutes=15)
        assert await purge_used(database, end + timedelta(minutes=5)) == 0
        assert await server.uses() == 1
        assert await purge_used(database, end + timedelta(minutes=5, seconds=1)) == 1
        assert await server.uses() == 0
        assert await purge_used(database, end + timedelta(minutes=6)) == 0
