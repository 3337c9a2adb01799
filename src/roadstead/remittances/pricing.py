"""What a remittance costs and what arrives, when token and currency stand one to one."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from roadstead.config.anchor import AssetTerms
from roadstead.errors import BadInput
from roadstead.money import Asset, Money, exact_amount, round_down

_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeLine:
    """One part of the fee, in words for the sending client (SEP-31 `fee_details.details`)."""

    name: str
    description: str
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The amounts of a remittance: `amount_in` less `fee` is exactly `amount_out`, in whole assets."""

    amount_in: Money
    service_fee: Money
    rounding: Money
    amount_out: Money

    @property
    def fee(self) -> Money:
        """All that the sender pays beyond what arrives."""
        return self.service_fee + self.rounding

    @property
    def fee_lines(self) -> tuple[FeeLine, ...]:
        """The fee, part by part; the parts add up to `fee`."""
        lines = [
            FeeLine(name="Service fee", description="Fixed and percentage fee.", amount=self.service_fee),
            FeeLine(
                name="Rounding",
                description=f"Below the smallest unit of {self.amount_out.asset.code}.",
                amount=self.rounding,
            ),
        ]
        return tuple(line for line in lines if line.amount.units)


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
    return Price(amount_in=amount, service_fee=service_fee, rounding=rounding, amount_out=amount_out)
