"""SEP-38 over HTTP, clause by clause."""

from __future__ import annotations

import asyncio
import re
import tomllib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.fixtures.asgi import Caller, Reply
from tests.fixtures.authentication import FakeAccounts, key, services_on
from tests.fixtures.house import PARTNER, House, house_on

from roadstead.clock import ManualClock, utc_text
from roadstead.partners.principal import Principal
from roadstead.partners.tokens import TokenBook
from roadstead.quotes.rates import Limits, RateBook
from roadstead.sep.application import build_application
from roadstead.sep.services import Services
from roadstead.sep.table import route_table

STRANGER = key("stranger").public_key
EUR, JPY, USD = "iso4217:EUR", "iso4217:JPY", "iso4217:USD"
PLAIN_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")


@dataclass(slots=True)
class Desk:
    """The quote server on a house, and tokens for it."""

    house: House
    caller: Caller
    services: Services
    clock: ManualClock

    @property
    def usdc(self) -> str:
        return self.house.configuration.asset("USDC").asset.id

    def token(self, account: str = PARTNER, memo: int | None = None) -> str:
        tokens = self.services.tokens
        assert isinstance(tokens, TokenBook)
        return tokens.issue(Principal(account=account, memo=memo), b"0" * 32, self.clock.now())

    def request(self, **changes: Any) -> dict[str, Any]:
        asked = {
            "sell_asset": self.usdc,
            "buy_asset": EUR,
            "sell_amount": "100",
            "context": "sep31",
            **changes,
        }
        return {name: value for name, value in asked.items() if value is not None}

    async def price(self, **changes: Any) -> Reply:
        return await self.caller.get("/sep38/price", **self.request(**changes))

    async def quote(self, **changes: Any) -> Reply:
        return await self.caller.send_json("POST", "/sep38/quote", self.request(**changes))

    async def given(self, **changes: Any) -> dict[str, Any]:
        reply = await self.quote(**changes)
        assert reply.status == 201, reply.body
        document: dict[str, Any] = reply.json
        return document


def desk_on(house: House, services: Services) -> Desk:
    application = build_application(route_table(services.configuration), services)
    desk = Desk(house=house, caller=Caller(application=application), services=services, clock=house.clock)
    desk.caller = desk.caller.with_token(desk.token())
    return desk


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    async with house_on(database_url) as house:
        yield desk_on(house, services_on(house.database, FakeAccounts(), house.clock, house.configuration))


def changed(desk: Desk, **changes: Any) -> Desk:
    """The same desk with other terms for USDC in EUR."""
    configuration = desk.house.configuration
    pairs = tuple(
        replace(pair, **changes) if pair.name == "USDC-EUR" else pair for pair in configuration.anchor.pairs
    )
    other = replace(configuration, anchor=replace(configuration.anchor, pairs=pairs))
    return desk_on(desk.house, services_on(desk.house.database, FakeAccounts(), desk.clock, other))


def without_rates(desk: Desk) -> Desk:
    """The same desk, whose sources know nothing."""
    limits = {"reference": Limits(max_age_s=60, refresh_s=10)}
    book = RateBook(desk.house.configuration.pairs, {"reference": Silent()}, limits, desk.clock)
    return desk_on(desk.house, replace(desk.services, rates=book))


class Silent:
    async def rate(self, sell: Any, buy: Any) -> Any:
        raise TimeoutError

    async def close(self) -> None:
        pass


class TestDiscovery:
    @pytest.mark.clause("SEP-38/discovery")
    async def test_stellar_toml_names_the_quote_server(self, desk: Desk) -> None:
        content = tomllib.loads((await desk.caller.get("/.well-known/stellar.toml")).body.decode())
        address = content["ANCHOR_QUOTE_SERVER"].removeprefix(desk.house.configuration.settings.public_url)
        assert (await desk.caller.get(f"{address}/info")).status == 200


