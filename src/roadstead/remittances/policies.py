"""What was decided about payments that are not as agreed, asset by asset. Pure: terms and prices, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from roadstead.config.anchor import Anchor, AssetTerms
from roadstead.config.effective import Configuration, QuotedPair
from roadstead.config.matching_terms import MatchingTerms, OtherAmount
from roadstead.errors import BadInput
from roadstead.money import Asset, Money, exact_amount
from roadstead.remittances.demands import demands_no_more
from roadstead.remittances.pricing import Price, Pricing, price_at_par, price_to_come
from roadstead.remittances.store import Remittance


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """The terms of every asset that is received, and the pairs that it is exchanged in."""

    assets: Mapping[Asset, AssetTerms]
    pairs: Mapping[tuple[Asset, Asset], QuotedPair]
    anchor: Anchor | None = None
    """What is asked of customers, so that no amount slips past a higher demand; None where nothing is priced anew."""

    def delivers_received(self, asset: Asset) -> bool:
        """Tell whether another amount of an asset than was agreed is delivered as it arrived."""
        terms = self.assets.get(asset)
        return terms is not None and terms.matching.other_amount is OtherAmount.DELIVER_RECEIVED

    def excess_max(self, asset: Asset) -> Money:
        """Return how much of an asset may come above what was agreed, and the agreed amount is still funded by it."""
        terms = self.assets.get(asset)
        return Money(asset, 0) if terms is None else exact_amount(asset, terms.matching.excess_max)

    def refund_min(self, asset: Asset) -> Money | None:
        """Return the least amount that goes back by itself; None of an asset that is not received, which never does."""
        terms = self.assets.get(asset)
        if terms is None:
            return None
        said = terms.matching.refund_min
        return exact_amount(asset, terms.amount_min if said is None else said)

    def goes_back(self, amount: Money) -> bool:
        """Tell whether an amount is large enough to go back by itself."""
        least = self.refund_min(amount.asset)
        return least is not None and amount >= least

    def age_max(self, asset: Asset) -> timedelta:
        """Return how long a payment may wait for a person before somebody is told."""
        terms = self.assets.get(asset)
        return timedelta(seconds=(terms.matching if terms else MatchingTerms()).age_max_s)

    def approvals(self, amount: Money | None) -> int:
        """Return how many people decide about an amount: one up to the asset's limit, two above it or without one."""
        terms = None if amount is None else self.assets.get(amount.asset)
        if amount is None or terms is None or terms.matching.approval_above is None:
            return 2
        return 2 if amount > exact_amount(amount.asset, terms.matching.approval_above) else 1

    def price_received(self, remittance: Remittance, received: Money) -> Price | None:
        """Price what arrived as it would be priced if it had been agreed; None where it cannot be delivered.

        A firm quote holds for its own amount only, and the limits of the asset hold for what arrived. Nor is an amount
        delivered for which other customer types would have been asked: nobody sends much as if it were little.
        """
        price = self._price(remittance, received)
        if price is None or self.anchor is None or not demands_no_more(self.anchor, remittance, price):
            return None
        return price

    def _price(self, remittance: Remittance, received: Money) -> Price | None:
        terms = self.assets.get(received.asset)
        if terms is None or remittance.pricing is Pricing.FIRM:
            return None
        try:
            if remittance.pricing is Pricing.PAR:
                return price_at_par(terms, received.asset, received)
            pair = self.pairs.get((received.asset, remittance.asset_out))
            return None if pair is None else price_to_come(pair, received)
        except BadInput:
            return None


NO_POLICIES = Policies(assets={}, pairs={})
"""Only the agreed amount funds, and nothing goes back without a person."""


def policies_of(configuration: Configuration) -> Policies:
    """Return what `anchor.toml` says about payments that are not as agreed."""
    return Policies(
        assets={accepted.asset: accepted.terms for accepted in configuration.assets},
        pairs={(pair.sell, pair.buy): pair for pair in configuration.pairs},
        anchor=configuration.anchor,
    )
