"""Repeating a request with an idempotency key: done once, answered alike, and nobody else's key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from tests.fixtures.asgi import Caller, Reply
from tests.fixtures.authentication import FakeAccounts, key, services_on
from tests.fixtures.house import PARTNER, House, house_on

from roadstead.partners import store as partner_store
from roadstead.partners.principal import Principal
from roadstead.partners.receipts import KEPT_FOR, purge_receipts
from roadstead.partners.tokens import TokenBook
from roadstead.sep.application import build_application
from roadstead.sep.table import route_table

TRANSACTIONS = "/sep31/transactions"
QUOTE = "/sep38/quote"
OTHER = key("another account").public_key


@dataclass(slots=True)
class Door:
    """The API on a house, for the partner's account and for another one."""

    house: House
    caller: Caller
    tokens: TokenBook

    def transaction(self, **changes: Any) -> dict[str, Any]:
        return {
            "amount": "100",
            "asset_code": "EURX",
            "sender_id": str(self.house.sender_id),
            "receiver_id": str(self.house.receiver_id),
            "funding_method": "SEPA",
            **changes,
        }

    def quote(self, **changes: Any) -> dict[str, Any]:
        usdc = next(one.asset for one in self.house.configuration.assets if one.code == "USDC")
        asked = {"sell_asset": usdc.id, "buy_asset": "iso4217:EUR", "sell_amount": "100", "context": "sep31"}
        return {**asked, **changes}

    async def post(self, path: str, body: Mapping[str, Any], key: str | None) -> Reply:
        headers = {} if key is None else {"idempotency-key": key}
        return await self.caller.send_json("POST", path, body, headers=headers)

    def as_account(self, account: str) -> Door:
        token = self.tokens.issue(Principal(account=account), b"0" * 32, self.house.clock.now())
        return Door(house=self.house, caller=self.caller.with_token(token), tokens=self.tokens)

    async def count(self, table: str) -> int:
        return int(await self.house.value(f"SELECT count(*) FROM {table}"))


@pytest.fixture
async def door(database_url: str) -> AsyncIterator[Door]:
    async with house_on(database_url) as house:
        services = services_on(house.database, FakeAccounts(), house.clock, house.configuration)
        application = build_application(route_table(house.configuration), services)
        tokens = services.tokens
        assert isinstance(tokens, TokenBook)
        yield Door(house=house, caller=Caller(application=application), tokens=tokens).as_account(PARTNER)


class TestTheSameRequest:
    async def test_it_opens_one_remittance_and_gets_the_same_answer(self, door: Door) -> None:
        first = await door.post(TRANSACTIONS, door.transaction(), "order-1")
        again = await door.post(TRANSACTIONS, door.transaction(), "order-1")

        assert (first.status, again.status) == (201, 201)
        assert again.body == first.body
        assert "idempotent-replayed" not in {name.lower() for name in first.headers}
        assert again.headers["Idempotent-Replayed"] == "true"
        assert again.headers["content-type"] == first.headers["content-type"]
        assert await door.count("remittances") == 1

    async def test_it_gives_one_quote_and_the_same_answer(self, door: Door) -> None:
        first = await door.post(QUOTE, door.quote(), "quote-1")
        again = await door.post(QUOTE, door.quote(), "quote-1")

        assert (first.status, again.status, again.body) == (201, 201, first.body)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert await door.count("quotes") == 1

    async def test_the_order_of_names_and_what_is_left_out_make_no_difference(self, door: Door) -> None:
        body = door.transaction()
        first = await door.post(TRANSACTIONS, body, "order-1")
        again = await door.post(TRANSACTIONS, {"lang": None, **dict(reversed(list(body.items())))}, "order-1")

        assert (again.status, again.body) == (201, first.body)

    async def test_two_at_once_open_one_remittance(self, door: Door) -> None:
        replies = await asyncio.gather(
            *(door.post(TRANSACTIONS, door.transaction(), "order-1") for _ in range(8))
        )

        assert {reply.status for reply in replies} == {201}
        assert len({reply.body for reply in replies}) == 1
        assert sum("Idempotent-Replayed" in reply.headers for reply in replies) == 7
        assert await door.count("remittances") == 1

    async def test_two_at_once_get_one_quote(self, door: Door) -> None:
        replies = await asyncio.gather(*(door.post(QUOTE, door.quote(), "quote-1") for _ in range(8)))

        assert {reply.status for reply in replies} == {201}
        assert len({reply.body for reply in replies}) == 1
        assert await door.count("quotes") == 1

    async def test_a_remittance_at_a_quote_is_answered_alike_though_the_quote_is_used_up(
        self, door: Door
    ) -> None:
        quote = (await door.post(QUOTE, door.quote(), None)).json
        body = door.transaction(
            asset_code="USDC",
            quote_id=quote["id"],
            destination_asset=quote["buy_asset"],
            funding_method="SEPA",
        )
        replies = await asyncio.gather(*(door.post(TRANSACTIONS, body, "order-1") for _ in range(4)))

        assert {(reply.status, reply.body) for reply in replies} == {(201, replies[0].body)}
        assert (await door.post(TRANSACTIONS, body, "order-2")).status == 400

    async def test_without_a_key_each_request_opens_another(self, door: Door) -> None:
        await door.post(TRANSACTIONS, door.transaction(), None)
        await door.post(TRANSACTIONS, door.transaction(), None)

        assert (await door.count("remittances"), await door.count("receipts")) == (2, 0)


