"""What an order to send money back writes, and what it may not."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from tests.fixtures.house import House
from tests.refunds.orders import (
    HUNDRED,
    delivery_order,
    funded,
    give,
    refunds_of,
    suspense_order,
    unmatched_payment,
)

from roadstead.config.effective import Configuration
from roadstead.errors import InvariantViolated
from roadstead.money import Money
from roadstead.refunds.states import RefundStatus
from roadstead.stellar.memos import Memo, MemoKind, number_memo


def with_terms(house: House, **changes: Any) -> Configuration:
    """The house's configuration, with other terms for refunds."""
    anchor = house.configuration.anchor
    assets = tuple(replace(terms, **changes) for terms in anchor.assets)
    return replace(house.configuration, anchor=replace(anchor, assets=assets))


class TestAnOrder:
    async def test_goes_to_the_payer_with_the_memo_that_came_and_is_owed_in_the_books(
        self, house: House
    ) -> None:
        operation_id = await unmatched_payment(house)

        await give(house, suspense_order(house, operation_id))

        (refund,) = await refunds_of(house, operation_id)
        payer = await house.value("SELECT payer FROM payments")
        assert (refund.status, refund.destination, refund.memo) == (
            RefundStatus.ORDERED,
            payer,
            number_memo(7),
        )
        assert await house.books() == {
            "refunds:owed EURX": "-100.0000000",
            "tokens:received EURX": "100.0000000",
        }

    async def test_keeps_the_sub_account_that_paid(self, house: House) -> None:
        muxed = "MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUAAAAAAAAAAAACJUQ"
        operation_id = await house.pay(7, payer=muxed)
        await house.match()

        await give(house, suspense_order(house, operation_id))

        assert (await refunds_of(house, operation_id))[0].destination == muxed

    async def test_keeps_a_memo_that_is_no_text_byte_by_byte(self, house: House) -> None:
        memo = b"\xff\x00\xfe no utf-8"
        operation_id = await house.pay(memo, memo_kind="text")
        await house.match()

        await give(house, suspense_order(house, operation_id))

        assert (await refunds_of(house, operation_id))[0].memo == Memo(MemoKind.TEXT, memo)

    @pytest.mark.parametrize(
        ("kind", "text", "memo"),
        [
            ("id", "18446744073709551615", number_memo(2**64 - 1)),
            ("text", "Rückzahlung", Memo(MemoKind.TEXT, "Rückzahlung".encode())),
            ("hash", base64.b64encode(bytes(range(32))).decode(), Memo(MemoKind.HASH, bytes(range(32)))),
        ],
    )
    async def test_takes_the_refund_memo_of_the_remittance_that_the_memo_named(
        self, kind: str, text: str, memo: Memo, house: House
    ) -> None:
        remittance_id, operation_id = await funded(house, refund_memo=text, refund_memo_kind=kind)

        await give(house, await delivery_order(house, remittance_id, operation_id))

        assert (await refunds_of(house, operation_id))[0].memo == memo

    async def test_given_twice_is_one(self, house: House) -> None:
        operation_id = await unmatched_payment(house)

        await asyncio.gather(*(give(house, suspense_order(house, operation_id)) for _ in range(4)))

        assert len(await refunds_of(house, operation_id)) == 1

    async def test_given_again_with_another_amount_is_a_contradiction(self, house: House) -> None:
        operation_id = await unmatched_payment(house)
        await give(house, suspense_order(house, operation_id))

        with pytest.raises(InvariantViolated, match="another amount"):
            await give(house, suspense_order(house, operation_id, units=HUNDRED - 1))

    async def test_of_a_delivery_takes_the_whole_price_back(self, house: House) -> None:
        remittance_id, operation_id = await funded(house)

        await give(house, await delivery_order(house, remittance_id, operation_id))

        assert await house.books() == {
            "refunds:owed EURX": "-100.0000000",
            "tokens:received EURX": "100.0000000",
        }

    async def test_of_a_part_of_a_delivery_is_a_contradiction(self, house: House) -> None:
        remittance_id, operation_id = await funded(house)
        order = await delivery_order(house, remittance_id, operation_id)

        with pytest.raises(InvariantViolated, match="whole"):
            await give(house, replace(order, amount=Money(house.eurx, 1)))