class TestAuthentication:
    """A38.2"""

    @pytest.mark.clause("SEP-38/authentication/optional")
    @pytest.mark.clause("SEP-38/authentication/invalid")
    @pytest.mark.parametrize("path", ["/sep38/info", "/sep38/prices", "/sep38/price"])
    async def test_a_token_is_optional_and_an_invalid_one_is_403(self, desk: Desk, path: str) -> None:
        query = desk.request(buy_asset=None, context=None) if path.endswith("s") else desk.request()
        assert (await desk.caller.with_token(None).get(path, **query)).status == 200
        assert (await desk.caller.get(path, **query)).status == 200
        refused = await desk.caller.with_token("garbage").get(path, **query)
        assert refused.status == 403
        assert refused.error

    @pytest.mark.clause("SEP-38/authentication/required")
    async def test_quotes_need_a_token_before_anything_is_read(self, desk: Desk) -> None:
        nobody = desk.caller.with_token(None)
        posted = await nobody.send("POST", "/sep38/quote", body=b"[object Object]", content_type="text/plain")
        assert (posted.status, bool(posted.error)) == (403, True)
        assert (await nobody.get("/sep38/quote/not-an-id")).status == 403

    @pytest.mark.clause("SEP-38/authorization")
    async def test_an_account_without_agreement_gets_a_quote_where_the_network_is_open(
        self, desk: Desk
    ) -> None:
        """A38.26"""
        desk.caller = desk.caller.with_token(desk.token(STRANGER))
        assert (await desk.quote()).status == 201

    @pytest.mark.clause("SEP-38/authorization")
    async def test_and_none_where_only_partners_are_let_in(self, desk: Desk) -> None:
        configuration = desk.house.configuration
        profile = replace(configuration.profile, requires_allow_list_at_authentication=True)
        strict = replace(configuration, profile=profile)
        closed = desk_on(desk.house, replace(desk.services, configuration=strict))
        assert (await closed.quote()).status == 201
        closed.caller = closed.caller.with_token(closed.token(STRANGER))
        assert (await closed.quote()).status == 403


class TestInfo:
    @pytest.mark.clause("SEP-38/info/assets")
    @pytest.mark.clause("SEP-38/info/delivery-methods")
    @pytest.mark.clause("SEP-38/info/country-codes")
    async def test_tokens_are_only_named_and_currencies_tell_methods_and_countries(self, desk: Desk) -> None:
        """A38.6 to A38.8"""
        reply = await desk.caller.get("/sep38/info")
        assets = reply.json["assets"]
        assert assets[:2] == [{"asset": desk.house.eurx.id}, {"asset": desk.usdc}]
        by_id = {asset["asset"]: asset for asset in assets[2:]}
        assert list(by_id) == [EUR, USD, JPY]
        assert [method["name"] for method in by_id[EUR]["buy_delivery_methods"]] == ["SEPA"]
        assert by_id[USD]["country_codes"] == ["US"]
        assert "sell_delivery_methods" not in by_id[EUR]

    @pytest.mark.clause("SEP-38/info/funding-methods")
    @pytest.mark.clause("SEP-31/info/quotes")
    async def test_the_methods_are_those_of_sep31(self, desk: Desk) -> None:
        """A38.7, Z12"""
        receive = (await desk.caller.get("/sep31/info")).json["receive"]
        named = {
            method["name"]
            for asset in (await desk.caller.get("/sep38/info")).json["assets"]
            for method in asset.get("buy_delivery_methods", [])
        }
        assert named == {name for terms in receive.values() for name in terms["funding_methods"]}
        assert all(terms["quotes_supported"] for terms in receive.values())

    async def test_the_first_token_is_the_first_of_sep31(self, desk: Desk) -> None:
        """A38.9"""
        receive = (await desk.caller.get("/sep31/info")).json["receive"]
        first = (await desk.caller.get("/sep38/info")).json["assets"][0]["asset"]
        assert first.split(":")[1] == next(iter(receive))


