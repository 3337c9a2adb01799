"""The worker: matches payments, submits payouts, applies what rails said, sends refunds and calls partners back.

Any number may run at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from roadstead.callbacks.delivery import Deliverer, Told
from roadstead.callbacks.store import CallbackStatus
from roadstead.clock import Clock
from roadstead.config.effective import Configuration
from roadstead.customers.courier import Courier
from roadstead.customers.vault import KeyProvider
from roadstead.database.pool import Database
from roadstead.envelopes.submitter import Submitter
from roadstead.payouts.desk import Desk
from roadstead.payouts.ordering import payout_orderer
from roadstead.quotes.rates import RateBook
from roadstead.rails.protocol import Rail
from roadstead.randomness import Randomness
from roadstead.refunds.ordering import refund_orderer
from roadstead.remittances.refunding import OrderRefunds
from roadstead.service.filing import start_sending
from roadstead.service.loops import every
from roadstead.service.matching import Matching
from roadstead.service.metrics import (
    callback_tries,
    callbacks_delivered,
    callbacks_given_up,
)
from roadstead.service.operating import Operating
from roadstead.service.paying import IDLE_S, RULE_IDLE_S, Paying
from roadstead.service.refunding import Refunding
from roadstead.service.screening import ScreeningWork
from roadstead.service.verifying import Verifying
from roadstead.statements.resolutions import suspense_policies_of
from roadstead.verification.desk import VerificationDesk
from roadstead.verification.protocol import IdentityVerifier

CALLBACK_GRACE_S = 3.0
"""How long the end waits for callbacks under way; the others are sent again by the next worker."""


class _Work(Protocol):
    def start(self, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        """Run until `stop` is set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """All the work that one worker does, and what it does it with."""

    configuration: Configuration
    database: Database
    rails: Mapping[str, Rail]
    keys: KeyProvider
    rates: RateBook
    clock: Clock
    randomness: Randomness
    deliverer: Deliverer
    submitter: Submitter | None = None
    """None in a worker without the key to the money: refunds wait for another."""
    courier: Courier | None = None
    """None where no field of a customer has to be confirmed."""
    verifiers: Mapping[str, IdentityVerifier] = field(default_factory=dict)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set. What is in hand then is finished; what is not is found again by the next worker."""
        works = self._works()
        await self.rates.refresh()
        async with asyncio.TaskGroup() as group:
            group.create_task(every(self.rates.refresh_s, self.rates.refresh, name="rates", stop=stop))
            group.create_task(_call_back(self.deliverer, stop))
            for work in works:
                work.start(group, stop)
            if self.courier is not None:
                group.create_task(every(RULE_IDLE_S, self.courier.step, name="codes", stop=stop))
            start_sending(self.rails, group, stop)

    def _works(self) -> list[_Work]:
        configuration, database, clock = self.configuration, self.database, self.clock
        order_refunds = refund_orderer(configuration, self.randomness)
        return [
            Matching(
                configuration=configuration,
                database=database,
                rates=self.rates,
                clock=clock,
                order_payouts=payout_orderer(
                    configuration.anchor, verified_types=configuration.verified_types
                ),
                order_refunds=order_refunds,
            ),
            Operating(
                configuration=configuration, database=database, clock=clock, randomness=self.randomness
            ),
            Verifying(desk=self._verification_desk()),
            ScreeningWork(
                configuration=configuration,
                database=database,
                keys=self.keys,
                clock=clock,
                randomness=self.randomness,
            ),
            Paying(
                database=database,
                desks=self._payout_desks(order_refunds),
                order_refunds=order_refunds,
                clock=clock,
                suspense=suspense_policies_of(configuration.anchor),
            ),
            Refunding(database=database, clock=clock, submitter=self.submitter),
        ]

    def _payout_desks(self, order_refunds: OrderRefunds) -> list[Desk]:
        return [
            Desk(
                configuration=self.configuration,
                database=self.database,
                rail=rail,
                keys=self.keys,
                clock=self.clock,
                randomness=self.randomness,
                order_refunds=order_refunds,
            )
            for rail in self.rails.values()
        ]

    def _verification_desk(self) -> VerificationDesk:
        return VerificationDesk(
            configuration=self.configuration,
            database=self.database,
            keys=self.keys,
            verifiers=self.verifiers,
            clock=self.clock,
            randomness=self.randomness,
        )


async def _call_back(deliverer: Deliverer, stop: asyncio.Event) -> None:
    """Deliver callbacks; deliveries run beside everything else, and nothing waits for them but the end."""
    await every(IDLE_S, deliverer.step, name="callbacks", stop=stop, wake=deliverer.wake)
    await deliverer.finish(CALLBACK_GRACE_S)


def count_callback(told: Told) -> None:
    """Count one try to deliver a callback."""
    callback_tries.labels(told.outcome).inc()
    match told.status:
        case CallbackStatus.DELIVERED:
            callbacks_delivered.inc()
        case CallbackStatus.GIVEN_UP:
            callbacks_given_up.inc()
        case CallbackStatus.WAITING:
            pass
