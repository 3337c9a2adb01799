"""What a worker does with payments and the remittances that wait for them: match, price, expire, decide, watch."""

from __future__ import annotations

import asyncio
from uuid import UUID

import structlog

from roadstead.clock import Clock
from roadstead.config.effective import Configuration
from roadstead.database.pool import Database
from roadstead.payments.cursors import cursor_source
from roadstead.quotes.rates import RateBook
from roadstead.remittances.deciding import Hands, apply_decision
from roadstead.remittances.expiry import expire_due
from roadstead.remittances.funding import OrderPayouts
from roadstead.remittances.matcher import dispose
from roadstead.remittances.policies import policies_of
from roadstead.remittances.queue_watch import watch_queue, watch_rates
from roadstead.remittances.refunding import OrderRefunds
from roadstead.remittances.waiting import price_waiting
from roadstead.service.loops import every
from roadstead.service.metrics import payments_matched, payments_unmatched, remittances_expired

log = structlog.get_logger()

MATCH_IDLE_S = 0.2
"""How long a worker rests when no payment is stored that nobody has looked at."""
PRICE_IDLE_S = 1.0
"""The same between two looks for remittances that wait for a rate, which are few."""
EXPIRE_IDLE_S = 5.0
"""The same between two looks for remittances whose time is over; nothing hangs on the second."""

DECIDE_IDLE_S = 1.0
"""The same between two looks for what people decided about the queue."""
WATCH_IDLE_S = 60.0
"""The same between two looks at how long things wait."""


class Matching:
    """The steps of matching, each safe to run in any number of workers at once."""

    def __init__(
        self,
        *,
        configuration: Configuration,
        database: Database,
        rates: RateBook,
        clock: Clock,
        order_payouts: OrderPayouts,
        order_refunds: OrderRefunds | None,
    ) -> None:
        """Bind the parts together; without `order_refunds` nothing goes back by itself."""
        self._database = database
        self._rates = rates
        self._clock = clock
        self._order_payouts = order_payouts
        self._order_refunds = order_refunds
        self._policies = policies_of(configuration)
        self._source = cursor_source(configuration.settings.distribution_account)

    def start(self, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        """Run every step until `stop` is set."""
        group.create_task(every(MATCH_IDLE_S, self.match, name="match", stop=stop))
        group.create_task(every(PRICE_IDLE_S, self.price, name="price_waiting", stop=stop))
        group.create_task(every(EXPIRE_IDLE_S, self.expire, name="expire", stop=stop))
        group.create_task(every(DECIDE_IDLE_S, self.decide, name="match_decisions", stop=stop))
        group.create_task(every(WATCH_IDLE_S, self.watch, name="watch_queue", stop=stop))

    async def match(self) -> bool:
        """Dispose of the oldest stored payments; True when there were any."""
        disposed = await dispose(
            self._database,
            self._order_payouts,
            self._clock.now(),
            self._rates.snapshot(),
            policies=self._policies,
            order_refunds=self._order_refunds,
        )
        payments_matched.inc(disposed.matched)
        for unmatched in disposed.unmatched:
            payments_unmatched.labels(unmatched.reason).inc()
            log.warning(
                "payment_unmatched",
                reason=str(unmatched.reason),
                remittance_id=_text(unmatched.remittance_id),
            )
        return disposed.count > 0

    async def price(self) -> bool:
        """Fix the rates of remittances that wait for one; True when there were any."""
        priced = await price_waiting(
            self._database, self._order_payouts, self._rates.snapshot(), self._clock.now()
        )
        return priced > 0

    async def expire(self) -> bool:
        """Expire what was not paid in time; True when there was any."""
        expired = await expire_due(self._database, self._source, self._clock.now())
        if expired:
            remittances_expired.inc(expired)
            log.info("remittances_expired", count=expired)
        return expired > 0

    async def decide(self) -> bool:
        """Carry out what people decided about the queue; True when there was any."""
        hands = Hands(
            policies=self._policies,
            order_payouts=self._order_payouts,
            order_refunds=self._order_refunds,
            rates=self._rates.snapshot(),
        )
        return await apply_decision(self._database, hands, self._clock.now())

    async def watch(self) -> None:
        """Make heard what waits too long."""
        await watch_queue(self._database, self._policies, self._clock.now())
        await watch_rates(self._database, self._rates.snapshot(), self._clock.now())


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
