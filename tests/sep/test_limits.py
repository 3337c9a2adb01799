"""How often callers may ask: by account, by address, with what they are told."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fixtures.asgi import Caller
from tests.fixtures.authentication import FakeAccounts, configured, key, services_on
from tests.fixtures.house import PARTNER, house_on

from roadstead.clock import ManualClock
from roadstead.config.limit_terms import Limits
from roadstead.partners.principal import Principal
from roadstead.partners.tokens import TokenBook
from roadstead.sep.application import build_application
from roadstead.sep.limits import Limiter, TokenBuckets
from roadstead.sep.table import route_table

CLOCK = ManualClock()


class TestTokenBuckets:
    def test_a_minute_s_worth_may_come_at_once_and_no_more(self) -> None:
        buckets, now = TokenBuckets(60), CLOCK.now()
        assert [buckets.wait_s("a", now) for _ in range(60)] == [0] * 60
        assert buckets.wait_s("a", now) == 1

    def test_what_was_told_is_true(self) -> None:
        buckets, now = TokenBuckets(6), CLOCK.now()
        for _ in range(6):
            buckets.wait_s("a", now)
        wait_s = buckets.wait_s("a", now)
        assert wait_s == 10
        assert buckets.wait_s("a", now + timedelta(seconds=wait_s - 1)) > 0
        assert buckets.wait_s("a", now + timedelta(seconds=wait_s)) == 0

    def test_a_refused_request_costs_nothing(self) -> None:
        buckets, now = TokenBuckets(60), CLOCK.now()
        for _ in range(1_000):
            buckets.wait_s("a", now)
        assert buckets.wait_s("a", now + timedelta(seconds=1)) == 0

    def test_callers_do_not_share(self) -> None:
        buckets, now = TokenBuckets(60), CLOCK.now()
        for _ in range(61):
            buckets.wait_s("a", now)
        assert buckets.wait_s("b", now) == 0

    def test_a_clock_that_was_set_back_gives_nothing_and_locks_nobody_out(self) -> None:
        buckets, now = TokenBuckets(60), CLOCK.now()
        for _ in range(60):
            buckets.wait_s("a", now)
        earlier = now - timedelta(hours=1)
        assert buckets.wait_s("a", earlier) == 1
        assert buckets.wait_s("a", earlier + timedelta(seconds=1)) == 0

    def test_a_flood_of_callers_does_not_grow_the_memory(self) -> None:
        buckets, now = TokenBuckets(60, buckets_max=100), CLOCK.now()
        for number in range(1_000):
            buckets.wait_s(str(number), now)
        assert len(buckets) == 100

    def test_the_one_that_was_quiet_for_longest_is_forgotten_first(self) -> None:
        buckets, now = TokenBuckets(1, buckets_max=2), CLOCK.now()
        for caller in ("quiet", "busy", "busy", "new"):
            buckets.wait_s(caller, now)
        assert buckets.wait_s("busy", now) > 0


def address(peer: str, forwarded: str | None = None, *, trusted: tuple[str, ...] = ()) -> str:
    limiter = Limiter(Limits(), [ipaddress.ip_network(network) for network in trusted])
    headers = {} if forwarded is None else {"x-forwarded-for": forwarded}
    return limiter.address_of({"client": (peer, 1)}, headers)


class TestAddresses:
    def test_what_strangers_say_of_themselves_is_ignored(self) -> None:
        assert address("203.0.113.9", "198.51.100.1") == "203.0.113.9"
        assert address("203.0.113.9", "198.51.100.1", trusted=("10.0.0.0/8",)) == "203.0.113.9"

    def test_a_proxy_of_ours_is_believed(self) -> None:
        assert address("10.0.0.1", "198.51.100.1", trusted=("10.0.0.0/8",)) == "198.51.100.1"

    def test_only_what_our_proxies_wrote_counts(self) -> None:
        forwarded = "1.2.3.4, 198.51.100.1, 10.0.0.7"
        assert address("10.0.0.1", forwarded, trusted=("10.0.0.0/8",)) == "198.51.100.1"

    @pytest.mark.parametrize("forwarded", ["", "garbage", "1.2.3.4, <script>", ",,,", "a" * 9_000])
    def test_a_chain_that_cannot_be_read_leads_back_to_the_last_sure_hop(self, forwarded: str) -> None:
        assert address("10.0.0.1", forwarded, trusted=("10.0.0.0/8",)) == "10.0.0.1"

    def test_whoever_has_one_address_of_a_v6_network_has_them_all(self) -> None:
        assert address("2001:db8:1:2:3::4") == address("2001:db8:1:2:ffff::1")
        assert address("2001:db8:1:2::1") != address("2001:db8:1:3::1")

    def test_a_v4_address_in_v6_clothes_is_the_same_address(self) -> None:
        assert address("::ffff:203.0.113.9") == "203.0.113.9"

    def test_a_connection_without_an_address_has_a_bucket_too(self) -> None:
        assert Limiter(Limits(), []).address_of({"client": None}, {}) == "unknown"


class TestTheApi:
    @pytest.fixture
    async def caller(self, database_url: str) -> AsyncIterator[Caller]:
        configuration = configured()
        limits = replace(
            configuration.anchor.limits, account_requests_per_minute=60, address_requests_per_minute=60
        )
        configuration = replace(configuration, anchor=replace(configuration.anchor, limits=limits))
        async with house_on(database_url) as house:
            services = services_on(house.database, FakeAccounts(), house.clock, configuration)
            tokens = services.tokens
            assert isinstance(tokens, TokenBook)
            token = tokens.issue(Principal(account=PARTNER), b"0" * 32, house.clock.now())
            yield Caller(application=build_application(route_table(configuration), services), token=token)

    async def test_too_many_requests_of_an_account_are_told_when_to_come_back(self, caller: Caller) -> None:
        statuses = {(await caller.get("/kyc/customer")).status for _ in range(60)}
        assert statuses == {200}
        refused = await caller.get("/kyc/customer", lang="es")
        assert refused.status == 429
        assert refused.headers["retry-after"] == "1"
        assert refused.error == (
            "Esta cuenta envía más solicitudes de las que permite su límite: envíe la siguiente dentro de 1 s."
        )
        assert "Retry-After" in refused.headers["access-control-expose-headers"]

    async def test_an_account_at_its_limit_takes_nothing_from_the_address(self, caller: Caller) -> None:
        for _ in range(61):
            await caller.get("/kyc/customer")
        assert (await caller.with_token(None).get("/sep31/info")).status == 200

    @pytest.mark.clause("SEP-10/rate-limit")
    async def test_an_address_that_only_tries_tokens_is_limited(self, caller: Caller) -> None:
        stranger = caller.with_token("a.b.c")
        assert {(await stranger.get("/kyc/customer")).status for _ in range(60)} == {401}
        assert (await stranger.get("/kyc/customer")).status == 429
        assert (await caller.with_token(None).get("/sep31/info")).status == 429
        assert (await caller.get("/kyc/customer")).status == 200

    async def test_a_signed_challenge_costs_as_much_as_ten_requests(self, caller: Caller) -> None:
        stranger = caller.with_token(None)
        statuses = [
            (await stranger.send_json("POST", "/auth", {"transaction": "AAAA"})).status for _ in range(7)
        ]
        assert statuses == [400] * 6 + [429]

    async def test_an_account_s_users_share_its_limit(self, caller: Caller) -> None:
        # Whoever may choose memos freely must not get a limit for each of them.
        assert key("partner").public_key == PARTNER
        for _ in range(60):
            await caller.get("/kyc/customer")
        assert (await caller.get("/kyc/customer", memo="5")).status == 429
