"""What an operator decides about payments that do not do what was agreed: the same in every environment."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from roadstead.config.forms import AMOUNT, one_of, whole
from roadstead.config.schema import Key, Section


class OtherAmount(StrEnum):
    """What becomes of a payment whose amount is not the one that was agreed."""

    HOLD = "hold"
    """It funds nothing and waits for a person."""
    REFUND = "refund"
    """It funds nothing and goes back by itself."""
    DELIVER_RECEIVED = "deliver_received"
    """What arrived is priced anew and delivered, within the asset's limits and never at a firm quote."""


class Remedy(StrEnum):
    """What becomes of a payment that funds nothing."""

    HOLD = "hold"
    """It waits for a person."""
    REFUND = "refund"
    """It goes back by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingTerms:
    """What becomes of payments in an asset that are not as agreed. Left out, nothing leaves without a person."""

    other_amount: OtherAmount = OtherAmount.HOLD
    """For `too_little` and `too_much`; also where what arrived cannot be delivered is it held."""
    excess_max: Decimal = Decimal(0)
    """How much above the agreed amount still funds it, in whole assets; what is too much goes back."""
    too_late: Remedy = Remedy.HOLD
    """For a payment in a ledger that closed when the remittance's time was over."""
    not_waiting: Remedy = Remedy.HOLD
    """For a payment of a remittance that is paid already, or stopped."""
    wrong_asset: Remedy = Remedy.HOLD
    """For a payment in this asset of a remittance that was agreed in another."""
    unidentified: Remedy = Remedy.HOLD
    """For a payment whose memo names no remittance: its payer may share the account with strangers."""
    refund_min: Decimal | None = None
    """Less is never refunded without a person, in whole assets; None means the asset's `amount_min`."""
    approval_above: Decimal | None = None
    """Above this a second person has to agree to what is decided by hand; None means always."""
    age_max_s: int = 86_400
    """How long a payment may wait for a person before an alert opens."""


MATCHING = Section(
    name="matching",
    make=MatchingTerms,
    many=False,
    description="What becomes of payments in this asset that are not as agreed; see docs/operating/unmatched.md.",
    keys=(
        Key(
            name="other_amount",
            form=one_of(OtherAmount),
            description="Of an amount that was not agreed: it waits, goes back, or is delivered as it arrived.",
            example='"hold"',
        ),
        Key(
            name="excess_max",
            form=AMOUNT,
            description="How much above the agreed amount still funds it; what is too much goes back.",
            example='"0"',
        ),
        Key(
            name="too_late",
            form=one_of(Remedy),
            description="Of a payment that came when the remittance's time was over.",
            example='"hold"',
        ),
        Key(
            name="not_waiting",
            form=one_of(Remedy),
            description="Of a payment of a remittance that is paid already, or stopped.",
            example='"hold"',
        ),
        Key(
            name="wrong_asset",
            form=one_of(Remedy),
            description="Of a payment in this asset where another was agreed.",
            example='"hold"',
        ),
        Key(
            name="unidentified",
            form=one_of(Remedy),
            description="Of a payment whose memo names no remittance.",
            example='"hold"',
        ),
        Key(
            name="refund_min",
            form=AMOUNT,
            description="Less is never refunded without a person; the asset's amount_min when left out.",
            example='"1"',
        ),
        Key(
            name="approval_above",
            form=AMOUNT,
            description="Above this a second person agrees to what is decided by hand; always when left out.",
            example='"1000"',
        ),
        Key(
            name="age_max_s",
            form=whole(60, 31_536_000),
            description="Seconds that a payment may wait for a person before an alert opens.",
            example="86400",
        ),
    ),
)
"""The table `[assets.matching]`."""
