"""What an exchange costs, checked as a partner in double precision would check it."""

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from roadstead.errors import BadInput, InvalidAmount
from roadstead.money import Asset, Money, amount_from_text, currency, stellar_asset
from roadstead.quotes.pricing import (
    Exchange,
    Tariff,
    exchanged,
    price_buying,
    price_selling,
    price_text,
)

USDC = stellar_asset("USDC", "GCQERRGJ474KHMQCMC74BCPY3HMYDGV7NNCYYJLJOABPBRC6REZOYCUL")
CURRENCIES = [currency("JPY"), currency("EUR"), currency("KWD")]
RATES = st.integers(min_value=-6, max_value=5).flatmap(
    lambda exponent: st.integers(min_value=10_000, max_value=100_000).map(
        lambda digits: Decimal(digits).scaleb(exponent - 4)
    )
)
TARIFFS = st.builds(
    Tariff,
    rate=RATES,
    spread_bps=st.integers(min_value=0, max_value=500),
    fee_fixed=st.integers(min_value=1, max_value=100_000_000).map(lambda units: Decimal(units).scaleb(-7)),
    fee_percent=st.sampled_from([Decimal(0), Decimal("0.5"), Decimal("1.25"), Decimal("33.3")]),
)
PLAIN = Tariff(rate=Decimal("0.92"), spread_bps=50, fee_fixed=Decimal("0.25"), fee_percent=Decimal("0.5"))


def rounded(value: float, decimals: int) -> float:
    """Round as JavaScript does: halves up, after scaling in double precision."""
    scale = float(10**decimals)
    return math.floor(value * scale + 0.5) / scale


def assert_formulas(exchange: Exchange) -> None:
    decimals = exchange.buy.asset.scale
    sell, buy, fee = (float(money.text) for money in (exchange.sell, exchange.buy, exchange.fee))
    price, total_price = float(exchange.price), float(exchange.total_price)
    assert rounded(sell / total_price, decimals) == rounded(buy, decimals)
    assert rounded(sell - fee, decimals) == rounded(price * buy, decimals)


class TestSelling:
    def test_the_fee_comes_off_what_is_sold_and_the_spread_off_the_rate(self) -> None:
        exchange = price_selling(PLAIN, amount_from_text(USDC, "100"), currency("EUR"))
        assert exchange.sell.text == "100.0000000"
        assert exchange.fee.text == "0.7500000"
        assert exchange.buy.text == "90.85"
        assert exchange.price == "1.0924600990643919"
        assert exchange.total_price == "1.100715465052284"

    def test_one_to_one_is_a_price_of_one(self) -> None:
        par = Tariff(rate=Decimal(1), spread_bps=0, fee_fixed=Decimal("0.1"), fee_percent=Decimal("0.5"))
        exchange = price_selling(par, amount_from_text(USDC, "100"), currency("EUR"))
        assert (exchange.price, exchange.buy.text) == ("1", "99.40")

    @pytest.mark.parametrize("amount", ["0.25", "0.2", "0.26"])
    def test_what_the_fee_eats_is_refused(self, amount: str) -> None:
        with pytest.raises(BadInput):
            price_selling(PLAIN, amount_from_text(USDC, amount), currency("EUR"))

    def test_more_than_a_double_tells_apart_is_refused(self) -> None:
        with pytest.raises(InvalidAmount, match="split it"):
            price_selling(PLAIN, amount_from_text(USDC, "922337203685"), currency("KWD"))

    @pytest.mark.clause("SEP-38/price/formulas")
    @given(
        tariff=TARIFFS,
        units=st.integers(min_value=1, max_value=10**13),
        buy=st.sampled_from(CURRENCIES),
    )
    @example(
        tariff=Tariff(rate=Decimal(1), spread_bps=0, fee_fixed=Decimal("0.6"), fee_percent=Decimal(0)),
        units=101_250_000,
        buy=currency("EUR"),
    )
    def test_the_formulas_hold_in_double_precision(self, tariff: Tariff, units: int, buy: Asset) -> None:
        sell = Money(USDC, units)
        try:
            exchange = price_selling(tariff, sell, buy)
        except BadInput:
            assume(False)
        assert exchange.sell == sell
        assert_formulas(exchange)

    @pytest.mark.clause("SEP-38/price/rounding")
    @given(tariff=TARIFFS, units=st.integers(min_value=1, max_value=10**13), buy=st.sampled_from(CURRENCIES))
    def test_nobody_gets_more_than_the_rate_gives(self, tariff: Tariff, units: int, buy: Asset) -> None:
        try:
            exchange = price_selling(tariff, Money(USDC, units), buy)
        except BadInput:
            assume(False)
        net = (exchange.sell - exchange.fee).decimal
        assert exchange.buy.decimal <= net * tariff.rate
        assert exchange.buy == exchanged(exchange.sell - exchange.fee, tariff.effective_rate, buy)
        assert Decimal(exchange.total_price) >= Decimal(exchange.price)


class TestBuying:
    def test_the_fee_comes_on_top(self) -> None:
        exchange = price_buying(PLAIN, USDC, amount_from_text(currency("EUR"), "90.85"))
        assert exchange.buy.text == "90.85"
        assert exchange.sell.text == "99.9962123"
        assert (exchange.sell - exchange.fee).text == "99.2462312"

    def test_nothing_is_no_amount(self) -> None:
        with pytest.raises(BadInput, match="nothing to buy"):
            price_buying(PLAIN, USDC, Money(currency("EUR"), 0))

    @pytest.mark.clause("SEP-38/price/formulas")
    @given(
        tariff=TARIFFS,
        units=st.integers(min_value=1, max_value=10**12),
        buy=st.sampled_from(CURRENCIES),
    )
    def test_the_formulas_hold_in_double_precision(self, tariff: Tariff, units: int, buy: Asset) -> None:
        try:
            exchange = price_buying(tariff, USDC, Money(buy, units))
        except BadInput:
            assume(False)
        assert exchange.buy == Money(buy, units)
        assert_formulas(exchange)

    @pytest.mark.clause("SEP-38/price/rounding")
    @given(tariff=TARIFFS, units=st.integers(min_value=1, max_value=10**9), buy=st.sampled_from(CURRENCIES))
    def test_what_is_sold_covers_what_is_bought(self, tariff: Tariff, units: int, buy: Asset) -> None:
        try:
            exchange = price_buying(tariff, USDC, Money(buy, units))
        except BadInput:
            assume(False)
        net = (exchange.sell - exchange.fee).decimal
        assert net * tariff.effective_rate >= exchange.buy.decimal


class TestPriceText:
    @given(sold=st.integers(min_value=1, max_value=10**15), bought=st.integers(min_value=1, max_value=10**15))
    def test_it_is_plain_and_names_one_double(self, sold: int, bought: int) -> None:
        text = price_text(Decimal(sold), Decimal(bought))
        assert "e" not in text.lower()
        assert float(text) == pytest.approx(sold / bought, rel=3e-16)

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [((Decimal(1), Decimal(5)), "0.2"), ((Decimal(1000), Decimal(1)), "1000")],
    )
    def test_it_has_no_idle_zeros(self, arguments: Any, text: str) -> None:
        assert price_text(*arguments) == text
