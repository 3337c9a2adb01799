import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from tests.fixtures.authentication import key
from tests.fixtures.house import PARTNER, RECEIVER, SENDER, House, house_on

from roadstead.customers import store as customers
from roadstead.customers.identity import Reference
from roadstead.errors import BadInput, CustomerInfoNeeded, Forbidden, InvalidAmount, InvariantViolated
from roadstead.partners import registry as partners
from roadstead.partners.principal import Principal
from roadstead.remittances import store
from roadstead.remittances.states import RemittanceStatus


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        yield furnished


class TestOpening:
    @pytest.mark.clause("SEP-31/post/stored-first")
    async def test_a_good_proposal_is_stored_before_it_is_answered(self, house: House) -> None:
        opened = await house.open("100.5")
        remittance = await house.remittance(opened.id)
        assert remittance.status is RemittanceStatus.PENDING_SENDER
        assert remittance.memo == opened.memo
        assert remittance.amount_in.text == "100.5000000"
        assert remittance.amount_out is not None
        assert remittance.amount_out.text == "99.89"
        assert remittance.funded_by is None

    async def test_the_first_line_of_its_history_is_its_opening(self, house: House) -> None:
        opened = await house.open()
        async with house.database.connection() as connection:
            lines = await store.history(connection, opened.id)
        assert [(line.status_from, line.status_to, line.cause) for line in lines] == [
            ("new", "pending_sender", "opened")
        ]

    @pytest.mark.clause("SEP-31/post/memo-unique")
    async def test_two_remittances_never_share_a_memo(self, house: House) -> None:
        class Stuck:
            """Draws the same memo twice, then another."""

            def __init__(self) -> None:
                self.memos = [5, 5, 6]

            def token_bytes(self, count: int) -> bytes:
                return self.memos.pop(0).to_bytes(8, "big") if count == 8 else uuid4().bytes

        house.randomness = Stuck()
        first, second = await house.open(), await house.open()
        assert (first.memo, second.memo) == (5, 6)

    async def test_a_broken_source_of_memos_is_told_apart_from_bad_luck(self, house: House) -> None:
        class Broken:
            def token_bytes(self, count: int) -> bytes:
                return (9).to_bytes(8, "big") if count == 8 else uuid4().bytes

        house.randomness = Broken()
        await house.open()
        with pytest.raises(InvariantViolated, match="source of randomness"):
            await house.open()

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"asset_code": "XYZ"}, "not accepted: use one of EURX, USDC"),
            ({"asset_issuer": PARTNER}, "only as issued by"),
            ({"destination_asset": "iso4217:USD"}, "not delivered as"),
            ({"destination_asset": "euro"}, "not valid"),
            ({"quote_id": "q"}, "quote_id .q. is not known"),
            ({"funding_method": "WIRE"}, "send one of SEPA"),
            ({"sender_id": "not-an-id"}, "PUT /customer"),
            ({"receiver_id": str(uuid4())}, "PUT /customer"),
            ({"refund_memo": "1"}, "come together"),
            ({"refund_memo": "1", "refund_memo_kind": "return"}, "use id, text or hash"),
            ({"refund_memo": str(2**64), "refund_memo_kind": "id"}, "2\\^64-1"),
            ({"refund_memo": "x" * 29, "refund_memo_kind": "text"}, "28 bytes"),
            ({"refund_memo": "a\x00b", "refund_memo_kind": "text"}, "28 bytes"),
            ({"refund_memo": "é" * 15, "refund_memo_kind": "text"}, "28 bytes"),
            ({"refund_memo": "zz", "refund_memo_kind": "hash"}, "base64 of 32"),
        ],
    )
    @pytest.mark.clause("SEP-31/post/refusals")
    async def test_what_cannot_be_accepted_is_refused_with_what_to_change(
        self, house: House, changes: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(BadInput, match=message):
            await house.open(**changes)
        assert await house.value("SELECT count(*) FROM remittances") == 0

    @pytest.mark.parametrize("amount", ["NaN", "-1", "0x1", "1e2", "100.00000001", "0", "99999"])
    async def test_what_is_no_payable_amount_is_refused(self, house: House, amount: str) -> None:
        with pytest.raises((InvalidAmount, BadInput)):
            await house.open(amount)

    async def test_the_destination_may_be_named_when_it_is_what_is_delivered(self, house: House) -> None:
        opened = await house.open(destination_asset="iso4217:EUR", asset_issuer=house.eurx.issuer)
        assert (await house.remittance(opened.id)).status is RemittanceStatus.PENDING_SENDER

    async def test_a_language_that_nobody_speaks_is_no_error(self, house: House) -> None:
        opened = await house.open(lang="\x00!")
        assert opened.memo > 0


class TestWhoMayOpen:
    @pytest.mark.parametrize(
        ("missing", "expected"), [("sender_id", "sep31-sender"), ("receiver_id", "sep31-receiver")]
    )
    async def test_a_customer_that_is_not_named_is_asked_for(
        self, house: House, missing: str, expected: str
    ) -> None:
        changes: dict[str, Any] = {missing: None}
        with pytest.raises(CustomerInfoNeeded) as refusal:
            await house.open(**changes)
        assert refusal.value.customer_type == expected

    async def test_an_incomplete_customer_is_asked_for(self, house: House) -> None:
        incomplete = await house.registry.register(
            Principal(account=PARTNER), Reference(memo="3"), {"first_name": "Ivo"}
        )
        with pytest.raises(CustomerInfoNeeded):
            await house.open(receiver_id=str(incomplete))

    @pytest.mark.clause("SEP-31/post/customer-owner")
    async def test_a_customer_of_another_partner_is_unknown(self, house: House) -> None:
        stranger = key("stranger").public_key
        await partners.add(house.database, name="Other", accounts=[stranger], actor="tests")
        foreign = await house.registry.register(
            Principal(account=stranger), Reference(memo="1"), {"first_name": "Eve"}
        )
        with pytest.raises(BadInput, match="not known"):
            await house.open(sender_id=str(foreign))

    async def test_an_erased_customer_is_unknown(self, house: House) -> None:
        await house.registry.delete(Principal(account=PARTNER), Reference(memo="2"))
        with pytest.raises(BadInput, match="not known"):
            await house.open()

    async def test_an_erasure_under_way_is_waited_for_and_then_nothing_is_promised(
        self, house: House
    ) -> None:
        async with house.database.transaction() as connection:
            assert await customers.restrict(connection, house.receiver_id, house.clock.now())
            opening = asyncio.create_task(house.open())
            await asyncio.sleep(0.3)
            assert not opening.done()
            await customers.erase(connection, house.receiver_id)
        with pytest.raises(BadInput, match="just erased"):
            await opening
        assert await house.value("SELECT count(*) FROM remittances") == 0

    async def test_one_customer_may_stand_on_both_sides(self, house: House) -> None:
        both = await house.registry.register(
            Principal(account=PARTNER), Reference(memo="9"), {**SENDER, **RECEIVER}
        )
        opened = await house.open(sender_id=str(both), receiver_id=str(both))
        assert opened.memo > 0

    async def test_a_disabled_partner_opens_nothing(self, house: House) -> None:
        await house.execute("UPDATE partners SET status = 'disabled', disabled_at = now()")
        with pytest.raises(Forbidden):
            await house.open()


class TestWhatTheDatabaseRefuses:
    async def test_a_promise_never_changes(self, house: House) -> None:
        opened = await house.open()
        for change in ("amount_in_units = 1", "memo = 1", "account = 'G'", "asset_out = 'iso4217:USD'"):
            with pytest.raises(asyncpg.RestrictViolationError):
                await house.execute(f"UPDATE remittances SET {change} WHERE id = $1", opened.id)

    async def test_nothing_is_paid_out_that_was_never_funded(self, house: House) -> None:
        opened = await house.open()
        await house.execute("UPDATE remittances SET status = 'pending_receiver' WHERE id = $1", opened.id)
        for status in ("completed", "pending_external", "refunded"):
            with pytest.raises(asyncpg.CheckViolationError):
                await house.execute("UPDATE remittances SET status = $2 WHERE id = $1", opened.id, status)

    @pytest.mark.clause("SEP-31/status/moves")
    async def test_an_illegal_move_is_refused(self, house: House) -> None:
        opened = await house.open()
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await house.execute(
                "UPDATE remittances SET status = 'pending_customer_info_update' WHERE id = $1", opened.id
            )

    async def test_history_is_append_only_for_everybody(self, house: House) -> None:
        await house.open()
        for statement in (
            "UPDATE remittance_history SET cause = 'x'",
            "DELETE FROM remittance_history",
            "TRUNCATE remittance_history",
        ):
            with pytest.raises(asyncpg.RestrictViolationError):
                await house.execute(statement)