class TestAnotherRequest:
    @pytest.mark.parametrize(
        "changes", [{"amount": "101"}, {"lang": "fr"}, {"fields": {"transaction": {"a": "b"}}}]
    )
    async def test_another_body_under_the_key_is_refused(self, door: Door, changes: dict[str, Any]) -> None:
        await door.post(TRANSACTIONS, door.transaction(), "order-1")
        reply = await door.post(TRANSACTIONS, door.transaction(**changes), "order-1")

        assert reply.status == 409
        assert "Idempotency-Key" in reply.error
        assert await door.count("remittances") == 1

    async def test_another_endpoint_under_the_key_is_refused(self, door: Door) -> None:
        await door.post(TRANSACTIONS, door.transaction(), "order-1")

        assert (await door.post(QUOTE, door.quote(), "order-1")).status == 409
        assert await door.count("quotes") == 0

    async def test_a_refused_request_leaves_nothing_and_may_be_corrected_under_the_key(
        self, door: Door
    ) -> None:
        refused = await door.post(TRANSACTIONS, door.transaction(amount="0.001"), "order-1")
        needed = await door.post(TRANSACTIONS, door.transaction(receiver_id=None), "order-1")
        corrected = await door.post(TRANSACTIONS, door.transaction(), "order-1")

        assert (refused.status, needed.status, needed.json["error"]) == (400, 400, "customer_info_needed")
        assert (corrected.status, "Idempotent-Replayed" in corrected.headers) == (201, False)

    async def test_another_account_has_keys_of_its_own(self, door: Door) -> None:
        async with door.house.database.transaction() as connection:
            partner_id = await connection.fetchval("SELECT partner_id FROM partner_accounts")
            await partner_store.insert_accounts(connection, partner_id, [OTHER])
        first = await door.post(QUOTE, door.quote(), "quote-1")
        other = await door.as_account(OTHER).post(QUOTE, door.quote(sell_amount="50"), "quote-1")

        assert (first.status, other.status, "Idempotent-Replayed" in other.headers) == (201, 201, False)

    async def test_a_token_of_nobody_learns_nothing_of_a_key(self, door: Door) -> None:
        await door.post(TRANSACTIONS, door.transaction(), "order-1")
        reply = await door.as_account(OTHER).post(TRANSACTIONS, door.transaction(), "order-1")

        assert reply.status == 403
        assert "Idempotent-Replayed" not in reply.headers


class TestTheKey:
    @pytest.mark.parametrize("text", ["", " ", "a b", "a\tb", "é", "a\x7f", "x" * 256])
    async def test_what_is_no_key_is_refused(self, door: Door, text: str) -> None:
        reply = await door.post(TRANSACTIONS, door.transaction(), text)

        assert (reply.status, "1 to 255 visible ASCII" in reply.error) == (400, True)
        assert await door.count("remittances") == 0

    @pytest.mark.parametrize(
        "text", ["x", "~" * 255, '"quoted"', "'; DROP TABLE receipts; --".replace(" ", "_")]
    )
    async def test_any_visible_characters_are_one(self, door: Door, text: str) -> None:
        first = await door.post(TRANSACTIONS, door.transaction(), text)
        again = await door.post(TRANSACTIONS, door.transaction(), text)

        assert (first.status, again.body) == (201, first.body)

    async def test_browsers_may_send_it_and_see_the_replay(self, door: Door) -> None:
        preflight = await door.caller.send("OPTIONS", TRANSACTIONS)
        reply = await door.post(TRANSACTIONS, door.transaction(), "order-1")

        assert "Idempotency-Key" in preflight.headers["access-control-allow-headers"]
        assert "Idempotent-Replayed" in reply.headers["access-control-expose-headers"]


class TestWhatIsKept:
    async def test_nothing_of_the_body_is_kept_but_a_keyed_digest(self, door: Door) -> None:
        body = door.transaction(fields={"transaction": {"note": "from Ada Lovelace"}})
        await door.post(TRANSACTIONS, body, "order-1")
        row = await door.house.value(
            "SELECT to_jsonb(receipts)::text || encode(body, 'escape') FROM receipts"
        )

        assert "Lovelace" not in row
        assert str(door.house.receiver_id) not in row

    async def test_it_is_forgotten_after_its_time_and_not_before(self, door: Door) -> None:
        await door.post(TRANSACTIONS, door.transaction(), "order-1")
        now = door.house.clock.now()

        assert await purge_receipts(door.house.database, now + KEPT_FOR) == 0
        assert await purge_receipts(door.house.database, now + KEPT_FOR + timedelta(seconds=1)) == 1
        assert timedelta(hours=24) <= KEPT_FOR
        await door.post(TRANSACTIONS, door.transaction(), "order-1")
        assert await door.count("remittances") == 2
