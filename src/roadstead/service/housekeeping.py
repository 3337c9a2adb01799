"""What a scheduler clears away and watches: small jobs by the clock, each safe when two schedulers run it at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from roadstead.clock import Clock
from roadstead.config.anchor import Anchor
from roadstead.customers.erasing import erase_due
from roadstead.customers.files import purge_unused
from roadstead.database.pool import Database
from roadstead.partners.challenges import purge_used
from roadstead.partners.receipts import purge_receipts
from roadstead.screening.clearance import Requirements
from roadstead.screening.staleness import watch_lists
from roadstead.service.leases import Leadership
from roadstead.service.loops import every
from roadstead.service.metrics import customer_files_expired, customers_erased
from roadstead.verification.consequences import Consequences
from roadstead.verification.doorbell import purge_events
from roadstead.verification.forgetting import watch_erasures
from roadstead.verification.upkeep import expire_confirmations, watch_silence

PURGE_INTERVAL_S = 300.0
LISTS_LOOK_S = 10.0
"""How often the age of the sanctions lists is looked at."""
VERIFICATION_LOOK_S = 10.0
"""How late a confirmation of a customer ends at most in the tables; every gate looks at its time itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Something that has to be done again and again."""

    name: str
    interval_s: float
    run: Callable[[], Awaitable[None]]


def housekeeping(database: Database, anchor: Anchor, clock: Clock) -> list[Job]:
    """List what is cleared away when its time is over, whatever the anchor does by now."""

    async def purge_challenges() -> None:
        await purge_used(database, clock.now())

    async def purge_answers() -> None:
        await purge_receipts(database, clock.now())

    async def purge_files() -> None:
        customer_files_expired.inc(await purge_unused(database, clock))

    async def erase_customers() -> None:
        customers_erased.inc(await erase_due(database, anchor, clock))

    async def purge_doorbells() -> None:
        await purge_events(database, clock.now())

    async def watch_verifiers_forget() -> None:
        await watch_erasures(database, clock.now())

    # Where nobody is verified any more, what is left of the time before still has to go.
    runs = (
        *(purge_challenges, purge_answers, purge_files, erase_customers),
        *(purge_doorbells, watch_verifiers_forget),
    )
    return [Job(name=run.__name__, interval_s=PURGE_INTERVAL_S, run=run) for run in runs]


def verification_upkeep(database: Database, rules: Consequences, clock: Clock) -> list[Job]:
    """List what keeps verifications true: what is over ends, and who is silent is told of."""

    async def keep_verifications() -> None:
        now = clock.now()
        while await expire_confirmations(database, rules, now):
            continue
        await watch_silence(database, now)

    return [Job(name="verification_upkeep", interval_s=VERIFICATION_LOOK_S, run=keep_verifications)]


def screening_upkeep(database: Database, requirements: Requirements, clock: Clock) -> list[Job]:
    """List what watches the sanctions lists."""

    async def watch_list_age() -> None:
        await watch_lists(database, requirements, clock)

    return [Job(name="screening_list_age", interval_s=LISTS_LOOK_S, run=watch_list_age)]


def start(job: Job, group: asyncio.TaskGroup, leadership: Leadership, stop: asyncio.Event) -> None:
    """Run a job while this process leads, until `stop` is set."""

    async def run() -> None:
        if leadership.is_held:
            await job.run()

    group.create_task(every(job.interval_s, run, name=job.name, stop=stop))