class TestTheFee:
    async def test_is_kept_of_what_goes_back(self, house: House) -> None:
        operation_id = await unmatched_payment(house)

        await give(
            house,
            suspense_order(house, operation_id),
            configuration=with_terms(house, refund_fee=Decimal("1.00")),
        )

        (refund,) = await refunds_of(house, operation_id)
        assert (refund.sent_amount.text, refund.fee.text) == ("99.0000000", "1.0000000")

    async def test_holds_an_amount_that_it_would_eat(self, house: House) -> None:
        operation_id = await unmatched_payment(house, units=10_000_000)

        await give(
            house,
            suspense_order(house, operation_id, units=10_000_000),
            configuration=with_terms(house, refund_fee=Decimal("1.00")),
        )

        (refund,) = await refunds_of(house, operation_id)
        assert (refund.status, refund.reason, refund.fee.units) == (RefundStatus.HELD, "below_fee", 0)


class TestALargeRefund:
    async def test_waits_for_a_person(self, house: House) -> None:
        operation_id = await unmatched_payment(house)

        await give(
            house,
            suspense_order(house, operation_id),
            configuration=with_terms(house, refund_approval_above=Decimal("99.9999999")),
        )

        (refund,) = await refunds_of(house, operation_id)
        assert (refund.status, refund.reason) == (RefundStatus.HELD, "approval")
        assert await house.value("SELECT subject FROM holds WHERE kind = 'refund_release'") == str(refund.id)


class TestTheDatabaseRefuses:
    async def test_more_than_the_payment_brought(self, house: House) -> None:
        operation_id = await unmatched_payment(house)

        with pytest.raises(asyncpg.RestrictViolationError, match="more than"):
            await give(house, suspense_order(house, operation_id, units=HUNDRED + 1))

    async def test_another_destination_than_the_payer(self, house: House) -> None:
        operation_id = await unmatched_payment(house)
        await give(house, suspense_order(house, operation_id))

        with pytest.raises(asyncpg.RestrictViolationError, match="fixed"):
            await house.execute(
                "UPDATE refunds SET destination = $1",
                house.configuration.settings.distribution_account,
            )
        with pytest.raises(asyncpg.RestrictViolationError, match="payer"):
            await house.execute(
                """
                INSERT INTO refunds (id, operation_id, source, asset, amount_units, fee_units, destination, memo_kind,
                    cause, status)
                SELECT gen_random_uuid(), operation_id, 'suspense', asset, 1, 0, receiving_account, 'none', 'theft',
                    'ordered'
                FROM payments
                """
            )

    async def test_a_refund_of_what_may_still_be_paid_out(self, house: House) -> None:
        remittance_id, operation_id = await funded(house)
        await house.work()

        with pytest.raises(asyncpg.RestrictViolationError, match="may still pay"):
            await give(house, await delivery_order(house, remittance_id, operation_id))

    async def test_a_payout_of_what_goes_back(self, house: House) -> None:
        remittance_id, operation_id = await funded(house)
        await give(house, await delivery_order(house, remittance_id, operation_id))

        await house.work()

        assert await house.value("SELECT count(*) FROM payout_attempts") == 0
        assert house.rail.submissions == []

    async def test_to_send_back_from_suspense_what_funded_a_remittance(self, house: House) -> None:
        _, operation_id = await funded(house)

        with pytest.raises(asyncpg.RestrictViolationError, match="not in suspense"):
            await give(house, suspense_order(house, operation_id))

    async def test_to_fund_a_remittance_with_what_goes_back(self, house: House) -> None:
        opened = await house.open()
        operation_id = await unmatched_payment(house)
        await give(house, suspense_order(house, operation_id))

        with pytest.raises(asyncpg.RestrictViolationError, match="funds nothing"):
            await house.execute(
                "UPDATE remittances SET funded_by = $1, status = 'pending_receiver', status_cause = 'tests'"
                " WHERE id = $2",
                operation_id,
                opened.id,
            )
