"""Settled is not final: money comes back, in full or short of a fee, once, and goes to whom it belongs."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest
from tests.fixtures.house import House, house_on
from tests.fixtures.scripted_rail import EURO, Behaviour

from roadstead.config.payout_terms import PayoutTerms, ReturnResponse
from roadstead.money import Money
from roadstead.operations.holds import HoldKind
from roadstead.payouts.states import PayoutStatus
from roadstead.rails.protocol import RailStatus
from roadstead.remittances.states import RemittanceStatus


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        yield furnished


async def returned(house: House, amount: Money | None = None) -> UUID:
    """A completed remittance whose payout came back."""
    opened = await house.open()
    await house.pay(opened.memo)
    await house.match()
    house.rail.script.append(Behaviour.SETTLE)
    await house.work()
    assert (await house.remittance(opened.id)).status is RemittanceStatus.COMPLETED
    house.rail.tell(house.rail.submissions[0].key, RailStatus.RETURNED, amount=amount)
    await house.hear()
    return opened.id


class TestByDefault:
    async def test_all_that_arrived_is_owed_back_to_the_payer(self, house: House) -> None:
        remittance_id = await returned(house)
        await house.work()

        assert (await house.payout(remittance_id)).status is PayoutStatus.CANCELLED
        assert [order.cause for order in house.ordered_refunds] == ["payout returned AC04"]
        assert await house.books(remittance_id) == {
            "tokens:received EURX": "100.0000000",
            "refunds:owed EURX": "-100.0000000",
        }

    async def test_what_the_bank_kept_is_our_loss_and_not_the_payers(self, house: House) -> None:
        remittance_id = await returned(house, Money(EURO, 9440))
        await house.work()

        books = await house.books(remittance_id)
        assert books["refunds:owed EURX"] == "-100.0000000"
        assert (books["fees:bank EUR"], books["bank:sepa EUR"]) == ("5.00", "-5.00")

    async def test_the_remittance_stays_completed_until_the_refund_is_seen(self, house: House) -> None:
        remittance_id = await returned(house)
        await house.work()

        assert (await house.remittance(remittance_id)).status is RemittanceStatus.COMPLETED

    async def test_people_are_told(self, house: House) -> None:
        await returned(house, Money(EURO, 9440))
        await house.work()

        assert await house.alerts() == ["payout_returned"]
        assert "5.00" in await house.value("SELECT message FROM alerts")

    async def test_a_second_copy_returns_nothing_more(self, house: House) -> None:
        remittance_id = await returned(house)
        await house.work()
        key = house.rail.submissions[0].key
        house.rail.tell(key, RailStatus.RETURNED, identity="copy")
        house.rail.tell(key, RailStatus.SETTLED, identity="late")
        await house.hear()
        await house.work()

        assert len(house.ordered_refunds) == 1
        assert "bank:sepa EUR" not in await house.books(remittance_id)

    @pytest.mark.parametrize("amount", [Money(EURO, 9941), Money(EURO, 1_000_000)])
    async def test_an_amount_that_cannot_be_is_booked_in_full_and_told(
        self, house: House, amount: Money
    ) -> None:
        remittance_id = await returned(house, amount)
        await house.work()

        assert "bank:sepa EUR" not in await house.books(remittance_id)
        assert await house.value("SELECT severity FROM alerts WHERE kind = 'payout_returned'") == "critical"


class TestWhereTheOperatorWantsToDecide:
    @pytest.fixture(autouse=True)
    def holding(self, house: House) -> None:
        """Let people decide about every return."""
        payouts = replace(PayoutTerms(), returned=ReturnResponse.HOLD)
        anchor = replace(house.configuration.anchor, payouts=payouts)
        house.configuration = replace(house.configuration, anchor=anchor)

    async def test_nothing_goes_back_before_people_say_so(self, house: House) -> None:
        remittance_id = await returned(house)
        await house.work()
        assert house.ordered_refunds == []
        assert await house.held() == [HoldKind.REMITTANCE_REFUND]

        await house.decide(HoldKind.REMITTANCE_REFUND, "release")
        assert (await house.payout(remittance_id)).status is PayoutStatus.CANCELLED
        assert len(house.ordered_refunds) == 1
