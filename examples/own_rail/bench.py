"""The bench on which the contract tries the rail: it sees both sides, and lets the bank misbehave."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count

from aiohttp import web
from examples.own_rail.bank import CLOSED_ACCOUNT, HarbourBank
from examples.own_rail.rail import HarbourRail

from roadstead.contract.bench import Pushed
from roadstead.money import amount_from_text, currency
from roadstead.rails.protocol import Creditor, PayoutAttempt

TIMEOUT_S = 1
EURO = currency("EUR")


@dataclass(slots=True)
class HarbourBench:
    """The rail and its bank; see `roadstead.contract.bench.RailBench`."""

    rail: HarbourRail
    bank: HarbourBank
    numbers: count[int] = field(default_factory=lambda: count(1))

    def new_attempt(self) -> PayoutAttempt:
        """Make an attempt that the bank pays."""
        number = next(self.numbers)
        return PayoutAttempt(
            key=f"A{number:020d}",
            end_to_end_id=f"P{number:020d}",
            amount=amount_from_text(EURO, "98.50"),
            creditor=Creditor(name="Ada Lovelace", account_number="DE89370400440532013000"),
            information="A gift",
        )

    def new_refused_attempt(self) -> PayoutAttempt:
        """Make an attempt that the bank refuses for good."""
        attempt = self.new_attempt()
        return replace(attempt, creditor=replace(attempt.creditor, account_number=CLOSED_ACCOUNT))

    async def executions(self, end_to_end_id: str) -> int:
        """Count what the bank really paid."""
        return self.bank.booked(end_to_end_id)

    async def advance(self) -> None:
        """Do nothing: the bank works by itself."""

    async def lose_next_answer(self) -> bool:
        """Let the bank book the next transfer and not say so."""
        self.bank.loses_next_answer = True
        return True

    async def delay_next_execution(self) -> bool:
        """Let the bank book the next transfer when nobody waits any more."""
        self.bank.delays_next_s = TIMEOUT_S + 0.5
        return True

    def pushed(self, attempt: PayoutAttempt) -> Pushed | None:  # noqa: ARG002 - part of the protocol
        """Return nothing: the bank pushes no messages."""
        return None


@asynccontextmanager
async def open_bench() -> AsyncIterator[HarbourBench]:
    """Open a bench over a bank that knows nothing yet."""
    bank = HarbourBank()
    runner = web.AppRunner(bank.application())
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        rail = HarbourRail(name="harbour", url=url, currency=EURO, timeout_s=TIMEOUT_S)
        yield HarbourBench(rail, bank)
        await rail.close()
    finally:
        await runner.cleanup()
