"""The worker's part in refunds: do what people decided, and send what is due."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from roadstead.clock import Clock
from roadstead.database.pool import Database
from roadstead.envelopes.submitter import Submitter
from roadstead.refunds.holding import apply_decisions
from roadstead.service.loops import every

DECISIONS_IDLE_S = 1.0
"""How long to rest between two looks for what people decided."""
IDLE_S = 0.25
"""The same between two looks for a refund that is due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refunding:
    """Refunds, as a worker runs them."""

    database: Database
    clock: Clock
    submitter: Submitter | None
    """None in a worker without the key to the money: refunds wait for another."""

    def start(self, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        """Run until `stop` is set; a step under way is finished first."""
        group.create_task(every(DECISIONS_IDLE_S, self._decide, name="refund_decisions", stop=stop))
        if self.submitter is not None:
            group.create_task(every(IDLE_S, self.submitter.step, name="refunds", stop=stop))

    async def _decide(self) -> bool:
        return await apply_decisions(self.database, self.clock.now()) > 0