class TestPrices:
    @pytest.mark.clause("SEP-38/prices/selling")
    async def test_what_an_asset_buys_is_priced_per_unit_of_what_is_bought(self, desk: Desk) -> None:
        """A38.5, A38.11, A38.14, A38.15"""
        reply = await desk.caller.get("/sep38/prices", sell_asset=desk.usdc, sell_amount="100")
        content = reply.json
        assert set(content) == {"buy_assets"}
        found = {line["asset"]: line for line in content["buy_assets"]}
        assert {asset: line["decimals"] for asset, line in found.items()} == {USD: 2, EUR: 2, JPY: 0}
        assert Decimal(found[EUR]["price"]) == pytest.approx(1 / (Decimal("0.92") * Decimal("0.995")))
        assert all(PLAIN_NUMBER.fullmatch(line["price"]) for line in found.values())
        assert set(found[EUR]) == {"asset", "price", "decimals"}

    @pytest.mark.clause("SEP-38/prices/buying")
    async def test_what_buys_an_asset_is_priced_in_what_is_sold(self, desk: Desk) -> None:
        """A38.11, A38.13"""
        reply = await desk.caller.get("/sep38/prices", buy_asset=EUR, buy_amount="100")
        assert set(reply.json) == {"sell_assets"}
        found = {line["asset"]: line for line in reply.json["sell_assets"]}
        assert found[desk.house.eurx.id] == {"asset": desk.house.eurx.id, "price": "1", "decimals": 7}
        assert Decimal(found[desk.usdc]["price"]) > 1

    @pytest.mark.clause("SEP-38/prices/one-side")
    async def test_both_assets_are_a_filter(self, desk: Desk) -> None:
        """Z3"""
        reply = await desk.caller.get("/sep38/prices", sell_asset=desk.usdc, sell_amount="100", buy_asset=JPY)
        assert [line["asset"] for line in reply.json["buy_assets"]] == [JPY]

    @pytest.mark.clause("SEP-38/prices/empty")
    async def test_an_asset_that_sells_nothing_gets_an_empty_list(self, desk: Desk) -> None:
        """A38.12"""
        reply = await desk.caller.get("/sep38/prices", sell_asset=EUR, sell_amount="100")
        assert (reply.status, reply.json) == (200, {"buy_assets": []})

    @pytest.mark.clause("SEP-38/errors")
    @pytest.mark.clause("SEP-38/prices/one-side")
    @pytest.mark.parametrize(
        "query",
        [
            {},
            {"sell_amount": "100"},
            {"sell_asset": "USDC"},
            {"sell_asset": "USDC", "sell_amount": "100", "buy_amount": "100"},
            {"sell_asset": "USDC", "sell_amount": "-1"},
            {"sell_asset": "USDC", "sell_amount": "1e2"},
            {"buy_asset": EUR},
            {"buy_asset": EUR, "buy_amount": "0"},
            {"buy_asset": EUR, "buy_amount": "0.001"},
            {"buy_asset": EUR, "sell_amount": "100"},
            {"sell_asset": "stellar:XYZ:G", "sell_amount": "100"},
            {"sell_asset": "iso4217:GBP", "sell_amount": "100"},
            {"sell_asset": "USDC", "sell_amount": "100", "buy_delivery_method": "PIGEON"},
            {"sell_asset": "USDC", "sell_amount": "100", "sell_delivery_method": "SEPA"},
            {"sell_asset": "USDC", "sell_amount": "100", "country_code": "xx"},
        ],
    )
    async def test_what_cannot_be_priced_is_400(self, desk: Desk, query: dict[str, str]) -> None:
        """A38.3, A38.10, A38.12"""
        named = {name: desk.usdc if value == "USDC" else value for name, value in query.items()}
        reply = await desk.caller.get("/sep38/prices", **named)
        assert reply.status == 400
        assert reply.error

    @pytest.mark.clause("SEP-38/prices/delivery")
    async def test_methods_and_countries_narrow_the_list(self, desk: Desk) -> None:
        async def bought(**more: str) -> list[str]:
            query = {"sell_asset": desk.usdc, "sell_amount": "100", **more}
            reply = await desk.caller.get("/sep38/prices", **query)
            return [line["asset"] for line in reply.json["buy_assets"]]

        assert await bought(buy_delivery_method="SEPA") == [EUR]
        assert await bought(country_code="JP") == [EUR, JPY]
        assert await bought(country_code="US-NY") == [USD, EUR]

    @pytest.mark.clause("SEP-38/price/current")
    async def test_without_a_current_rate_it_is_503(self, desk: Desk) -> None:
        silent = without_rates(desk)
        reply = await silent.caller.get("/sep38/prices", sell_asset=desk.usdc, sell_amount="100")
        assert reply.status == 503
        assert "none is invented" in reply.error


