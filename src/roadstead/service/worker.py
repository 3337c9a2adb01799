"""The worker: matches payments, submits payouts, applies what rails said, sends refunds and calls partners back.

Any number may run at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

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


async def run_worker(
    configuration: Configuration,
    database: Database,
    rails: Mapping[str, Rail],
    keys: KeyProvider,
    rates: RateBook,
    *,
    clock: Clock,
    randomness: Randomness,
    deliverer: Deliverer,
    stop: asyncio.Event,
    submitter: Submitter | None = None,
    courier: Courier | None = None,
    verifiers: Mapping[str, IdentityVerifier] | None = None,
) -> None:
    """Work until `stop` is set. What is in hand then is finished; what is not is found again by the next worker."""
    order = payout_orderer(configuration.anchor, verified_types=configuration.verified_types)
    order_refunds = refund_orderer(configuration, randomness)
    desks = [
        Desk(
            configuration=configuration,
            database=database,
            rail=rail,
            keys=keys,
            clock=clock,
            randomness=randomness,
            order_refunds=order_refunds,
        )
        for rail in rails.values()
    ]

    matching = Matching(
        configuration=configuration,
        database=database,
        rates=rates,
        clock=clock,
        order_payouts=order,
        order_refunds=order_refunds,
    )
    operating = Operating(configuration=configuration, database=database, clock=clock, randomness=randomness)
    paying = Paying(
        database=database,
        desks=desks,
        order_refunds=order_refunds,
        clock=clock,
        suspense=suspense_policies_of(configuration.anchor),
    )
    verifying = Verifying(
        desk=VerificationDesk(
            configuration=configuration,
            database=database,
            keys=keys,
            verifiers=verifiers or {},
            clock=clock,
            randomness=randomness,
        )
    )
    screening = ScreeningWork(
        configuration=configuration, database=database, keys=keys, clock=clock, randomness=randomness
    )
    await rates.refresh()
    async with asyncio.TaskGroup() as group:
        group.create_task(every(rates.refresh_s, rates.refresh, name="rates", stop=stop))
        group.create_task(_call_back(deliverer, stop))
        for work in (matching, operating, verifying, screening, paying):
            work.start(group, stop)
        Refunding(database=database, clock=clock, submitter=submitter).start(group, stop)
        if courier is not None:
            group.create_task(every(RULE_IDLE_S, courier.step, name="codes", stop=stop))
        start_sending(rails, group, stop)


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
