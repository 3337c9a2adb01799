"""How money is delivered: funding methods, the rails that carry them, their fallbacks, limits and approvals."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from roadstead.config.forms import AMOUNT, CURRENCY, LABEL, NAMES, RAIL_NAME, TEXT, whole
from roadstead.config.schema import Form, Key, Section
from roadstead.money import Asset, Money

SUSPENSE_AGE_MAX_S = 172_800
"""How long a statement line may stand in suspense before an alert opens, where a rail does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingMethod:
    """A way to deliver money to receiving clients (SEP-31 `funding_method`, SEP-38 delivery method)."""

    name: str
    description: str
    rail: str
    """Name of the rail that carries it."""
    fallbacks: tuple[str, ...] = ()
    """Names of the rails that carry it, in this order, when those before have refused for a reason of their own."""
    approval_above: Decimal | None = None
    """Payouts above it, in whole units of the currency, wait for people; None lets all go."""
    approvals: int = 2
    """How many people have to let such a payout out."""

    @property
    def rails(self) -> tuple[str, ...]:
        """The names of its rails, in the order in which they are tried."""
        return (self.rail, *self.fallbacks)


@dataclass(frozen=True, slots=True, kw_only=True)
class RailDeclaration:
    """A rail by name and currency. Which kind of rail stands behind the name, the environment says."""

    name: str
    currency: Asset
    calendar: str | None = None
    """Name of the calendar of its business days; None for a rail that never rests."""
    amount_min: Decimal | None = None
    """The least that we send over it, in whole units of the currency; None leaves it to the rail."""
    amount_max: Decimal | None = None
    """The most that we send over it in one payout; None leaves it to the rail."""
    approval_above: Decimal | None = None
    """Payouts above it wait for people, whatever their funding method; None lets all go."""
    approvals: int = 2
    """How many people have to let such a payout out."""
    suspense_approval_above: Decimal | None = None
    """Above this a second person has to agree to what a statement line in suspense is; None means always."""
    suspense_age_max_s: int = SUSPENSE_AGE_MAX_S
    """How long a statement line may stand in suspense before an alert opens."""

    def carries(self, amount: Money) -> bool:
        """Whether an amount is in its currency and within our limits; the rail may have narrower ones of its own."""
        if amount.asset != self.currency:
            return False
        units = amount.decimal
        return (self.amount_min is None or units >= self.amount_min) and (
            self.amount_max is None or units <= self.amount_max
        )


def _must(name: str, form: Form, description: str, example: str) -> Key:
    return Key(name=name, form=form, required=True, description=description, example=example)


def _may(name: str, form: Form, description: str, example: str) -> Key:
    return Key(name=name, form=form, description=description, example=example)


FUNDING_METHODS = Section(
    name="funding_methods",
    make=FundingMethod,
    many=True,
    required=True,
    description="A way to deliver money, by the name that partners use in SEP-31 and SEP-38.",
    keys=(
        _must("name", LABEL, "Name.", '"SEPA"'),
        _must("description", TEXT, "What it is, for partners.", '"Credit transfer in euros to an IBAN."'),
        _must("rail", RAIL_NAME, "Name of one of [[rails]].", '"sepa"'),
        _may(
            "fallbacks",
            NAMES,
            "Names of [[rails]] that carry it, in this order, when those before have definitely refused.",
            '["sepa_instant"]',
        ),
        _may("approval_above", AMOUNT, "Amount above which a payout waits for people.", '"5000"'),
        _may("approvals", whole(1, 2), "How many people have to let such a payout out.", "2"),
    ),
)

RAILS = Section(
    name="rails",
    make=RailDeclaration,
    many=True,
    required=True,
    description="A connection to a bank. What stands behind it is said by ROADSTEAD_RAIL_<NAME>_KIND.",
    keys=(
        _must("name", RAIL_NAME, "Name.", '"sepa"'),
        _must("currency", CURRENCY, "Currency that it pays in.", '"iso4217:EUR"'),
        _may("calendar", RAIL_NAME, "Name of one of [[calendars]]; without one it never rests.", '"target"'),
        _may("amount_min", AMOUNT, "Least that is sent over it in one payout.", '"1"'),
        _may("amount_max", AMOUNT, "Most that is sent over it in one payout.", '"100000"'),
        _may("approval_above", AMOUNT, "Amount above which a payout over it waits for people.", '"5000"'),
        _may("approvals", whole(1, 2), "How many people have to let such a payout out.", "2"),
        _may(
            "suspense_approval_above",
            AMOUNT,
            "Above this a second person agrees to what a statement line in suspense is; always when left out.",
            '"500"',
        ),
        _may(
            "suspense_age_max_s",
            whole(60, 31_536_000),
            "Seconds that a statement line may stand in suspense before an alert opens.",
            "172800",
        ),
    ),
)
