"""A worker's part in verification: carry on what is due, ring what people decided."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from roadstead.service.loops import every
from roadstead.service.metrics import verifications_worked
from roadstead.verification.desk import VerificationDesk, verify_due
from roadstead.verification.forgetting import forget_due
from roadstead.verification.upkeep import ring_decided

IDLE_S = 0.25
"""How long to rest between two looks for a case that is due."""
DECISIONS_IDLE_S = 1.0
"""The same between two looks for what people decided."""

FORGETTING_IDLE_S = 5.0
"""The same between two looks for verifiers that have to forget somebody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifying:
    """Verification, as a worker runs it."""

    desk: VerificationDesk

    def start(self, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        """Run until `stop` is set; a step under way is finished first. Where nobody is verified, nothing runs."""
        if not self.desk.verifiers:
            return
        group.create_task(every(IDLE_S, self._step, name="verification", stop=stop))
        group.create_task(every(FORGETTING_IDLE_S, self._forget, name="verifiers_forget", stop=stop))
        group.create_task(every(DECISIONS_IDLE_S, self._ring, name="verification_decisions", stop=stop))

    async def _step(self) -> bool:
        claimed = await verify_due(self.desk)
        verifications_worked.inc(claimed)
        return claimed > 0

    async def _forget(self) -> bool:
        return await forget_due(self.desk) > 0

    async def _ring(self) -> bool:
        return await ring_decided(self.desk.database) > 0
