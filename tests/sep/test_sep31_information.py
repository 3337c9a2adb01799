"""SEP-31 where something is missing: customers that are completed later, and fields that have to be corrected."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from secrets import token_hex
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from tests.fixtures.asgi import Caller, Reply
from tests.fixtures.authentication import FakeAccounts, key, services_on
from tests.fixtures.house import PARTNER, RECEIVER, House, house_on

from roadstead.config.anchor import CustomerGate
from roadstead.errors import BadInput, Conflict
from roadstead.money import amount_from_text
from roadstead.partners import registry
from roadstead.partners.principal import Principal
from roadstead.partners.tokens import TokenBook
from roadstead.remittances import store
from roadstead.remittances.corrections import ask_for_fields, read_corrections
from roadstead.remittances.refunds import Refund, record_refund
from roadstead.remittances.release import release_waiting
from roadstead.sep.application import build_application
from roadstead.sep.table import route_table

TRANSACTIONS = "/sep31/transactions"
TRIO = {"stellar_account_id", "stellar_memo_type", "stellar_memo"}
BANK = store.AskedField(description="Name of the bank")
SPEED = store.AskedField(description="How fast", choices=["slow", "fast"], optional=True)
MESSAGE = "The bank does not know the account's branch."


@dataclass(slots=True)
class Desk:
    """The API on a house, and a partner with an unfinished receiver."""

    house: House
    caller: Caller
    tokens: TokenBook

    def as_account(self, account: str) -> Caller:
        token = self.tokens.issue(Principal(account=account), b"1" * 32, self.house.clock.now())
        return self.caller.with_token(token)

    async def put_receiver(self, fields: Mapping[str, str]) -> str:
        body = {"memo": "9", "memo_type": "id", "type": "sep31-receiver", **fields}
        reply = await self.caller.send_json("PUT", "/kyc/customer", body)
        assert reply.status == 202, reply.body
        return str(reply.json["id"])

    async def post(self, receiver_id: str | None, **changes: Any) -> Reply:
        body = {"amount": "100", "asset_code": "EURX", "sender_id": str(self.house.sender_id), **changes}
        if receiver_id is not None:
            body["receiver_id"] = receiver_id
        return await self.caller.send_json("POST", TRANSACTIONS, body)

    async def get(self, remittance_id: str) -> dict[str, Any]:
        reply = await self.caller.get(f"{TRANSACTIONS}/{remittance_id}")
        assert reply.status == 200, reply.body
        transaction = reply.json["transaction"]
        assert isinstance(transaction, dict)
        assert None not in transaction.values()
        return transaction


async def desk_on(house: House) -> Desk:
    services = services_on(house.database, FakeAccounts(), house.clock, house.configuration)
    tokens = services.tokens
    assert isinstance(tokens, TokenBook)
    application = build_application(route_table(house.configuration), services)
    desk = Desk(house=house, caller=Caller(application=application), tokens=tokens)
    desk.caller = desk.as_account(PARTNER)
    return desk


@pytest.fixture
async def strict(database_url: str) -> AsyncIterator[Desk]:
    async with house_on(database_url) as house:
        yield await desk_on(house)


@pytest.fixture
async def later(database_url: str) -> AsyncIterator[Desk]:
    """A desk that lets customers be completed after the opening."""
    async with house_on(database_url) as house:
        anchor = house.configuration.anchor
        terms = replace(anchor.remittances, kyc=CustomerGate.ASYNCHRONOUS)
        house.configuration = replace(house.configuration, anchor=replace(anchor, remittances=terms))
        yield await desk_on(house)


HALF = {"first_name": "Rosa", "last_name": "Receiver"}


class TestCustomersThatAreCompletedBefore:
    async def test_an_unfinished_customer_is_asked_for_at_the_opening(self, strict: Desk) -> None:
        reply = await strict.post(await strict.put_receiver(HALF))
        assert reply.status == 400
        assert reply.json == {"error": "customer_info_needed", "type": "sep31-receiver"}


class TestCustomersThatAreCompletedLater:
    @pytest.mark.clause("SEP-31/post/asynchronous-kyc")
    async def test_a_remittance_is_opened_without_telling_where_to_pay(self, later: Desk) -> None:
        reply = await later.post(await later.put_receiver(HALF))
        assert reply.status == 201
        assert set(reply.json) == {"id"}
        transaction = await later.get(reply.json["id"])
        assert transaction["status"] == "pending_customer_info_update"
        assert not TRIO & set(transaction)

    @pytest.mark.clause("SEP-31/post/asynchronous-kyc-ready")
    async def test_it_may_be_paid_when_the_last_field_has_come(self, later: Desk) -> None:
        opened = (await later.post(await later.put_receiver(HALF))).json["id"]
        await later.put_receiver({"address_country_code": "DEU"})
        assert (await later.get(opened))["status"] == "pending_customer_info_update"
        await later.put_receiver({"bank_account_number": RECEIVER["bank_account_number"]})
        transaction = await later.get(opened)
        assert transaction["status"] == "pending_sender"
        assert set(transaction) >= TRIO

    async def test_its_way_is_the_one_of_the_specification(self, later: Desk) -> None:
        opened = (await later.post(await later.put_receiver(HALF))).json["id"]
        await later.put_receiver(RECEIVER)
        async with later.house.database.connection() as connection:
            lines = await store.history(connection, UUID(opened))
        assert [line.status_to for line in lines] == [
            "pending_customer_info_update",
            "pending_receiver",
            "pending_sender",
        ]

    async def test_complete_customers_are_told_at_once_where_to_pay(self, later: Desk) -> None:
        reply = await later.post(str(later.house.receiver_id))
        assert set(reply.json) == {"id", *TRIO}

    async def test_a_customer_without_an_id_is_still_needed(self, later: Desk) -> None:
        reply = await later.post(None)
        assert (reply.status, reply.json["error"]) == (400, "customer_info_needed")

    async def test_a_payment_in_between_is_not_taken_for_it(self, later: Desk) -> None:
        opened = (await later.post(await later.put_receiver(HALF))).json["id"]
        remittance = await later.house.remittance(UUID(opened))
        await later.house.pay(remittance.memo)
        assert (await later.house.match()).matched == 0
        assert (await later.get(opened))["status"] == "pending_customer_info_update"

    async def test_completing_a_customer_twice_moves_it_once(self, later: Desk) -> None:
        opened = (await later.post(await later.put_receiver(HALF))).json["id"]
        await asyncio.gather(*(later.put_receiver(RECEIVER) for _ in range(4)))
        async with later.house.database.connection() as connection:
            assert len(await store.history(connection, UUID(opened))) == 3

    async def test_a_customer_completed_while_it_was_opened_is_noticed(self, later: Desk) -> None:
        for _ in range(5):
            receiver = await later.put_receiver({"first_name": "Rosa", "last_name": "Receiver"})
            opened, _ = await asyncio.gather(later.post(receiver), later.put_receiver(RECEIVER))
            assert (await later.get(opened.json["id"]))["status"] == "pending_sender"
            reply = await later.caller.send("DELETE", f"/kyc/customer/{PARTNER}", query="memo=9")
            assert (reply.status, reply.json["status"]) == (200, "restricted")
            await later.house.execute(
                "UPDATE remittances SET status = 'expired', status_cause = 'test' WHERE id = $1",
                UUID(opened.json["id"]),
            )
            await later.caller.send("DELETE", f"/kyc/customer/{PARTNER}", query="memo=9")

    async def test_others_remittances_are_left_alone(self, later: Desk) -> None:
        opened = (await later.post(await later.put_receiver(HALF))).json["id"]
        house = later.house
        released = await release_waiting(
            house.database, house.configuration.anchor, house.sender_id, house.clock
        )
        assert released == 0
        assert (await later.get(opened))["status"] == "pending_customer_info_update"


@pytest.fixture
async def asked(strict: Desk) -> tuple[Desk, str]:
    """A funded remittance that waits for fields of its own."""
    opened = (await strict.post(str(strict.house.receiver_id))).json
    await strict.house.pay(int(opened["stellar_memo"]))
    assert (await strict.house.match()).matched == 1
    strict.house.clock.advance(timedelta(minutes=1))
    async with strict.house.database.transaction() as connection:
        remittance = await store.by_id(connection, UUID(opened["id"]), lock=True)
        assert remittance is not None
        await ask_for_fields(
            connection,
            remittance,
            {"bank": BANK, "speed": SPEED},
            message=MESSAGE,
            clock=strict.house.clock,
        )
    return strict, str(opened["id"])


def correction(**values: object) -> dict[str, Any]:
    return {"fields": {"transaction": values}}


class TestFieldsThatHaveToBeCorrected:
    @pytest.mark.clause("SEP-31/get/required-info")
    async def test_what_is_asked_for_is_told(self, asked: tuple[Desk, str]) -> None:
        desk, remittance_id = asked
        transaction = await desk.get(remittance_id)
        assert transaction["status"] == "pending_transaction_info_update"
        assert transaction["required_info_message"] == MESSAGE
        assert transaction["required_info_updates"] == {
            "transaction": {
                "bank": {"description": "Name of the bank"},
                "speed": {"description": "How fast", "choices": ["slow", "fast"], "optional": True},
            }
        }

    @pytest.mark.clause("SEP-31/patch/accepted")
    async def test_what_was_asked_for_sends_it_on_its_way(self, asked: tuple[Desk, str]) -> None:
        desk, remittance_id = asked
        reply = await desk.caller.send_json(
            "PATCH", f"{TRANSACTIONS}/{remittance_id}", correction(bank=" Harbour Bank ", speed="fast")
        )
        assert reply.status == 200
        assert reply.json["transaction"] == await desk.get(remittance_id)
        assert reply.json["transaction"]["status"] == "pending_receiver"
        assert "required_info_updates" not in reply.json["transaction"]
        assert "required_info_message" not in reply.json["transaction"]
        kept = await desk.house.remittance(UUID(remittance_id))
        assert kept.transaction_fields == {"bank": "Harbour Bank", "speed": "fast"}

    async def test_an_optional_field_may_be_left_out(self, asked: tuple[Desk, str]) -> None:
        desk, remittance_id = asked
        path = f"{TRANSACTIONS}/{remittance_id}"
        assert (await desk.caller.send_json("PATCH", path, correction(bank="B"))).status == 200

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"fields": {}},
            {"fields": None},
            {"fields": []},
            {"fields": {"transaction": []}},
            correction(),
            correction(speed="fast"),
            correction(bank="B", other="x"),
            correction(bank=""),
            correction(bank="  "),
            correction(bank=5),
            correction(bank=None),
            correction(bank={"a": 1}),
            correction(bank="a\x00b"),
            correction(bank="x" * 501),
            correction(bank="B", speed="warp"),
        ],
    )
    @pytest.mark.clause("SEP-31/patch/invalid")
    async def test_anything_else_changes_nothing(self, asked: tuple[Desk, str], body: dict[str, Any]) -> None:
        desk, remittance_id = asked
        before = await desk.get(remittance_id)
        reply = await desk.caller.send_json("PATCH", f"{TRANSACTIONS}/{remittance_id}", body)
        assert reply.status == 400
        assert reply.error
        assert await desk.get(remittance_id) == before

    async def test_once_is_enough(self, asked: tuple[Desk, str]) -> None:
        desk, remittance_id = asked
        path = f"{TRANSACTIONS}/{remittance_id}"
        replies = await asyncio.gather(
            *(desk.caller.send_json("PATCH", path, correction(bank="B")) for _ in range(5))
        )
        assert min(reply.status for reply in replies) == 200
        assert {reply.status for reply in replies} <= {200, 400, 409}
        assert [reply.status for reply in replies].count(200) == 1

    @pytest.mark.clause("SEP-31/patch/not-waiting")
    async def test_one_that_waits_for_nothing_is_a_bad_request(self, strict: Desk) -> None:
        opened = (await strict.post(str(strict.house.receiver_id))).json["id"]
        reply = await strict.caller.send_json("PATCH", f"{TRANSACTIONS}/{opened}", correction(bank="B"))
        assert reply.status == 400
        assert "waits for no information" in reply.error

    @pytest.mark.parametrize("unknown", ["not-an-id", "00000000-0000-4000-8000-000000000000"])
    @pytest.mark.clause("SEP-31/patch/unknown")
    async def test_one_that_is_not_known_is_404(self, strict: Desk, unknown: str) -> None:
        reply = await strict.caller.send_json("PATCH", f"{TRANSACTIONS}/{unknown}", correction(bank="B"))
        assert reply.status == 404

    async def test_another_partner_s_is_404(self, asked: tuple[Desk, str]) -> None:
        desk, remittance_id = asked
        other = key("other partner").public_key
        await registry.add(desk.house.database, "Other Sender", [other], "tests")
        reply = await desk.as_account(other).send_json(
            "PATCH", f"{TRANSACTIONS}/{remittance_id}", correction(bank="B")
        )
        assert reply.status == 404

    async def test_nothing_in_particular_cannot_be_asked_for(self, strict: Desk) -> None:
        opened = (await strict.post(str(strict.house.receiver_id))).json["id"]
        async with strict.house.database.transaction() as connection:
            remittance = await store.by_id(connection, UUID(opened), lock=True)
            assert remittance is not None
            with pytest.raises(BadInput):
                await ask_for_fields(connection, remittance, {}, message=MESSAGE, clock=strict.house.clock)

    def test_choices_are_compared_without_their_margins(self) -> None:
        assert read_corrections({"speed": SPEED}, {"speed": " slow "}) == {"speed": "slow"}


class TestRefundedField:
    @pytest.mark.clause("SEP-31/get/refunded-amounts")
    @pytest.mark.clause("SEP-31/get/refunded")
    async def test_a_refunded_remittance_says_so_and_no_other_does(self, strict: Desk) -> None:
        opened = (await strict.post(str(strict.house.receiver_id))).json
        assert "refunded" not in await strict.get(opened["id"])
        await strict.house.pay(int(opened["stellar_memo"]))
        await strict.house.match()
        await refund(strict, opened["id"], "100", "0")
        await strict.house.execute(
            "UPDATE remittances SET status = 'refunded', status_cause = 'test' WHERE id = $1",
            UUID(opened["id"]),
        )
        told = await strict.get(opened["id"])
        assert told["refunded"] is True
        assert (told["amount_out"], told["amount_fee"]) == ("0.00", "0.0000000")
        assert told["fee_details"]["details"] == []

    @pytest.mark.clause("SEP-31/get/refunds")
    async def test_refunds_are_listed_and_add_up(self, strict: Desk) -> None:
        opened = (await strict.post(str(strict.house.receiver_id))).json
        await strict.house.pay(int(opened["stellar_memo"]))
        await strict.house.match()
        assert "refunds" not in await strict.get(opened["id"])
        first = await refund(strict, opened["id"], "10.5", "0.5")
        await refund(strict, opened["id"], "10.5", "0.5", transaction_hash=first)
        second = await refund(strict, opened["id"], "1", "0")
        told = await strict.get(opened["id"])
        assert told["refunds"] == {
            "amount_refunded": "11.5000000",
            "amount_fee": "0.5000000",
            "payments": [
                {"id": first, "amount": "10.5000000", "fee": "0.5000000"},
                {"id": second, "amount": "1.0000000", "fee": "0.0000000"},
            ],
        }
        assert "refunded" not in told, "a partial refund is no refunded remittance"

    async def test_nothing_is_called_refunded_of_which_no_refund_is_known(self, strict: Desk) -> None:
        opened = (await strict.post(str(strict.house.receiver_id))).json
        await strict.house.pay(int(opened["stellar_memo"]))
        await strict.house.match()
        with pytest.raises(asyncpg.CheckViolationError, match="remittances_refunded"):
            await strict.house.execute(
                "UPDATE remittances SET status = 'refunded', status_cause = 'test' WHERE id = $1",
                UUID(opened["id"]),
            )

    async def test_what_was_never_paid_has_nothing_to_refund(self, strict: Desk) -> None:
        opened = (await strict.post(str(strict.house.receiver_id))).json
        with pytest.raises(Conflict, match="nothing to refund"):
            await refund(strict, opened["id"], "1", "0")


async def refund(
    desk: Desk, remittance_id: str, amount: str, fee: str, *, transaction_hash: str | None = None
) -> str:
    """Note a refund as whoever sends it will, and return its transaction's hash."""
    asset = desk.house.eurx
    sent = Refund(
        transaction_hash=transaction_hash or token_hex(32),
        amount=amount_from_text(asset, amount),
        fee=amount_from_text(asset, fee),
    )
    async with desk.house.database.transaction() as connection:
        await record_refund(connection, UUID(remittance_id), sent)
    return sent.transaction_hash