class TestPrice:
    @pytest.mark.clause("SEP-38/price/answer")
    @pytest.mark.clause("SEP-38/price/fee")
    async def test_it_has_exactly_its_members_all_texts(self, desk: Desk) -> None:
        """A38.18"""
        content = (await desk.price()).json
        assert set(content) == {"total_price", "price", "sell_amount", "buy_amount", "fee"}
        assert all(PLAIN_NUMBER.fullmatch(content[name]) for name in set(content) - {"fee"})
        fee = content["fee"]
        assert fee["asset"] == desk.usdc
        assert Decimal(fee["total"]) == Decimal("0.75")
        assert sum(Decimal(line["amount"]) for line in fee["details"]) == Decimal(fee["total"])

    @pytest.mark.clause("SEP-38/price/formulas")
    @pytest.mark.clause("SEP-38/price/one-amount")
    @pytest.mark.parametrize("buy", [EUR, USD, JPY])
    @pytest.mark.parametrize("side", [{"sell_amount": "123.4567891"}, {"buy_amount": "980"}])
    async def test_the_formulas_hold(self, desk: Desk, buy: str, side: dict[str, str]) -> None:
        """A38.19, A38.21"""
        content = (
            await desk.price(buy_asset=buy, sell_amount=None, **side)
            if "buy_amount" in side
            else await desk.price(buy_asset=buy, **side)
        ).json
        sell, bought, fee = (
            float(text) for text in (content["sell_amount"], content["buy_amount"], content["fee"]["total"])
        )
        decimals = 0 if buy == JPY else 2
        assert round(sell / float(content["total_price"]), decimals) == round(bought, decimals)
        assert round(sell - fee, decimals) == round(float(content["price"]) * bought, decimals)
        for name, text in side.items():
            assert Decimal(content[name]) == Decimal(text)

    @pytest.mark.clause("SEP-38/errors")
    @pytest.mark.clause("SEP-38/price/one-amount")
    @pytest.mark.clause("SEP-38/price/limits")
    @pytest.mark.parametrize(
        "changes",
        [
            {"sell_amount": None},
            {"buy_amount": "50"},
            {"context": None},
            {"context": "sep99"},
            {"context": "sep6"},
            {"sell_asset": None},
            {"buy_asset": None},
            {"buy_asset": "iso4217:GBP"},
            {"sell_asset": EUR},
            {"sell_asset": "x"},
            {"buy_delivery_method": "WIRE"},
            {"sell_delivery_method": "SEPA"},
            {"country_code": "Germany"},
            {"sell_amount": "0.5"},
            {"sell_amount": "10000.1"},
            {"sell_amount": "100.00000001"},
            {"sell_amount": "NaN"},
        ],
    )
    async def test_what_cannot_be_priced_is_400(self, desk: Desk, changes: dict[str, Any]) -> None:
        """A38.16"""
        for reply in (await desk.price(**changes), await desk.quote(**changes)):
            assert reply.status == 400, reply.body
            assert reply.error

    @pytest.mark.clause("SEP-38/price/delivery-optional")
    async def test_the_delivery_method_may_be_left_out_or_named(self, desk: Desk) -> None:
        """A38.17"""
        assert (await desk.price()).json == (await desk.price(buy_delivery_method="SEPA")).json

    @pytest.mark.clause("SEP-38/price/context")
    @pytest.mark.parametrize("context", [None, "", "sep6", "sep24", "SEP31"])
    async def test_another_context_than_sep31_is_400_and_says_so(
        self, desk: Desk, context: str | None
    ) -> None:
        reply = await desk.price(context=context)
        assert (reply.status, "send sep31" in reply.error) == (400, True)
        assert (await desk.quote(context=context)).status == 400

    async def test_without_a_current_rate_it_is_503(self, desk: Desk) -> None:
        assert (await without_rates(desk).price()).status == 503


