"""What a remittance costs and what arrives, in each of SEP-31's three ways of pricing."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from roadstead.config.anchor import AssetTerms
from roadstead.config.effective import QuotedPair
from roadstead.errors import BadInput
from roadstead.money import Asset, Money, exact_amount, round_down
from roadstead.quotes.documents import FEE_DESCRIPTION, FEE_NAME
from roadstead.quotes.offer import require_within_limits
from roadstead.quotes.store import Quote

_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeLine:
    """One part of the fee, in words for the sending client (SEP-31 `fee_details.details`)."""

    name: str
    description: str
    amount: Money


class Pricing(StrEnum):
    """How a remittance is priced."""

    PAR = "par"
    """One to one, less the fee."""
    INDICATIVE = "indicative"
    """At the rate of the moment in which the payment is matched."""
    FIRM = "firm"
    """At the price of a quote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The amounts of a remittance. At par `amount_in` less `fee` is exactly `amount_out`, in whole assets."""

    pricing: Pricing = Pricing.PAR
    amount_in: Money
    service_fee: Money
    rounding: Money
    delivers: Asset
    amount_out: Money | None
    """None while the rate is not fixed."""

    @property
    def fee(self) -> Money:
        """All that the sender pays beyond what arrives."""
        return self.service_fee + self.rounding

    @property
    def fee_lines(self) -> tuple[FeeLine, ...]:
        """The fee, part by part; the parts add up to `fee`."""
        lines = [
            FeeLine(name=FEE_NAME, description=FEE_DESCRIPTION, amount=self.service_fee),
            FeeLine(
                name="Rounding",
                description=f"Below the smallest unit of {self.delivers.code}.",
                amount=self.rounding,
            ),
        ]
        return tuple(line for line in lines if line.amount.units)

    @property
    def fee_texts(self) -> list[dict[str, str]]:
        """The same, as it is kept and shown."""
        return [
            {"name": line.name, "description": line.description, "amount": line.amount.text}
            for line in self.fee_lines
        ]


def price_at_par(terms: AssetTerms, asset: Asset, amount: Money) -> Price:
    """Price a remittance whose token stands one to one to the currency that is delivered.

    The percentage fee is rounded down to the token's smallest unit: nobody pays more than was published. What is then
    left below the currency's smallest unit is named as rounding.

    Raises:
        BadInput: The amount is outside the asset's limits, or nothing would be left after the fee.
    """
    value = amount.decimal
    if value < terms.amount_min:
        raise BadInput(f"Amount {value:f} {asset.code} is too small: send at least {terms.amount_min:f}.")
    if value > terms.amount_max:
        raise BadInput(f"Amount {value:f} {asset.code} is too large: send at most {terms.amount_max:f}.")
    service_fee = exact_amount(asset, terms.fee_fixed) + round_down(
        asset, value * terms.fee_percent / _HUNDRED
    )
    delivered = amount - service_fee
    amount_out = round_down(terms.delivers, delivered.decimal)
    if amount_out.units <= 0:
        raise BadInput(
            f"Amount {value:f} {asset.code} does not cover the fee of {service_fee.decimal:f}: send more."
        )
    rounding = delivered - exact_amount(asset, amount_out.decimal)
    return Price(
        amount_in=amount,
        service_fee=service_fee,
        rounding=rounding,
        delivers=terms.delivers,
        amount_out=amount_out,
    )


def price_to_come(pair: QuotedPair, amount: Money) -> Price:
    """Price a remittance whose rate is fixed when its payment is matched; only the fee is known before.

    Raises:
        BadInput: The amount is outside the pair's limits, or nothing would be left after the fee.
    """
    require_within_limits(pair, amount)
    percentage = round_down(amount.asset, amount.decimal * pair.fee_percent / _HUNDRED)
    service_fee = exact_amount(amount.asset, pair.fee_fixed) + percentage
    if service_fee >= amount:
        raise BadInput(f"{amount} does not cover the fee of {service_fee}: send more.")
    return Price(
        pricing=Pricing.INDICATIVE,
        amount_in=amount,
        service_fee=service_fee,
        rounding=Money(amount.asset, 0),
        delivers=pair.buy,
        amount_out=None,
    )


def price_quoted(quote: Quote) -> Price:
    """Price a remittance as a quote promised."""
    return Price(
        pricing=Pricing.FIRM,
        amount_in=quote.sell,
        service_fee=quote.fee,
        rounding=Money(quote.sell.asset, 0),
        delivers=quote.buy.asset,
        amount_out=quote.buy,
    )
