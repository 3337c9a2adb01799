"""The worker's part in screening: search the lists for who is due, do what people decided, wake what is clear."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from roadstead.clock import Clock
from roadstead.config.effective import Configuration
from roadstead.customers.vault import KeyProvider
from roadstead.database.pool import Database
from roadstead.payouts.screened import wake_cleared
from roadstead.randomness import Randomness
from roadstead.screening.cases import apply_case_decisions
from roadstead.screening.clearance import requirements_of
from roadstead.screening.opening import open_screener
from roadstead.screening.screening import ScreeningOffice, follow_lists, screen_due
from roadstead.service.loops import every
from roadstead.service.metrics import customers_screened

IDLE_S = 0.2
"""How long to rest when nobody is due."""
DECISIONS_IDLE_S = 1.0
LISTS_IDLE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreeningWork:
    """Screening, as a worker runs it."""

    configuration: Configuration
    database: Database
    keys: KeyProvider
    clock: Clock
    randomness: Randomness

    def start(self, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        """Run until `stop` is set; a step under way is finished first.

        Decisions are carried out also where screening is switched off: what was found once does not vanish with it.
        """
        group.create_task(every(DECISIONS_IDLE_S, self._decide, name="screening_decisions", stop=stop))
        group.create_task(every(IDLE_S, self._wake, name="screening_wakes", stop=stop))
        if self.configuration.settings.screening:
            group.create_task(self._screen(group, stop))

    async def _screen(self, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        screener = open_screener(self.configuration, self.database)
        office = ScreeningOffice(
            database=self.database,
            keys=self.keys,
            screener=screener,
            clock=self.clock,
            randomness=self.randomness,
            approvals=self.configuration.anchor.screening.approvals,
        )

        async def step() -> bool:
            count = await screen_due(office)
            customers_screened.inc(count)
            return count > 0

        async def follow() -> None:
            await follow_lists(office)

        try:
            following = group.create_task(every(LISTS_IDLE_S, follow, name="screening_lists", stop=stop))
            await every(IDLE_S, step, name="screening", stop=stop)
            await following
        finally:
            await screener.close()

    async def _decide(self) -> bool:
        approvals = self.configuration.anchor.screening.approvals
        return await apply_case_decisions(self.database, self.clock, approvals=approvals) > 0

    async def _wake(self) -> bool:
        return await wake_cleared(self.database, requirements_of(self.configuration), self.clock) > 0