class TestQuote:
    @pytest.mark.clause("SEP-38/quote/answer")
    async def test_it_is_201_with_exactly_its_members(self, desk: Desk) -> None:
        """A38.27, Z11"""
        document = await desk.given()
        members = {"id", "expires_at", "total_price", "price", "sell_asset", "sell_amount", "buy_asset"}
        assert set(document) == members | {"buy_amount", "fee"}
        assert (document["sell_asset"], document["buy_asset"]) == (desk.usdc, EUR)
        assert Decimal(document["sell_amount"]) == 100
        assert document["buy_amount"] == "90.85"

    @pytest.mark.clause("SEP-38/quote/delivery-answer")
    async def test_the_delivery_method_is_there_when_it_was_asked_for(self, desk: Desk) -> None:
        """A38.27"""
        assert (await desk.given(buy_delivery_method="SEPA"))["buy_delivery_method"] == "SEPA"

    @pytest.mark.clause("SEP-38/quote/amounts")
    async def test_amounts_may_be_numbers(self, desk: Desk) -> None:
        """A38.22"""
        assert (await desk.given(sell_amount=100.5))["sell_amount"] == "100.5000000"
        assert (await desk.given(sell_amount=None, buy_amount=90.85))["buy_amount"] == "90.85"

    @pytest.mark.clause("SEP-38/quote/amounts")
    @pytest.mark.parametrize("amount", [True, [], {}, "", -5, "1e3"])
    async def test_what_is_no_amount_is_400(self, desk: Desk, amount: Any) -> None:
        assert (await desk.quote(sell_amount=amount)).status == 400

    @pytest.mark.clause("SEP-38/quote/delivery-required")
    async def test_of_several_delivery_methods_one_has_to_be_named(self, desk: Desk) -> None:
        """A38.23"""
        several = changed(desk, funding_methods=("SEPA", "WIRE"))
        refused = await several.quote()
        assert (refused.status, "send one of SEPA, WIRE" in refused.error) == (400, True)
        assert (await several.quote(buy_delivery_method="WIRE")).status == 201

    @pytest.mark.clause("SEP-38/quote/expires-at")
    async def test_it_expires_strictly_later_in_whole_seconds(self, desk: Desk) -> None:
        """A38.28"""
        desk.clock.advance(timedelta(microseconds=999_999))
        document = await desk.given()
        assert document["expires_at"] == "2026-01-01T00:05:00Z"

    @pytest.mark.clause("SEP-38/quote/expire-after")
    @pytest.mark.parametrize(
        ("asked_s", "given_s"), [(1, 300), (300, 300), (301, 301), (900.5, 901), (3600, 3600)]
    )
    async def test_it_does_not_expire_before_it_is_asked_to(
        self, desk: Desk, asked_s: float, given_s: int
    ) -> None:
        """A38.24"""
        after = utc_text(desk.clock.now() + timedelta(seconds=asked_s))
        document = await desk.given(expire_after=after)
        assert document["expires_at"] == utc_text(desk.clock.now() + timedelta(seconds=given_s))

    @pytest.mark.clause("SEP-38/quote/expire-after-impossible")
    @pytest.mark.parametrize(
        "moment",
        [
            "2026-01-01T01:00:01Z",
            "2026-01-01T00:00:00Z",
            "2020-01-01T00:00:00Z",
            "soon",
            "2026-01-02",
            "9" * 99,
        ],
    )
    async def test_a_moment_that_cannot_be_honoured_is_400(self, desk: Desk, moment: str) -> None:
        """A38.24"""
        assert (await desk.quote(expire_after=moment)).status == 400

    async def test_a_moment_without_zone_is_utc(self, desk: Desk) -> None:
        assert (await desk.given(expire_after="2026-01-01T00:30:00"))["expires_at"] == "2026-01-01T00:30:00Z"

    @pytest.mark.clause("SEP-38/get/answer")
    async def test_asking_again_gives_the_identical_document_for_ever(self, desk: Desk) -> None:
        """A38.30"""
        posted = await desk.quote(buy_delivery_method="SEPA")
        desk.clock.advance(timedelta(days=1))
        desk.caller = desk.caller.with_token(desk.token())
        found = await desk.caller.get(f"/sep38/quote/{posted.json['id']}")
        assert (found.status, found.body) == (200, posted.body)

    @pytest.mark.clause("SEP-38/get/owner")
    async def test_another_memo_of_the_account_sees_it_and_another_account_does_not(self, desk: Desk) -> None:
        """A38.31, Z10"""
        path = f"/sep38/quote/{(await desk.given())['id']}"
        assert (await desk.caller.with_token(desk.token(memo=7)).get(path)).status == 200
        stranger = await desk.caller.with_token(desk.token(STRANGER)).get(path)
        assert (stranger.status, bool(stranger.error)) == (404, True)

    @pytest.mark.clause("SEP-38/get/unknown")
    @pytest.mark.parametrize("name", ["not-an-id", "18e413284", "{id}", str(UUID(int=0)), "%00"])
    async def test_an_id_that_is_not_known_is_404(self, desk: Desk, name: str) -> None:
        """A38.3, A38.31"""
        reply = await desk.caller.get(f"/sep38/quote/{name}")
        assert (reply.status, bool(reply.error)) == (404, True)

    async def test_without_a_current_rate_it_is_503_and_nothing_is_stored(self, desk: Desk) -> None:
        assert (await without_rates(desk).quote()).status == 503
        assert await desk.house.value("SELECT count(*) FROM quotes") == 0


