"""Fixing the rate of a remittance at an indicative price: pure rules over rates that were taken before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from roadstead.quotes.pricing import exchanged
from roadstead.quotes.rates import Snapshot
from roadstead.remittances.store import Remittance

WAITING = "The payment has arrived. It waits for a current exchange rate, and is delivered at that."
"""What a partner is told while nobody knows the rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """A remittance whose amount is known, with the rate when it was fixed just now."""

    remittance: Remittance
    rate: Decimal | None


def fix(remittance: Remittance, rates: Snapshot) -> Fixed | None:
    """Return the remittance with the amount that arrives; None while there is no rate at which anything does."""
    if remittance.amount_out is not None:
        return Fixed(remittance=remittance, rate=None)
    rate = rates.get((remittance.amount_in.asset, remittance.asset_out))
    if rate is None:
        return None
    amount_out = exchanged(remittance.amount_in - remittance.service_fee, rate, remittance.asset_out)
    if amount_out.units <= 0:
        return None
    return Fixed(remittance=replace(remittance, amount_out=amount_out), rate=rate)
