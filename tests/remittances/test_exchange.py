"""Remittances into another currency: at the rate of their payment, or at a quote."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import asyncpg
import pytest
from tests.fixtures.house import IBAN, PARTNER, House, house_on

from roadstead.config.matching_terms import OtherAmount
from roadstead.database.pool import Connection
from roadstead.errors import BadInput, CustomerInfoNeeded, Unavailable
from roadstead.money import Asset, currency
from roadstead.payouts.ordering import payout_orderer
from roadstead.quotes.offer import PriceRequest
from roadstead.quotes.pricing import exchanged
from roadstead.quotes.quoting import Quoting
from roadstead.quotes.rates import Limits, Rate, RateBook, Snapshot
from roadstead.quotes.store import Quote
from roadstead.remittances.expiry import expire_due
from roadstead.remittances.fixing import WAITING
from roadstead.remittances.funding import Funded
from roadstead.remittances.matcher import dispose
from roadstead.remittances.opening import Opened
from roadstead.remittances.policies import policies_of
from roadstead.remittances.queue_watch import watch_rates
from roadstead.remittances.states import RemittanceStatus
from roadstead.remittances.waiting import price_waiting

EUR, JPY = currency("EUR"), currency("JPY")
HUNDRED_UNITS = 1_000_000_000

Orderer = Callable[[Connection, Sequence[Funded], datetime], Awaitable[None]]


class Market:
    """A source whose rate a test sets, or takes away."""

    def __init__(self, value: str | None, moment: datetime) -> None:
        self.value = value
        self.moment = moment

    async def rate(self, sell: Asset, buy: Asset) -> Rate:
        if self.value is None:
            raise Unavailable("The market is closed.")
        return Rate(value=Decimal(self.value), as_of=self.moment)

    async def close(self) -> None:
        pass


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        yield furnished


@pytest.fixture
def market(house: House) -> Market:
    """Let the house take its rates from a market, where one USDC stands at 0.9 EUR."""
    market = Market("0.9", house.clock.now())
    limits = {"reference": Limits(max_age_s=60, refresh_s=1)}
    house.rates = RateBook(house.configuration.pairs, {"reference": market}, limits, house.clock)
    return market


def usdc(house: House) -> Asset:
    return house.configuration.asset("USDC").asset


def orderer(house: House) -> Orderer:
    return payout_orderer(house.configuration.anchor)


async def open_to_come(house: House) -> Opened:
    return await house.open("100", asset_code="USDC", destination_asset=EUR.id, funding_method="SEPA")


async def quoted(house: House) -> Quote:
    desk = Quoting(
        house.configuration,
        rates=house.rates,
        database=house.database,
        clock=house.clock,
        randomness=house.randomness,
    )
    request = PriceRequest(
        sell_asset=usdc(house).id, buy_asset=EUR.id, sell_amount="100", buy_amount=None, context="sep31"
    )
    return await desk.give(request, account=PARTNER, expire_after=None)


async def open_quoted(house: House) -> tuple[Opened, Quote]:
    quote = await quoted(house)
    return await house.open("100", asset_code="USDC", quote_id=str(quote.id)), quote


async def price_again(house: House, rates: Snapshot | None = None) -> int:
    await house.rates.refresh()
    taken = house.rates.snapshot() if rates is None else rates
    return await price_waiting(house.database, orderer(house), taken, house.clock.now())


async def payout_count(house: House, remittance_id: UUID) -> int:
    return int(await house.value("SELECT count(*) FROM payouts WHERE remittance_id = $1", remittance_id))


class TestAtTheRateOfItsPayment:
    async def test_only_the_fee_is_known_before_the_payment(self, house: House, market: Market) -> None:
        remittance = await house.remittance((await open_to_come(house)).id)
        assert remittance.amount_out is None
        assert remittance.asset_out == EUR
        assert remittance.service_fee.text == "0.7500000"

    @pytest.mark.clause("SEP-31/post/indicative")
    async def test_the_rate_is_the_one_at_which_it_is_matched(self, house: House, market: Market) -> None:
        opened = await open_to_come(house)
        market.value = "0.8"
        await house.pay(opened.memo, HUNDRED_UNITS, asset=usdc(house))
        assert (await house.match()).matched == 1
        remittance = await house.remittance(opened.id)
        assert remittance.amount_out is not None
        assert remittance.amount_out.text == "79.00"
        assert remittance.status_message is None
        rate = await house.value("SELECT exchange_rate FROM remittances WHERE id = $1", opened.id)
        assert rate == Decimal("0.796")
        assert (await house.payout(opened.id)).amount.text == "79.00"
        assert (await house.payout(opened.id)).rail == "sepa"

    async def test_the_books_cross_at_that_price_and_balance(self, house: House, market: Market) -> None:
        opened = await open_to_come(house)
        await house.pay(opened.memo, HUNDRED_UNITS, asset=usdc(house))
        await house.match()
        assert await house.books(opened.id) == {
            "tokens:received USDC": "100.0000000",
            "fees:pending USDC": "-0.7500000",
            "fx:position USDC": "-99.2500000",
            "fx:position EUR": "88.87",
            "payouts:owed EUR": "-88.87",
        }

    async def test_without_a_current_rate_it_waits_visibly_and_nothing_is_promised(
        self, house: House, market: Market
    ) -> None:
        opened = await open_to_come(house)
        market.value = None
        operation_id = await house.pay(opened.memo, HUNDRED_UNITS, asset=usdc(house))
        assert (await house.match()).matched == 1
        remittance = await house.remittance(opened.id)
        assert remittance.status is RemittanceStatus.PENDING_RECEIVER
        assert remittance.status_message == WAITING
        assert (remittance.funded_by, remittance.amount_out) == (operation_id, None)
        assert await payout_count(house, opened.id) == 0
        assert await house.books(opened.id) == {
            "tokens:received USDC": "100.0000000",
            "fx:waiting USDC": "-100.0000000",
        }

    async def test_when_there_is_a_rate_again_it_is_priced_once_and_paid_out(
        self, house: House, market: Market
    ) -> None:
        opened = await open_to_come(house)
        market.value = None
        await house.pay(opened.memo, HUNDRED_UNITS, asset=usdc(house))
        await house.match()
        assert await price_again(house) == 0
        house.clock.advance(timedelta(seconds=2))
        market.value, market.moment = "0.9", house.clock.now()
        assert await price_again(house) == 1
        assert await price_again(house) == 0
        remittance = await house.remittance(opened.id)
        assert remittance.amount_out is not None
        assert (remittance.amount_out.text, remittance.status_message) == ("88.87", None)
        assert await payout_count(house, opened.id) == 1
        books = await house.books(opened.id)
        assert books["payouts:owed EUR"] == "-88.87"
        assert "fx:waiting USDC" not in books

    async def test_a_stale_rate_prices_nothing(self, house: House, market: Market) -> None:
        opened = await open_to_come(house)
        await house.rates.refresh()
        house.clock.advance(timedelta(seconds=60))
        await house.pay(opened.memo, HUNDRED_UNITS, asset=usdc(house))
        await house.match()
        assert (await house.remittance(opened.id)).status_message == WAITING

    async def test_those_that_wait_for_one_pair_do_not_hold_up_another(
        self, house: House, market: Market
    ) -> None:
        market.value = None
        opened = await open_to_come(house)
        await house.pay(opened.memo, HUNDRED_UNITS, asset=usdc(house))
        await house.match()
        other = {(usdc(house), JPY): Decimal(150)}
        assert await price_again(house, other) == 0
        assert await price_again(house, {(usdc(house), EUR): Decimal(1), **other}) == 1

    async def test_a_rate_at_which_nothing_arrives_fixes_nothing(self, house: House, market: Market) -> None:
        opened = await open_to_come(house)
        await house.pay(opened.memo, HUNDRED_UNITS, asset=usdc(house))
        tiny = {(usdc(house), EUR): Decimal("0.00001")}
        await dispose(house.database, orderer(house), house.clock.now(), tiny)
        assert (await house.remittance(opened.id)).amount_out is None

    async def test_its_own_currency_stays_one_to_one(self, house: House) -> None:
        opened = await house.open("100", destination_asset="iso4217:EUR")
        remittance = await house.remittance(opened.id)
        assert remittance.amount_out is not None
        assert remittance.amount_out.text == "99.40"

    async def test_the_limits_of_the_pair_hold(self, house: House) -> None:
        for amount in ("0.9", "10000.1"):
            with pytest.raises(BadInput, match="too"):
                await house.open(amount, asset_code="USDC", destination_asset=EUR.id)

    async def test_the_receiver_is_asked_what_the_currency_needs(self, house: House) -> None:
        with pytest.raises(CustomerInfoNeeded) as refusal:
            await house.open("100", asset_code="USDC", destination_asset=JPY.id)
        assert refusal.value.customer_type == "sep31-receiver-zengin"

    async def test_a_rate_is_fixed_once(self, house: House, market: Market) -> None:
        opened = await open_to_come(house)
        await house.pay(opened.memo, HUNDRED_UNITS, asset=usdc(house))
        await house.match()
        for change in ("exchange_rate = 2", "pricing = 'par', exchange_rate = NULL"):
            with pytest.raises(asyncpg.RestrictViolationError):
                await house.execute(f"UPDATE remittances SET {change} WHERE id = $1", opened.id)


class TestAtAQuote:
    async def test_the_payment_gets_the_price_of_the_quote_whatever_rates_do(
        self, house: House, market: Market
    ) -> None:
        opened, quote = await open_quoted(house)
        market.value = "0.1"
        await house.pay(opened.memo, HUNDRED_UNITS, asset=usdc(house))
        await house.match()
        assert (await house.payout(opened.id)).amount == quote.buy
        assert await house.books(opened.id) == {
            "tokens:received USDC": "100.0000000",
            "fees:pending USDC": "-0.7500000",
            "fx:position USDC": "-99.2500000",
            "fx:position EUR": "88.87",
            "payouts:owed EUR": "-88.87",
        }

    @pytest.mark.parametrize(("before_s", "matched"), [(1, 1), (0, 0), (-1, 0)])
    @pytest.mark.clause("SEP-31/payment/quote-in-time")
    async def test_the_ledger_has_to_close_before_the_quote_expires(
        self, house: House, market: Market, before_s: int, matched: int
    ) -> None:
        opened, quote = await open_quoted(house)
        closed_at = quote.expires_at - timedelta(seconds=before_s)
        house.clock.advance(timedelta(hours=1))
        await house.pay(opened.memo, HUNDRED_UNITS, asset=usdc(house), closed_at=closed_at)
        assert (await house.match()).matched == matched

    async def test_another_amount_than_the_quotes_is_unmatched(self, house: House, market: Market) -> None:
        opened, _ = await open_quoted(house)
        await house.pay(opened.memo, HUNDRED_UNITS + 1, asset=usdc(house))
        (unmatched,) = (await house.match()).unmatched
        assert unmatched.reason == "too_much"

    async def test_a_quote_that_is_paid_no_longer_counts_as_exposure(
        self, house: House, market: Market
    ) -> None:
        pairs = tuple(
            replace(pair, exposure_max=Decimal(100)) if pair.name == "USDC-EUR" else pair
            for pair in house.configuration.anchor.pairs
        )
        house.configuration = replace(
            house.configuration, anchor=replace(house.configuration.anchor, pairs=pairs)
        )
        opened, _ = await open_quoted(house)
        with pytest.raises(BadInput, match="can be quoted"):
            await quoted(house)
        await house.pay(opened.memo, HUNDRED_UNITS, asset=usdc(house))
        await house.match()
        await quoted(house)

    async def test_the_database_lets_a_quote_be_used_once(self, house: House, market: Market) -> None:
        _, quote = await open_quoted(house)
        other = await open_to_come(house)
        with pytest.raises((asyncpg.UniqueViolationError, asyncpg.RestrictViolationError)):
            await house.execute(
                "UPDATE remittances SET quote_id = $2, pricing = 'firm', amount_out_units = 1 WHERE id = $1",
                other.id,
                quote.id,
            )

    async def test_the_bank_is_asked_for_the_amount_of_the_quote_to_the_receivers_iban(
        self, house: House, market: Market
    ) -> None:
        opened, quote = await open_quoted(house)
        await house.pay(opened.memo, HUNDRED_UNITS, asset=usdc(house))
        await house.match()
        await house.work()
        (attempt,) = house.rail.submissions
        assert attempt.amount == quote.buy
        assert attempt.creditor.account_number == IBAN


class TestOtherAmountsThanAgreed:
    async def test_a_firm_quote_holds_for_its_own_amount_whatever_the_policy(
        self, house: House, market: Market
    ) -> None:
        house.set_policy("USDC", other_amount=OtherAmount.DELIVER_RECEIVED)
        opened, _ = await open_quoted(house)
        await house.pay(opened.memo, HUNDRED_UNITS - 1, asset=usdc(house))
        (unmatched,) = (await house.match()).unmatched
        assert unmatched.reason == "too_little"

    async def test_a_firm_quote_takes_a_little_too_much_and_delivers_what_it_promised(
        self, house: House, market: Market
    ) -> None:
        house.set_policy("USDC", excess_max=Decimal(1))
        opened, quote = await open_quoted(house)
        await house.pay(opened.memo, HUNDRED_UNITS + 1, asset=usdc(house))
        await house.match()
        assert (await house.payout(opened.id)).amount == quote.buy
        assert (await house.remittance(opened.id)).excess.units == 1

    async def test_an_indicative_remittance_delivers_what_arrived_at_the_rate_of_that_moment(
        self, house: House, market: Market
    ) -> None:
        house.set_policy("USDC", other_amount=OtherAmount.DELIVER_RECEIVED)
        opened = await open_to_come(house)
        market.value = "0.8"
        await house.pay(opened.memo, 2 * HUNDRED_UNITS, asset=usdc(house))
        await house.match()
        remittance = await house.remittance(opened.id)
        assert (remittance.amount_in.text, remittance.service_fee.text) == ("200.0000000", "1.2500000")
        assert remittance.amount_out is not None
        assert remittance.amount_out == exchanged(
            remittance.amount_in - remittance.service_fee, house.rates.snapshot()[usdc(house), EUR], EUR
        )

    async def test_without_a_rate_what_arrived_waits_whole(self, house: House, market: Market) -> None:
        house.set_policy("USDC", other_amount=OtherAmount.DELIVER_RECEIVED)
        opened = await open_to_come(house)
        await house.pay(opened.memo, 2 * HUNDRED_UNITS, asset=usdc(house))
        await dispose(
            house.database, orderer(house), house.clock.now(), policies=policies_of(house.configuration)
        )
        assert await house.books() == {
            "tokens:received USDC": "200.0000000",
            "fx:waiting USDC": "-200.0000000",
        }


class TestWhatIsPromised:
    async def test_a_used_quote_counts_until_its_remittance_expires(
        self, house: House, market: Market
    ) -> None:
        pairs = tuple(
            replace(pair, exposure_max=Decimal(100)) if pair.name == "USDC-EUR" else pair
            for pair in house.configuration.anchor.pairs
        )
        house.configuration = replace(
            house.configuration, anchor=replace(house.configuration.anchor, pairs=pairs)
        )
        opened, quote = await open_quoted(house)
        house.clock.advance(timedelta(hours=1))
        market.moment = house.clock.now()
        with pytest.raises(BadInput, match="can be quoted"):
            await quoted(house)
        await house.execute(
            "INSERT INTO cursors (source, position, ledger, ledger_closed_at) VALUES ('chain', '1', 1, $1)",
            quote.expires_at + timedelta(hours=1),
        )
        assert await expire_due(house.database, "chain", house.clock.now()) == 1
        await quoted(house)
        assert (await house.remittance(opened.id)).status is RemittanceStatus.EXPIRED


class TestWorthNothing:
    async def test_a_payment_that_delivers_nothing_at_its_rate_is_made_heard_until_it_does(
        self, house: House, market: Market
    ) -> None:
        opened = await open_to_come(house)
        await house.pay(opened.memo, HUNDRED_UNITS, asset=usdc(house))
        tiny = {(usdc(house), EUR): Decimal("0.00001")}
        await dispose(house.database, orderer(house), house.clock.now(), tiny)
        assert await watch_rates(house.database, tiny, house.clock.now()) == 1
        kinds = "SELECT kind || ' ' || status FROM alerts"
        assert await house.value(kinds) == "nothing_to_deliver open"
        assert await price_again(house) == 1
        assert await watch_rates(house.database, house.rates.snapshot(), house.clock.now()) == 0
        assert await house.value(kinds) == "nothing_to_deliver closed"