class TestReservation:
    """A38.25"""

    @pytest.mark.clause("SEP-38/quote/reserved")
    async def test_what_is_promised_in_a_pair_is_limited_and_expiry_releases_it(self, desk: Desk) -> None:
        tight = changed(desk, exposure_max=Decimal(250))
        await tight.given()
        await tight.given()
        refused = await tight.quote()
        assert refused.status == 400
        assert "50.0000000 USDC can be quoted" in refused.error
        assert (await tight.quote(sell_amount="50")).status == 201
        assert (await tight.quote(buy_asset=USD)).status == 201
        desk.clock.advance(timedelta(seconds=299))
        assert (await tight.quote()).status == 400
        desk.clock.advance(timedelta(seconds=1))
        assert (await tight.quote()).status == 201

    @pytest.mark.clause("SEP-38/quote/reserved")
    async def test_the_limit_holds_against_many_at_once(self, desk: Desk) -> None:
        tight = changed(desk, exposure_max=Decimal(500), open_quotes_max=100)
        replies = await asyncio.gather(*(tight.quote() for _ in range(12)))
        assert sorted(reply.status for reply in replies) == [201] * 5 + [400] * 7

    @pytest.mark.clause("SEP-38/quote/reserved-per-client")
    async def test_open_quotes_of_a_partner_are_counted_over_all_its_accounts(self, desk: Desk) -> None:
        few = changed(desk, open_quotes_max=2)
        await desk.house.execute(
            "INSERT INTO partner_accounts (account, partner_id) SELECT $1, id FROM partners", STRANGER
        )
        await few.given()
        few.caller = few.caller.with_token(few.token(STRANGER))
        await few.given()
        refused = await few.quote()
        assert (refused.status, "2 quotes are open" in refused.error) == (400, True)

    async def test_what_others_hold_does_not_count(self, desk: Desk) -> None:
        few = changed(desk, open_quotes_max=1)
        await few.given()
        few.caller = few.caller.with_token(few.token(STRANGER))
        assert (await few.quote()).status == 201

    @pytest.mark.clause("SEP-38/quote/firm")
    async def test_a_quote_never_changes(self, desk: Desk) -> None:
        await desk.given()
        for statement in ("UPDATE quotes SET buy_units = 1", "DELETE FROM quotes", "TRUNCATE quotes CASCADE"):
            with pytest.raises(Exception, match="append-only"):
                await desk.house.execute(statement)


