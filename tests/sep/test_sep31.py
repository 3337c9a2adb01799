"""SEP-31 over HTTP: what partners send, what they get, and what hostile input gets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fixtures.asgi import Caller
from tests.fixtures.authentication import FakeAccounts, key, services_on
from tests.fixtures.house import PARTNER, House, house_on

from roadstead.clock import ManualClock
from roadstead.config.effective import Configuration
from roadstead.partners.principal import Principal
from roadstead.partners.tokens import TokenBook
from roadstead.sep.application import build_application
from roadstead.sep.table import route_table

TRANSACTIONS = "/sep31/transactions"
UNKNOWN_ID = "3b1f0a52-6f0e-4f57-9c5b-1a2b3c4d5e6f"
STRANGER = key("stranger").public_key


@dataclass(slots=True)
class Door:
    """The API on a house, and tokens for it."""

    house: House
    caller: Caller
    tokens: TokenBook
    clock: ManualClock

    def token(self, account: str = PARTNER, memo: int | None = None) -> str:
        return self.tokens.issue(Principal(account=account, memo=memo), b"0" * 32, self.clock.now())

    def body(self, **changes: Any) -> dict[str, Any]:
        proposal = {
            "amount": 100,
            "asset_code": "EURX",
            "asset_issuer": self.house.eurx.issuer,
            "sender_id": str(self.house.sender_id),
            "receiver_id": str(self.house.receiver_id),
            "funding_method": "SEPA",
            **changes,
        }
        return {name: value for name, value in proposal.items() if value is not None}

    async def raw(self, body: bytes) -> Any:
        return await self.caller.send("POST", TRANSACTIONS, body=body, content_type="application/json")

    async def count(self) -> int:
        return int(await self.house.value("SELECT count(*) FROM remittances"))


@pytest.fixture
async def door(database_url: str) -> AsyncIterator[Door]:
    async with house_on(database_url) as house:
        configuration: Configuration = house.configuration
        services = services_on(house.database, FakeAccounts(), house.clock, configuration)
        application = build_application(route_table(configuration), services)
        tokens = services.tokens
        assert isinstance(tokens, TokenBook)
        opened = Door(house=house, caller=Caller(application=application), tokens=tokens, clock=house.clock)
        opened.caller = opened.caller.with_token(opened.token())
        yield opened


class TestInfo:
    @pytest.mark.clause("SEP-31/info/answer")
    async def test_it_needs_no_token_and_lists_the_own_asset_first(self, door: Door) -> None:
        reply = await door.caller.with_token(None).get("/sep31/info", lang="xx")
        assert reply.status == 200
        receive = json.loads(reply.body, parse_float=Decimal)["receive"]
        assert list(receive) == ["EURX", "USDC"]
        eurx = receive["EURX"]
        assert eurx["enabled"] is True
        assert eurx["funding_methods"] == ["SEPA"]
        assert (eurx["min_amount"], eurx["max_amount"]) == (1, 10000)
        assert eurx["fee_fixed"] > 0
        assert eurx["fee_percent"] > 0
        assert set(eurx["sep12"]["sender"]["types"]) == {"sep31-sender", "sep31-large-sender"}
        assert eurx["receiver_sep12_type"] == "sep31-receiver"
        assert eurx["fields"] == {"transaction": {}}

    async def test_browsers_may_read_it(self, door: Door) -> None:
        reply = await door.caller.get("/sep31/info")
        assert reply.headers["access-control-allow-origin"] == "*"
        preflight = await door.caller.send("OPTIONS", TRANSACTIONS)
        assert preflight.status == 204
        assert "POST" in preflight.headers["access-control-allow-methods"]


class TestOpeningAndFollowing:
    @pytest.mark.clause("SEP-31/post/answer")
    async def test_the_answer_says_where_to_pay_and_nothing_else(self, door: Door) -> None:
        reply = await door.caller.send_json("POST", TRANSACTIONS, door.body())
        assert reply.status == 201
        assert set(reply.json) == {"id", "stellar_account_id", "stellar_memo_type", "stellar_memo"}
        assert reply.json["stellar_memo_type"] == "id"
        assert 0 < int(reply.json["stellar_memo"]) < 2**63

    @pytest.mark.clause("SEP-31/get/fields")
    async def test_it_can_be_followed_at_once_with_every_amount(self, door: Door) -> None:
        opened = (await door.caller.send_json("POST", TRANSACTIONS, door.body(amount="99.1234567"))).json
        reply = await door.caller.get(f"{TRANSACTIONS}/{opened['id']}")
        transaction = reply.json["transaction"]
        assert transaction["status"] == "pending_sender"
        assert transaction["amount_in"] == "99.1234567"
        assert transaction["amount_out"] == "98.52"
        assert transaction["amount_out_asset"] == "iso4217:EUR"
        assert transaction["stellar_memo"] == opened["stellar_memo"]
        assert transaction["started_at"].endswith("Z")
        details = transaction["fee_details"]
        assert sum(Decimal(line["amount"]) for line in details["details"]) == Decimal(details["total"])
        assert Decimal(transaction["amount_in"]) - Decimal(details["total"]) == Decimal(
            transaction["amount_out"]
        )
        assert None not in transaction.values()

    @pytest.mark.clause("SEP-31/get/status-eta")
    async def test_a_paid_one_tells_when_the_money_should_be_there(self, door: Door) -> None:
        opened = (await door.caller.send_json("POST", TRANSACTIONS, door.body())).json
        before = (await door.caller.get(f"{TRANSACTIONS}/{opened['id']}")).json["transaction"]
        await door.house.pay(int(opened["stellar_memo"]))
        await door.house.match()
        after = (await door.caller.get(f"{TRANSACTIONS}/{opened['id']}")).json["transaction"]

        assert "status_eta" not in before
        assert after["status"] == "pending_receiver"
        assert isinstance(after["status_eta"], int)
        assert 0 < after["status_eta"] < 10 * 86_400

    @pytest.mark.parametrize(
        "text", ["100", "100.0", '"100.00"', "1.0000001", ' "100" ', "10000", "9999.9999999"]
    )
    async def test_a_number_and_a_numeric_text_are_the_same(self, door: Door, text: str) -> None:
        await door.house.know_more()
        body = json.dumps(door.body(amount=None))[:-1] + f', "amount": {text}}}'
        assert (await door.raw(body.encode())).status == 201

    @pytest.mark.clause("SEP-31/post/amount-exact")
    async def test_digits_beyond_a_double_are_kept(self, door: Door) -> None:
        await door.house.know_more()
        body = json.dumps(door.body(amount=None))[:-1] + ', "amount": 9007.1992547}'
        opened = (await door.raw(body.encode())).json
        transaction = (await door.caller.get(f"{TRANSACTIONS}/{opened['id']}")).json["transaction"]
        assert transaction["amount_in"] == "9007.1992547"

    @pytest.mark.clause("SEP-31/account")
    async def test_a_token_with_a_memo_speaks_for_the_same_partner(self, door: Door) -> None:
        opened = (await door.caller.send_json("POST", TRANSACTIONS, door.body())).json
        other = door.caller.with_token(door.token(memo=7))
        assert (await other.get(f"{TRANSACTIONS}/{opened['id']}")).status == 200

    @pytest.mark.clause("SEP-31/post/unknown-members")
    async def test_unknown_members_are_ignored(self, door: Door) -> None:
        body = door.body(fields={"transaction": {"whatever": 1}}, something="else")
        assert (await door.caller.send_json("POST", TRANSACTIONS, body)).status == 201


class TestRefusals:
    @pytest.mark.parametrize(
        "amount",
        [
            "NaN",
            "Infinity",
            "-1",
            "0",
            "1e2",
            "1E400",
            "100.00000001",
            "true",
            "null",
            '"abc"',
            '""',
            '"1_000"',
            '" 1"',
            "{}",
            "[]",
            '"1e999999999"',
            "9" * 400,
            '"\\u0031"',
        ],
    )
    @pytest.mark.clause("SEP-31/post/amount")
    async def test_what_is_no_amount_is_400_with_a_message(self, door: Door, amount: str) -> None:
        body = json.dumps(door.body(amount=None))[:-1] + f', "amount": {amount}}}'
        reply = await door.raw(body.encode())
        assert reply.status == 400
        assert reply.error
        assert await door.count() == 0

    @pytest.mark.parametrize("missing", ["amount", "asset_code"])
    @pytest.mark.clause("SEP-31/post/required")
    async def test_what_is_required_is_named(self, door: Door, missing: str) -> None:
        reply = await door.caller.send_json("POST", TRANSACTIONS, door.body(**{missing: None}))
        assert reply.status == 400
        assert missing in reply.error

    @pytest.mark.clause("SEP-31/post/customer-info-needed")
    async def test_a_missing_customer_is_told_with_its_type(self, door: Door) -> None:
        reply = await door.caller.send_json("POST", TRANSACTIONS, door.body(receiver_id=None))
        assert reply.status == 400
        assert reply.json == {"error": "customer_info_needed", "type": "sep31-receiver"}

    @pytest.mark.parametrize(
        "body", [b"", b"[]", b"nonsense", b'"text"', b"{", b"\xff\xfe", b"[" * 20_000, b"null"]
    )
    async def test_what_is_no_json_object_is_400(self, door: Door, body: bytes) -> None:
        assert (await door.raw(body)).status == 400

    async def test_another_content_type_is_400(self, door: Door) -> None:
        reply = await door.caller.send("POST", TRANSACTIONS, body=b"amount=1", content_type="text/plain")
        assert reply.status == 400
        assert "application/json" in reply.error

    async def test_an_oversized_body_is_413_and_is_not_kept(self, door: Door) -> None:
        reply = await door.raw(json.dumps(door.body(lang="x" * 70_000)).encode())
        assert reply.status == 413
        assert await door.count() == 0

    @pytest.mark.parametrize("path_id", ["not-an-id", "18e413284", UNKNOWN_ID, "%00", "a" * 500, "..%2f"])
    @pytest.mark.clause("SEP-31/get/unknown")
    async def test_an_id_that_is_not_known_is_404(self, door: Door, path_id: str) -> None:
        reply = await door.caller.get(f"{TRANSACTIONS}/{path_id}")
        assert reply.status == 404
        assert reply.error

    async def test_a_path_that_is_not_there_is_404_and_a_wrong_method_405(self, door: Door) -> None:
        assert (await door.caller.get("/sep31/nothing")).status == 404
        assert (await door.caller.send("DELETE", TRANSACTIONS)).status == 405

    @settings(
        max_examples=150,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(
        body=st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["amount", "asset_code", "sender_id", "lang", "refund_memo", "fields", "x"]
                    ),
                    inner,
                    max_size=5,
                )
            ),
            max_leaves=8,
        )
    )
    async def test_no_json_whatever_is_a_500(self, door: Door, body: object) -> None:
        reply = await door.caller.send_json("POST", TRANSACTIONS, body)
        assert reply.status in {400, 413}
        assert reply.error


class TestWhoMayCall:
    @pytest.mark.parametrize("method", ["POST", "GET"])
    @pytest.mark.clause("SEP-31/authentication")
    async def test_without_a_token_nothing_is_parsed(self, door: Door, method: str) -> None:
        path = TRANSACTIONS if method == "POST" else f"{TRANSACTIONS}/not-an-id"
        reply = await door.caller.with_token(None).send(method, path, body=b"{}", content_type="text/plain")
        assert reply.status == 403
        assert "SEP-10" in reply.error

    async def test_an_account_of_no_partner_is_403_before_its_body_is_read(self, door: Door) -> None:
        stranger = door.caller.with_token(door.token(STRANGER))
        reply = await stranger.send("POST", TRANSACTIONS, body=b"garbage", content_type="text/plain")
        assert reply.status == 403

    @pytest.mark.clause("SEP-31/authorization")
    async def test_a_disabled_partner_is_403_within_a_second(self, door: Door) -> None:
        await door.house.execute("UPDATE partners SET status = 'disabled', disabled_at = now()")
        assert (await door.caller.send_json("POST", TRANSACTIONS, door.body())).status == 403
        assert (await door.caller.get(f"{TRANSACTIONS}/{uuid4()}")).status == 403

    @pytest.mark.clause("SEP-31/get/owner")
    async def test_anothers_remittance_is_404(self, door: Door) -> None:
        opened = (await door.caller.send_json("POST", TRANSACTIONS, door.body())).json
        await door.house.execute(
            "INSERT INTO partners (id, name) VALUES ('00000000-0000-4000-8000-000000000001', 'Other')"
        )
        await door.house.execute(
            "INSERT INTO partner_accounts VALUES ($1, '00000000-0000-4000-8000-000000000001')", STRANGER
        )
        stranger = door.caller.with_token(door.token(STRANGER))
        assert (await stranger.get(f"{TRANSACTIONS}/{opened['id']}")).status == 404
