"""Giving a payout up: what arrived goes back, and from then on nobody can pay."""

from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest
from tests.fixtures.house import House, house_on
from tests.fixtures.scripted_rail import Behaviour

from roadstead.errors import Conflict, NotFound, Unavailable
from roadstead.money import Asset
from roadstead.payouts.states import MOVES, PayoutStatus
from roadstead.quotes.rates import Limits, Rate, RateBook
from roadstead.rails.protocol import RailStatus
from roadstead.remittances.refunding import RefundSource
from roadstead.remittances.states import RemittanceStatus


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        yield furnished


class ClosedMarket:
    """A source that knows no rate."""

    async def rate(self, sell: Asset, buy: Asset) -> Rate:
        raise Unavailable("The market is closed.")

    async def close(self) -> None:
        return


async def funded(house: House) -> UUID:
    opened = await house.open()
    await house.pay(opened.memo)
    await house.match()
    return opened.id


class TestCancelling:
    async def test_what_arrived_is_owed_back_in_full_and_nothing_else_is_owed(self, house: House) -> None:
        remittance_id = await funded(house)
        await house.cancel(remittance_id)

        assert (await house.payout(remittance_id)).status is PayoutStatus.CANCELLED
        assert await house.books(remittance_id) == {
            "tokens:received EURX": "100.0000000",
            "refunds:owed EURX": "-100.0000000",
        }

    async def test_the_partner_reads_that_its_money_comes_back(self, house: House) -> None:
        remittance_id = await funded(house)
        await house.cancel(remittance_id)

        remittance = await house.remittance(remittance_id)
        assert remittance.status is RemittanceStatus.PENDING_RECEIVER
        assert "sent back" in (remittance.status_message or "")

    async def test_the_refund_names_the_payment_the_remittance_and_the_cause(self, house: House) -> None:
        remittance_id = await funded(house)
        await house.cancel(remittance_id, "payout refused AC04")

        [order] = house.ordered_refunds
        remittance = await house.remittance(remittance_id)
        assert order.source is RefundSource.DELIVERY
        assert order.operation_id == remittance.funded_by
        assert order.memo_remittance is not None
        assert order.memo_remittance.id == remittance_id
        assert order.amount == remittance.amount_in
        assert order.cause == "payout refused AC04"

    async def test_doing_it_twice_orders_one_refund(self, house: House) -> None:
        remittance_id = await funded(house)
        await house.cancel(remittance_id)
        await house.cancel(remittance_id)

        assert len(house.ordered_refunds) == 1
        assert await house.value("SELECT count(*) FROM postings WHERE event LIKE 'refund%'") == 1

    async def test_no_worker_takes_it_up_again(self, house: House) -> None:
        remittance_id = await funded(house)
        await house.cancel(remittance_id)
        await house.execute("UPDATE payouts SET due_at = now()")
        await house.work()

        assert house.rail.submissions == []
        assert (await house.payout(remittance_id)).status is PayoutStatus.CANCELLED

    async def test_one_that_came_back_leaves_the_remittance_completed(self, house: House) -> None:
        remittance_id = await funded(house)
        house.rail.script.append(Behaviour.SETTLE)
        await house.work()
        house.rail.tell(house.rail.submissions[0].key, RailStatus.RETURNED)
        await house.hear()
        await house.cancel(remittance_id)

        assert (await house.remittance(remittance_id)).status is RemittanceStatus.COMPLETED
        assert await house.books(remittance_id) == {
            "tokens:received EURX": "100.0000000",
            "refunds:owed EURX": "-100.0000000",
        }

    async def test_one_that_waits_for_its_rate_is_refunded_without_ever_having_a_payout(
        self, house: House
    ) -> None:
        remittance_id = await self._waiting(house)
        await house.cancel(remittance_id)

        [order] = house.ordered_refunds
        assert order.source is RefundSource.WAITING
        assert await house.books(remittance_id) == {
            "tokens:received USDC": "100.0000000",
            "refunds:owed USDC": "-100.0000000",
        }
        with pytest.raises(asyncpg.RestrictViolationError, match="is cancelled"):
            await house.execute(
                """
                INSERT INTO payouts (id, remittance_id, rail, asset, amount_units, end_to_end_id)
                VALUES (gen_random_uuid(), $1, 'sepa', 'iso4217:EUR', 1, 'PX')
                """,
                remittance_id,
            )

    async def _waiting(self, house: House) -> UUID:
        """A funded remittance whose rate is not fixed."""
        limits = {"reference": Limits(max_age_s=60, refresh_s=1)}
        house.rates = RateBook(house.configuration.pairs, {"reference": ClosedMarket()}, limits, house.clock)
        opened = await house.open(asset_code="USDC", destination_asset="iso4217:EUR", funding_method="SEPA")
        await house.pay(opened.memo, asset=house.configuration.asset("USDC").asset)
        await house.match()
        return opened.id