class TestUseInSep31:
    def body(self, desk: Desk, quote: dict[str, Any], **changes: Any) -> dict[str, Any]:
        proposal = {
            "amount": 100,
            "asset_code": "USDC",
            "quote_id": quote["id"],
            "sender_id": str(desk.house.sender_id),
            "receiver_id": str(desk.house.receiver_id),
            "funding_method": "SEPA",
            **changes,
        }
        return {name: value for name, value in proposal.items() if value is not None}

    async def open(self, desk: Desk, quote: dict[str, Any], **changes: Any) -> Reply:
        return await desk.caller.send_json("POST", "/sep31/transactions", self.body(desk, quote, **changes))

    @pytest.mark.clause("SEP-38/quote/use")
    async def test_the_transaction_has_the_amounts_and_the_fee_of_the_quote(self, desk: Desk) -> None:
        """A31.18, A31.20"""
        quote = await desk.given()
        opened = await self.open(desk, quote)
        assert opened.status == 201, opened.body
        transaction = (await desk.caller.get(f"/sep31/transactions/{opened.json['id']}")).json["transaction"]
        assert transaction["quote_id"] == quote["id"]
        assert transaction["amount_in"] == quote["sell_amount"]
        assert transaction["amount_in_asset"] == quote["sell_asset"]
        assert transaction["amount_out"] == quote["buy_amount"]
        assert transaction["amount_out_asset"] == quote["buy_asset"]
        assert transaction["fee_details"] == quote["fee"]
        assert transaction["amount_fee"] == quote["fee"]["total"]
        remittance = await desk.house.remittance(UUID(opened.json["id"]))
        assert utc_text(remittance.expires_at) == quote["expires_at"]

    @pytest.mark.clause("SEP-38/quote/use")
    @pytest.mark.clause("SEP-31/post/quote-once")
    async def test_of_two_transactions_at_one_quote_one_is_opened(self, desk: Desk) -> None:
        """A38.32, A31.10"""
        quote = await desk.given()
        replies = await asyncio.gather(*(self.open(desk, quote) for _ in range(4)))
        assert sorted(reply.status for reply in replies) == [201, 400, 400, 400]
        assert all("used once" in reply.error for reply in replies if reply.status == 400)
        assert await desk.house.value("SELECT count(*) FROM remittances") == 1

    @pytest.mark.clause("SEP-31/post/quote")
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"amount": 100.01}, "send amount 100.0000000"),
            ({"asset_code": "EURX"}, "sells stellar:USDC"),
            ({"destination_asset": USD}, "buys iso4217:EUR"),
            ({"funding_method": "WIRE"}, "send one of SEPA"),
            ({"quote_id": "not-an-id"}, "is not known"),
            ({"quote_id": str(uuid4())}, "is not known"),
        ],
    )
    async def test_whatever_differs_from_the_quote_is_400(
        self, desk: Desk, changes: dict[str, Any], message: str
    ) -> None:
        """A31.10"""
        reply = await self.open(desk, await desk.given(), **changes)
        assert reply.status == 400
        assert message in reply.error

    @pytest.mark.parametrize("amount", [100, "100.00", "100.0000000"])
    async def test_the_amount_is_compared_as_a_number(self, desk: Desk, amount: Any) -> None:
        """A31.10"""
        assert (await self.open(desk, await desk.given(), amount=amount)).status == 201

    async def test_what_agrees_may_be_said_and_may_be_left_out(self, desk: Desk) -> None:
        """A31.10"""
        issuer = desk.usdc.split(":")[2]
        said = await self.open(desk, await desk.given(), destination_asset=EUR, asset_issuer=issuer)
        unsaid = await self.open(desk, await desk.given(), funding_method=None)
        assert (said.status, unsaid.status) == (201, 201)

    @pytest.mark.clause("SEP-31/post/quote-owner")
    async def test_a_quote_of_another_account_is_not_known(self, desk: Desk) -> None:
        """A31.10, Z10"""
        desk.caller = desk.caller.with_token(desk.token(STRANGER))
        quote = await desk.given()
        desk.caller = desk.caller.with_token(desk.token())
        reply = await self.open(desk, quote)
        assert (reply.status, "is not known" in reply.error) == (400, True)

    @pytest.mark.clause("SEP-31/post/quote-expired")
    @pytest.mark.parametrize(("waited_s", "status"), [(299, 201), (300, 400)])
    async def test_a_quote_can_be_used_until_the_second_of_its_expiry(
        self, desk: Desk, waited_s: int, status: int
    ) -> None:
        """A31.10"""
        quote = await desk.given()
        desk.clock.advance(timedelta(seconds=waited_s))
        assert (await self.open(desk, quote)).status == status

    @pytest.mark.clause("SEP-31/info/quotes")
    async def test_where_quotes_are_required_none_is_400(self, desk: Desk) -> None:
        """A31.6"""
        configuration = desk.house.configuration
        assets = tuple(replace(terms, quotes_required=True) for terms in configuration.anchor.assets)
        strict = replace(configuration, anchor=replace(configuration.anchor, assets=assets))
        closed = desk_on(desk.house, replace(desk.services, configuration=strict))
        quote = await closed.given()
        assert (await closed.caller.get("/sep31/info")).json["receive"]["USDC"]["quotes_required"] is True
        refused = await self.open(closed, quote, quote_id=None)
        assert (refused.status, "send the quote_id" in refused.error) == (400, True)
        assert (await self.open(closed, quote)).status == 201

    async def test_the_types_of_all_receivers_are_published(self, desk: Desk) -> None:
        """Z16"""
        usdc = (await desk.caller.get("/sep31/info")).json["receive"]["USDC"]
        types = set(usdc["sep12"]["receiver"]["types"])
        assert types == {
            *("sep31-receiver-wire", "sep31-receiver", "sep31-receiver-zengin"),
            *("sep31-large-receiver-wire", "sep31-large-receiver"),
        }
        assert usdc["receiver_sep12_type"] == "sep31-receiver-wire"
