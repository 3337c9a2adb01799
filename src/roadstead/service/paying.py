"""Paying: a worker's loops that submit payouts, apply what banks and people said, and book bank statements."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from roadstead.clock import Clock
from roadstead.database.pool import Database
from roadstead.payouts.desk import Desk
from roadstead.payouts.events import apply_waiting
from roadstead.payouts.rulings import apply_rulings
from roadstead.payouts.submission import work_due
from roadstead.remittances.refunding import OrderRefunds
from roadstead.service.loops import every
from roadstead.service.metrics import payouts_worked, statement_lines_booked
from roadstead.statements.booking import book_waiting
from roadstead.statements.resolutions import SuspensePolicies
from roadstead.statements.resolving import apply_resolutions
from roadstead.statements.watching import watch_suspense

IDLE_S = 0.2
"""How long the worker rests when it found nothing to do."""
RULE_IDLE_S = 1.0
"""The same between two looks for what people decided about payouts."""
BOOK_IDLE_S = 1.0
"""The same between two looks for statement lines."""
WATCH_IDLE_S = 60.0
"""The same between two looks at how long lines stand in suspense."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paying:
    """The work on payouts, over all rails."""

    database: Database
    desks: Sequence[Desk]
    order_refunds: OrderRefunds
    clock: Clock
    suspense: SuspensePolicies

    def start(self, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        """Run all loops until `stop` is set."""
        group.create_task(every(IDLE_S, self._apply, name="rail_events", stop=stop))
        group.create_task(every(RULE_IDLE_S, self._rule, name="payout_rulings", stop=stop))
        group.create_task(every(BOOK_IDLE_S, self._book, name="statement_lines", stop=stop))
        group.create_task(every(RULE_IDLE_S, self._resolve, name="statement_line_decisions", stop=stop))
        group.create_task(every(WATCH_IDLE_S, self._watch, name="watch_suspense", stop=stop))
        for desk in self.desks:
            group.create_task(every(IDLE_S, _submitter(desk), name=f"payouts_{desk.rail.name}", stop=stop))

    async def _apply(self) -> bool:
        return await apply_waiting(self.database, self.clock) > 0

    async def _rule(self) -> bool:
        return await apply_rulings(self.database, self.order_refunds, self.clock) > 0

    async def _book(self) -> bool:
        desks = {desk.rail.name: desk for desk in self.desks}
        booked = await book_waiting(self.database, desks, self.clock)
        statement_lines_booked.inc(booked)
        return booked > 0

    async def _resolve(self) -> bool:
        return await apply_resolutions(self.database, self.clock) > 0

    async def _watch(self) -> None:
        await watch_suspense(self.database, self.suspense, self.clock.now())


def _submitter(desk: Desk) -> Callable[[], Awaitable[bool]]:
    async def submit() -> bool:
        claimed = await work_due(desk)
        payouts_worked.inc(claimed)
        return claimed > 0

    return submit
