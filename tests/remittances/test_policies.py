"""What becomes of payments that are not as agreed, policy by policy, with the books beside it."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from tests.fixtures.house import PARTNER, RECEIVER, House, house_on

from roadstead.config.matching_terms import OtherAmount, Remedy
from roadstead.customers.identity import Reference
from roadstead.database.pool import Connection
from roadstead.errors import Unavailable
from roadstead.money import NATIVE, Money
from roadstead.partners.principal import Principal
from roadstead.remittances.refunding import RefundOrder, RefundSource
from roadstead.remittances.refunds import Refund, record_refund
from roadstead.remittances.states import RemittanceStatus
from roadstead.remittances.suspense import record_refunded
from roadstead.sep.transactions import describe

EUR = 10_000_000


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        furnished.refunder = furnished.order_refunds
        yield furnished


def orders(house: House) -> list[Any]:
    return house.ordered_refunds


async def cannot_order(_connection: Connection, orders: Sequence[RefundOrder], _now: datetime) -> None:
    if orders:
        raise Unavailable("Refunds cannot be ordered now: try again.")


async def disposition(house: House, operation_id: int) -> Any:
    return await house.value("SELECT disposition FROM payments WHERE operation_id = $1", operation_id)


async def reason(house: House, operation_id: int) -> Any:
    return await house.value("SELECT reason FROM payments WHERE operation_id = $1", operation_id)


class TestHoldingOtherAmounts:
    @pytest.mark.parametrize(("units", "why"), [(100 * EUR - 1, "too_little"), (100 * EUR + 1, "too_much")])
    async def test_one_stroop_away_funds_nothing_and_waits_for_a_person(
        self, house: House, units: int, why: str
    ) -> None:
        house.set_policy(other_amount=OtherAmount.HOLD)
        opened = await house.open("100")
        operation_id = await house.pay(opened.memo, units)
        await house.match()
        assert await reason(house, operation_id) == why
        assert await disposition(house, operation_id) == "unmatched"
        assert orders(house) == []

    async def test_the_partner_is_told(self, house: House) -> None:
        opened = await house.open("100")
        await house.pay(opened.memo, 99 * EUR)
        await house.match()
        remittance = await house.remittance(opened.id)
        assert remittance.status is RemittanceStatus.PENDING_SENDER
        assert remittance.status_message == (
            "A payment of 99.0000000 EURX arrived and does not pay for this. It is less than was agreed. "
            "The anchor's staff decides what becomes of it."
        )

    async def test_the_right_amount_still_funds_it_afterwards(self, house: House) -> None:
        opened = await house.open("100")
        await house.pay(opened.memo, 99 * EUR)
        right = await house.pay(opened.memo)
        await house.match()
        assert (await house.remittance(opened.id)).funded_by == right


class TestRefundingOtherAmounts:
    async def test_all_of_it_goes_back_by_itself(self, house: House) -> None:
        house.set_policy(other_amount=OtherAmount.REFUND)
        opened = await house.open("100")
        operation_id = await house.pay(opened.memo, 99 * EUR)
        await house.match()
        (order,) = orders(house)
        assert (order.source, order.operation_id) == (RefundSource.SUSPENSE, operation_id)
        assert order.amount.text == "99.0000000"
        assert order.remittance is None
        assert order.memo_remittance.id == opened.id
        assert order.cause == "too_little"
        assert await disposition(house, operation_id) == "refunding"
        assert await house.books() == {
            "tokens:received EURX": "99.0000000",
            "refunds:owed EURX": "-99.0000000",
        }

    async def test_dust_stays_visible(self, house: House) -> None:
        house.set_policy(other_amount=OtherAmount.REFUND, refund_min=Decimal(2))
        opened = await house.open("100")
        dust = await house.pay(opened.memo, 2 * EUR - 1)
        enough = await house.pay(opened.memo, 2 * EUR)
        await house.match()
        assert await disposition(house, dust) == "unmatched"
        assert await disposition(house, enough) == "refunding"

    async def test_without_anybody_who_sends_refunds_it_waits(self, house: House) -> None:
        house.set_policy(other_amount=OtherAmount.REFUND)
        house.refunder = None
        opened = await house.open("100")
        operation_id = await house.pay(opened.memo, 99 * EUR)
        await house.match()
        assert await disposition(house, operation_id) == "unmatched"

    async def test_an_order_that_fails_leaves_it_to_a_person_and_holds_nobody_up(self, house: House) -> None:
        house.set_policy(other_amount=OtherAmount.REFUND)
        house.refunder = cannot_order
        opened = await house.open("100")
        other = await house.open("100")
        wrong = await house.pay(opened.memo, 99 * EUR)
        await house.pay(other.memo)
        await house.match()
        assert await reason(house, wrong) == "undecided"
        assert (await house.remittance(other.id)).status is RemittanceStatus.PENDING_RECEIVER


class TestDeliveringWhatArrived:
    async def test_it_is_priced_anew_down_to_the_currencys_unit(self, house: House) -> None:
        house.set_policy(other_amount=OtherAmount.DELIVER_RECEIVED)
        opened = await house.open("100")
        operation_id = await house.pay(opened.memo, 991_234_567)
        await house.match()
        remittance = await house.remittance(opened.id)
        assert remittance.funded_by == operation_id
        assert (remittance.amount_expected.text, remittance.amount_in.text) == ("100.0000000", "99.1234567")
        assert (await house.payout(opened.id)).amount.text == "98.52"
        assert [line["amount"] for line in remittance.fee_lines] == ["0.5956172", "0.0078395"]
        assert await house.books(opened.id) == {
            "tokens:received EURX": "99.1234567",
            "fees:pending EURX": "-0.5956172",
            "fees:rounding EURX": "-0.0078395",
            "fx:position EURX": "-98.5200000",
            "fx:position EUR": "98.52",
            "payouts:owed EUR": "-98.52",
        }

    async def test_more_than_was_agreed_is_delivered_too(self, house: House) -> None:
        house.set_policy(other_amount=OtherAmount.DELIVER_RECEIVED)
        opened = await house.open("100")
        await house.pay(opened.memo, 200 * EUR)
        await house.match()
        assert (await house.payout(opened.id)).amount.text == "198.90"

    @pytest.mark.parametrize(("units", "why"), [(EUR - 1, "too_little"), (10_000 * EUR + 1, "too_much")])
    async def test_outside_the_limits_of_the_asset_it_funds_nothing(
        self, house: House, units: int, why: str
    ) -> None:
        house.set_policy(other_amount=OtherAmount.DELIVER_RECEIVED)
        opened = await house.open("100")
        operation_id = await house.pay(opened.memo, units)
        await house.match()
        assert await reason(house, operation_id) == why

    async def test_what_is_delivered_is_set_once(self, house: House) -> None:
        house.set_policy(other_amount=OtherAmount.DELIVER_RECEIVED)
        opened = await house.open("100")
        await house.pay(opened.memo, 99 * EUR)
        await house.match()
        for change in ("amount_in_units = 1", "service_fee_units = 1", "amount_expected_units = 1"):
            with pytest.raises(asyncpg.RestrictViolationError):
                await house.execute(f"UPDATE remittances SET {change} WHERE id = $1", opened.id)


class TestALittleTooMuch:
    async def test_funds_the_agreed_amount_and_the_rest_goes_back(self, house: House) -> None:
        house.set_policy(excess_max=Decimal(5), refund_min=Decimal(1))
        opened = await house.open("100")
        operation_id = await house.pay(opened.memo, 103 * EUR)
        await house.match()
        remittance = await house.remittance(opened.id)
        assert remittance.status is RemittanceStatus.PENDING_RECEIVER
        assert (remittance.amount_in.text, remittance.excess.text) == ("100.0000000", "3.0000000")
        assert remittance.amount_received.text == "103.0000000"
        (order,) = orders(house)
        assert (order.source, order.amount.text, order.cause) == (
            RefundSource.SUSPENSE,
            "3.0000000",
            "excess",
        )
        assert order.remittance.id == order.memo_remittance.id == opened.id
        assert await house.books() == {
            "tokens:received EURX": "103.0000000",
            "refunds:owed EURX": "-3.0000000",
            "fees:pending EURX": "-0.6000000",
            "fx:position EURX": "-99.4000000",
            "fx:position EUR": "99.40",
            "payouts:owed EUR": "-99.40",
        }
        assert (
            await house.value("SELECT excess_disposition FROM payments WHERE operation_id = $1", operation_id)
            == "refunding"
        )

    async def test_dust_above_it_stays_visible(self, house: House) -> None:
        house.set_policy(excess_max=Decimal(5), refund_min=Decimal(1))
        opened = await house.open("100")
        await house.pay(opened.memo, 100 * EUR + 1)
        await house.match()
        assert orders(house) == []
        assert await house.value("SELECT part || ' ' || amount_units FROM waiting_payments") == "excess 1"
        assert (await house.books())["suspense:chain EURX"] == "-0.0000001"

    async def test_one_stroop_above_the_tolerance_funds_nothing(self, house: House) -> None:
        house.set_policy(excess_max=Decimal(5))
        opened = await house.open("100")
        operation_id = await house.pay(opened.memo, 105 * EUR + 1)
        await house.match()
        assert await reason(house, operation_id) == "too_much"

    async def test_less_is_never_taken_for_enough(self, house: House) -> None:
        house.set_policy(excess_max=Decimal(5))
        opened = await house.open("100")
        operation_id = await house.pay(opened.memo, 100 * EUR - 1)
        await house.match()
        assert await reason(house, operation_id) == "too_little"


class TestWhatAPartnerIsTold:
    @pytest.mark.clause("SEP-31/get/amount-received")
    async def test_before_the_payment_what_was_agreed_and_afterwards_what_arrived(self, house: House) -> None:
        house.set_policy(other_amount=OtherAmount.DELIVER_RECEIVED)
        opened = await house.open("100")
        assert describe(await house.remittance(opened.id)).amount_in == "100.0000000"
        await house.pay(opened.memo, 991_234_567)
        await house.match()
        told = describe(await house.remittance(opened.id))
        assert (told.amount_in, told.amount_out, told.amount_fee) == ("99.1234567", "98.52", "0.6034567")
        assert told.fee_details.total == "0.6034567"

    @pytest.mark.clause("SEP-31/get/amount-received")
    async def test_what_was_too_much_is_in_it_and_in_the_refunds(self, house: House) -> None:
        house.set_policy(excess_max=Decimal(5))
        opened = await house.open("100")
        await house.pay(opened.memo, 103 * EUR)
        await house.match()
        back = Refund(
            transaction_hash="ab" * 32, amount=Money(house.eurx, 2 * EUR), fee=Money(house.eurx, EUR)
        )
        async with house.database.transaction() as connection:
            await record_refund(connection, opened.id, back)
        told = describe(await house.remittance(opened.id))
        assert told.refunds is not None
        assert Decimal(told.amount_in) == sum(
            Decimal(part)
            for part in (
                told.amount_out or "",
                told.amount_fee,
                told.refunds.amount_refunded,
                told.refunds.amount_fee,
            )
        )


class TestReasons:
    async def test_late_money_goes_back_by_the_time_of_the_ledger(self, house: House) -> None:
        house.set_policy(too_late=Remedy.REFUND)
        opened = await house.open("100")
        expires_at = (await house.remittance(opened.id)).expires_at
        late = await house.pay(opened.memo, closed_at=expires_at)
        await house.match()
        assert (await reason(house, late), await disposition(house, late)) == ("too_late", "refunding")

    async def test_after_the_expiry_it_is_still_called_late(self, house: House) -> None:
        house.set_policy(too_late=Remedy.REFUND)
        opened = await house.open("100")
        expires_at = (await house.remittance(opened.id)).expires_at
        await house.execute("UPDATE remittances SET status = 'expired' WHERE id = $1", opened.id)
        late = await house.pay(opened.memo, closed_at=expires_at + timedelta(days=3))
        await house.match()
        assert await reason(house, late) == "too_late"
        message = (await house.remittance(opened.id)).status_message
        assert message is not None
        assert message.endswith("It goes back to its payer.")

    async def test_a_second_payment_goes_back_where_that_is_said(self, house: House) -> None:
        house.set_policy(not_waiting=Remedy.REFUND)
        opened = await house.open("100")
        await house.pay(opened.memo)
        second = await house.pay(opened.memo, 7 * EUR)
        await house.match()
        assert (await reason(house, second), await disposition(house, second)) == (
            "already_funded",
            "refunding",
        )

    async def test_the_asset_that_arrived_decides(self, house: House) -> None:
        house.set_policy("USDC", wrong_asset=Remedy.REFUND)
        opened = await house.open("100")
        usdc = house.configuration.asset("USDC").asset
        wrong = await house.pay(opened.memo, asset=usdc)
        await house.match()
        (order,) = orders(house)
        assert (order.operation_id, order.amount.asset) == (wrong, usdc)

    async def test_what_is_not_received_here_never_goes_back_by_itself(self, house: House) -> None:
        for code in ("EURX", "USDC"):
            house.set_policy(code, unidentified=Remedy.REFUND, wrong_asset=Remedy.REFUND)
        opened = await house.open("100")
        lumens = await house.pay(opened.memo, asset=NATIVE)
        nameless = await house.pay(None, asset=NATIVE)
        await house.match()
        assert orders(house) == []
        assert {await disposition(house, one) for one in (lumens, nameless)} == {"unmatched"}

    async def test_by_default_everything_waits_for_a_person(self, house: House) -> None:
        opened = await house.open("100", asset_code="USDC", receiver_id=str(await wire_receiver(house)))
        usdc = house.configuration.asset("USDC").asset
        expires_at = (await house.remittance(opened.id)).expires_at
        payments = [
            await house.pay(opened.memo, 99 * EUR, asset=usdc),
            await house.pay(opened.memo, 101 * EUR, asset=usdc),
            await house.pay(opened.memo, asset=usdc, closed_at=expires_at),
            await house.pay(None, asset=usdc),
        ]
        await house.match()
        assert orders(house) == []
        assert [await disposition(house, one) for one in payments] == ["unmatched"] * 4


class TestTheEndOfARefund:
    async def test_confirmed_it_is_refunded_and_nothing_follows(self, house: House) -> None:
        house.set_policy(too_late=Remedy.REFUND)
        opened = await house.open("100")
        late = await house.pay(opened.memo, closed_at=house.clock.now() + timedelta(days=9))
        await house.match()
        async with house.database.transaction() as connection:
            await record_refunded(connection, late, house.clock.now())
            await record_refunded(connection, late, house.clock.now())
        assert await disposition(house, late) == "refunded"
        assert await history_of(house, late) == [
            "stored unmatched",
            "unmatched refunding",
            "refunding refunded",
        ]

    async def test_of_an_excess_it_ends_for_the_excess_alone(self, house: House) -> None:
        house.set_policy(excess_max=Decimal(5))
        opened = await house.open("100")
        paid = await house.pay(opened.memo, 103 * EUR)
        await house.match()
        async with house.database.transaction() as connection:
            await record_refunded(connection, paid, house.clock.now())
        assert await disposition(house, paid) == "matched"
        assert await house.value("SELECT excess_disposition FROM payments") == "refunded"


async def history_of(house: House, operation_id: int) -> list[str]:
    async with house.database.connection() as connection:
        rows = await connection.fetch(
            "SELECT disposition_from || ' ' || disposition_to FROM payment_history WHERE operation_id = $1 ORDER BY id",
            operation_id,
        )
    return [row[0] for row in rows]


async def wire_receiver(house: House) -> Any:
    return await house.registry.register(
        Principal(account=PARTNER),
        Reference(memo="3", type="sep31-receiver-wire"),
        {**RECEIVER, "bank_account_number": "123456789", "bank_number": "021000021"},
    )
