"""Which customer type is asked for on which way of the money, beyond what assets and pairs say of all of theirs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from roadstead.config.forms import AMOUNT, CODE, CURRENCY, LABEL, NAMES
from roadstead.config.schema import Key, Section
from roadstead.money import Asset


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """Another customer type for some remittances. What is left out holds for all of them.

    Of those that apply to one side of a remittance, the one with the highest `above` counts. No two may apply that
    cannot be told apart by that.
    """

    type: str
    """The customer type; its role says which side is meant."""
    asset: str | None = None
    """Code of the asset that is sent."""
    delivers: Asset | None = None
    """The currency that is delivered."""
    funding_methods: tuple[str, ...] = ()
    above: Decimal | None = None
    """The amount above which it applies; None applies to every amount."""
    currency: Asset | None = None
    """In which currency `above` is, namely the one that is delivered; None means the asset that is sent."""

    def covers(self, *, code: str, delivers: Asset, funding_method: str) -> bool:
        """Tell whether it holds for an asset that is delivered as a currency in a way, whatever the amount."""
        return (
            self.asset in (None, code)
            and self.delivers in (None, delivers)
            and self.currency in (None, delivers)
            and (not self.funding_methods or funding_method in self.funding_methods)
        )

    def is_exceeded(self, *, amount_in: Decimal, amount_out: Decimal | None) -> bool:
        """Tell whether amounts are above its own. An amount that nobody knows yet may be any, and so is above it."""
        if self.above is None:
            return True
        amount = amount_in if self.currency is None else amount_out
        return amount is None or amount > self.above


REQUIREMENTS = Section(
    name="requirements",
    make=Requirement,
    many=True,
    description="Another customer type for some remittances: by asset, currency, funding method, or above an amount.",
    keys=(
        Key(
            name="type",
            form=LABEL,
            required=True,
            description="Name of one of [[customer_types]]; its role says which side is meant.",
            example='"sep31-large-sender"',
        ),
        Key(
            name="asset",
            form=CODE,
            description="Code of one of [[assets]]; whatever is sent when left out.",
            example='"EURX"',
        ),
        Key(
            name="delivers",
            form=CURRENCY,
            description="Currency that the receiving client gets; any when left out.",
            example='"iso4217:EUR"',
        ),
        Key(
            name="funding_methods",
            form=NAMES,
            description="Names of [[funding_methods]]; any when left out.",
            example='["SEPA"]',
        ),
        Key(
            name="above",
            form=AMOUNT,
            description="Amount above which it applies; every amount when left out.",
            example='"1000"',
        ),
        Key(
            name="currency",
            form=CURRENCY,
            description="Currency of above, the one that is delivered; the asset that is sent when left out.",
            example='"iso4217:EUR"',
        ),
    ),
)
"""The tables `[[requirements]]`."""
