"""The desk at which a worker submits the payouts of one rail: everything that it needs, put together once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from roadstead.clock import Clock
from roadstead.config.effective import Configuration
from roadstead.customers.vault import KeyProvider
from roadstead.database.pool import Database
from roadstead.rails.protocol import Rail
from roadstead.randomness import Randomness
from roadstead.remittances.refunding import OrderRefunds

LEASE_MARGIN = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What a worker needs to submit payouts of one rail."""

    configuration: Configuration
    database: Database
    rail: Rail
    keys: KeyProvider
    clock: Clock
    randomness: Randomness
    order_refunds: OrderRefunds
    """Orders the refund of what will not be delivered."""

    @property
    def lease(self) -> timedelta:
        """How long a claim holds: longer than everything that a call to the rail may take."""
        return timedelta(seconds=2 * self.rail.terms.submit_timeout_s) + LEASE_MARGIN