class TestWhatCannotBeCancelled:
    @pytest.mark.parametrize(
        "behaviour", [Behaviour.ACCEPT, Behaviour.SETTLE, Behaviour.LOSE_ANSWER, Behaviour.LOSE_REQUEST]
    )
    async def test_a_payout_that_paid_or_may_still_pay(self, house: House, behaviour: Behaviour) -> None:
        remittance_id = await funded(house)
        house.rail.script.append(behaviour)
        await house.work()

        with pytest.raises(Conflict, match="may still pay"):
            await house.cancel(remittance_id)
        assert house.ordered_refunds == []

    async def test_a_remittance_for_which_nothing_arrived(self, house: House) -> None:
        opened = await house.open()

        with pytest.raises(Conflict, match="nothing to send back"):
            await house.cancel(opened.id)

    async def test_a_remittance_that_nobody_knows(self, house: House) -> None:
        with pytest.raises(NotFound):
            await house.cancel(UUID(int=7))


class TestWhatTheDatabaseRefuses:
    async def test_an_attempt_of_a_cancelled_payout(self, house: House) -> None:
        remittance_id = await funded(house)
        await house.cancel(remittance_id)

        with pytest.raises(asyncpg.RestrictViolationError, match="its payout is cancelled"):
            await house.execute(
                "INSERT INTO payout_attempts (key, payout_id, number, content) "
                "SELECT 'AX', id, 1, 'x' FROM payouts"
            )

    async def test_the_cancelling_of_a_payout_with_an_open_attempt(self, house: House) -> None:
        await funded(house)
        await house.work()

        with pytest.raises(asyncpg.RestrictViolationError, match="may still pay"):
            await house.execute("UPDATE payouts SET status = 'cancelled'")

    async def test_the_revival_of_a_cancelled_payout(self, house: House) -> None:
        remittance_id = await funded(house)
        await house.cancel(remittance_id)

        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await house.execute("UPDATE payouts SET status = 'ordered'")

    async def test_every_move_that_the_table_does_not_have(self, house: House) -> None:
        stored = await house.value("SELECT array_agg(ROW(status_from, status_to)) FROM payout_moves")

        assert {tuple(row) for row in stored} == MOVES


class TestWordsOfEarlierAttempts:
    """A second attempt is written only after the first was refused; news of the first still come."""

    async def test_repeated_news_of_a_refused_attempt_do_not_touch_the_next_one(self, house: House) -> None:
        remittance_id, first, _ = await self._second_attempt(house)
        house.rail.tell(first, RailStatus.REFUSED, identity="again")
        await house.hear()

        assert (await house.payout(remittance_id)).status is PayoutStatus.ACCEPTED

    async def test_a_refused_attempt_that_paid_after_all_holds_the_payout_and_lets_no_other_follow(
        self, house: House
    ) -> None:
        remittance_id, first, second = await self._second_attempt(house)
        house.rail.tell(first, RailStatus.SETTLED)
        house.rail.tell(second, RailStatus.REFUSED)
        await house.hear()

        payout = await house.payout(remittance_id)
        assert payout.status is PayoutStatus.HELD
        assert "contradiction" in (payout.reason or "")
        with pytest.raises(asyncpg.RestrictViolationError, match="has paid, or may have"):
            await house.execute(
                "INSERT INTO payout_attempts (key, payout_id, number, content) "
                "SELECT 'AX', id, 3, 'x' FROM payouts"
            )
        with pytest.raises(Conflict):
            await house.cancel(remittance_id)

    async def test_what_is_said_of_the_second_attempt_is_booked_even_while_the_first_is_in_doubt(
        self, house: House
    ) -> None:
        remittance_id, first, second = await self._second_attempt(house)
        house.rail.tell(first, RailStatus.SETTLED)
        house.rail.tell(second, RailStatus.SETTLED)
        await house.hear()

        assert (await house.payout(remittance_id)).status is PayoutStatus.HELD
        assert (await house.remittance(remittance_id)).status is RemittanceStatus.COMPLETED
        assert (await house.books(remittance_id))["bank:sepa EUR"] == "-99.40"

    async def _second_attempt(self, house: House) -> tuple[UUID, str, str]:
        remittance_id = await funded(house)
        house.rail.script.append(Behaviour.REFUSE)
        await house.work()
        await house.execute("UPDATE payouts SET status = 'ordered', due_at = now()")
        await house.work()
        first, second = house.rail.submissions
        assert first.key != second.key
        return remittance_id, first.key, second.key
