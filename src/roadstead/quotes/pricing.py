"""What an exchange costs: pure rules from a rate, a spread and a fee to the amounts and prices of SEP-38.

The client fixes one side, which is never altered. The other side is rounded to its asset's smallest unit, what is
bought down and what is sold up. The two prices are then derived from the rounded amounts, with so many digits that
whoever checks the formulas of SEP-38 in double precision, rounded to the decimals of what is bought, finds them exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal, localcontext

from roadstead.errors import BadInput, InvalidAmount
from roadstead.money import Asset, Money, exact_amount, round_down, round_up

PRICE_DIGITS = 17
"""Significant digits of a price: as many as name every number of double precision apart."""
BUY_UNITS_MAX = 10**15
"""Most units that are priced: beyond, a double no longer tells one unit from the next."""
SELL_UNITS_MAX = 10**13
"""The same for what is sold, counted in units as small as those of what is bought."""

_PRECISION = 60
_HUNDRED = Decimal(100)
_BASIS_POINTS = Decimal(10_000)
_HALF = Decimal("0.5")
_DOUBLE_ERROR = Decimal(2) ** -49
"""Generous bound on the relative error of the few operations in double precision that a check takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """What a price is made of."""

    rate: Decimal
    """Units of what is bought for one unit of what is sold, before the spread."""
    spread_bps: int
    fee_fixed: Decimal
    """In what is sold."""
    fee_percent: Decimal
    """Of what is sold, in percentage points."""

    @property
    def effective_rate(self) -> Decimal:
        """The rate after the spread."""
        with localcontext(Context(prec=_PRECISION)):
            return self.rate * (_BASIS_POINTS - self.spread_bps) / _BASIS_POINTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """The two sides of an exchange, and the fee, which is part of what is sold."""

    sell: Money
    fee: Money
    buy: Money

    @property
    def price(self) -> str:
        """SEP-38 `price`: what is sold after the fee, per unit of what is bought."""
        return price_text((self.sell - self.fee).decimal, self.buy.decimal)

    @property
    def total_price(self) -> str:
        """SEP-38 `total_price`: what is sold with the fee, per unit of what is bought."""
        return price_text(self.sell.decimal, self.buy.decimal)


def price_text(sold: Decimal, bought: Decimal) -> str:
    """Write the price of one unit of what is bought, in plain notation."""
    price = Context(prec=PRICE_DIGITS, rounding=ROUND_HALF_EVEN).divide(sold, bought)
    return f"{price.normalize():f}"


def fee_of(tariff: Tariff, sell: Money) -> Money:
    """Return the fee for selling an amount; the percentage is rounded down, so that nobody pays more than was said."""
    with localcontext(Context(prec=_PRECISION)):
        proportional = round_down(sell.asset, sell.decimal * tariff.fee_percent / _HUNDRED)
    return exact_amount(sell.asset, tariff.fee_fixed) + proportional


def exchanged(net: Money, effective_rate: Decimal, buy: Asset) -> Money:
    """Return what an amount, after its fee, becomes at a rate; rounded down."""
    with localcontext(Context(prec=_PRECISION)):
        return round_down(buy, net.decimal * effective_rate)


def price_selling(tariff: Tariff, sell: Money, buy: Asset) -> Exchange:
    """Price an exchange in which the client fixes what it sells.

    Raises:
        BadInput: The fee eats the amount, or it is too small or too large to be exchanged.
    """
    _require_precise(sell, buy)
    fee = fee_of(tariff, sell)
    net = sell - fee
    if net.units <= 0:
        raise BadInput(f"{sell} does not cover the fee of {fee}: sell more.")
    fee = Money(sell.asset, max(0, fee.units - _units_off_a_tie(sell, net, buy)))
    bought = exchanged(sell - fee, tariff.effective_rate, buy)
    return _checked(Exchange(sell=sell, fee=fee, buy=bought))


def price_buying(tariff: Tariff, sell: Asset, buy: Money) -> Exchange:
    """Price an exchange in which the client fixes what it buys; the fee comes on top.

    Raises:
        BadInput: It is too small or too large to be exchanged.
    """
    if buy.units <= 0:
        raise BadInput(f"{buy} is nothing to buy: ask for more.")
    with localcontext(Context(prec=_PRECISION)):
        net = round_up(sell, buy.decimal / tariff.effective_rate)
    sold = _with_fee(tariff, net)
    _require_precise(sold, buy.asset)
    net = Money(sell, net.units + _units_off_a_tie(sold, net, buy.asset))
    sold = _with_fee(tariff, net)
    return _checked(Exchange(sell=sold, fee=sold - net, buy=buy))


def _with_fee(tariff: Tariff, net: Money) -> Money:
    """Return the amount of which `net` is left after the fee."""
    with localcontext(Context(prec=_PRECISION)):
        share = 1 - tariff.fee_percent / _HUNDRED
        return round_up(net.asset, (net.decimal + tariff.fee_fixed) / share)


def _units_off_a_tie(sell: Money, net: Money, buy: Asset) -> int:
    """Return by how many units `net` must grow to be clear of a tie.

    Halfway between two units of what is bought, two roundings in double precision can go apart although the numbers
    are equal. SEP-38's second formula compares `net` in that way.
    """
    with localcontext(Context(prec=_PRECISION, rounding=ROUND_CEILING)):
        from_tie = (net.decimal.scaleb(buy.scale) % 1) - _HALF
        tolerance = sell.decimal.scaleb(buy.scale) * _DOUBLE_ERROR
        if abs(from_tie) > tolerance:
            return 0
        return int((tolerance - from_tie).scaleb(net.asset.scale - buy.scale)) + 1


def _require_precise(sell: Money, buy: Asset) -> None:
    if sell.units > SELL_UNITS_MAX * 10 ** max(0, sell.asset.scale - buy.scale):
        raise InvalidAmount(f"{sell} is too much to be priced at once: split it.")


def _checked(exchange: Exchange) -> Exchange:
    if exchange.buy.units <= 0:
        raise BadInput(
            f"{exchange.sell} buys less than the smallest unit of {exchange.buy.asset.code}: sell more."
        )
    if exchange.buy.units > BUY_UNITS_MAX:
        raise InvalidAmount(f"{exchange.buy} is too much to be priced at once: split it.")
    return exchange
