from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
from tests.sandbox.bank.bank_process import IBAN, BankProcess

from roadstead.contract.bench import Pushed
from roadstead.money import amount_from_text, currency
from roadstead.rails.protocol import Creditor, PayoutAttempt, Rail
from roadstead.rails.simulated import SimulatedRail

TIMEOUT_S = 1
REFUSED_IBAN = "DE56370400440000990101"


def attempt(number: int, *, account_number: str = IBAN) -> PayoutAttempt:
    """An attempt that the rail and the bank accept."""
    return PayoutAttempt(
        key=f"A{number:025d}",
        end_to_end_id=f"P{number:025d}",
        amount=amount_from_text(currency("EUR"), "98.50"),
        creditor=Creditor(name="Ada Lovelace", account_number=account_number),
        information="A gift",
    )


@pytest.fixture
async def bank(tmp_path: Path) -> AsyncIterator[BankProcess]:
    """A running bank with a token."""
    async with BankProcess(state=tmp_path / "bank", token="secret") as running:
        yield running


@pytest.fixture
async def rail(bank: BankProcess) -> AsyncIterator[SimulatedRail]:
    """The rail to the running bank."""
    simulated = SimulatedRail(
        name="simulated",
        base_url=bank.url,
        token=bank.token,
        currencies=[currency("EUR"), currency("USD")],
        submit_timeout_s=TIMEOUT_S,
    )
    yield simulated
    await simulated.close()


@dataclass(frozen=True, slots=True)
class SimulatedBench:
    """The simulated rail and its bank, as the contract wants to see them."""

    bank: BankProcess
    rail: Rail
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    def new_attempt(self) -> PayoutAttempt:
        return attempt(next(self.numbers))

    def new_refused_attempt(self) -> PayoutAttempt:
        return attempt(next(self.numbers), account_number=REFUSED_IBAN)

    async def executions(self, end_to_end_id: str) -> int:
        payouts = (await self.bank.get(f"/payouts?end_to_end_id={end_to_end_id}"))["payouts"]
        return sum(payout["status"] == "settled" for payout in payouts)

    async def advance(self) -> None:
        """The bank gets on by itself."""

    async def lose_next_answer(self) -> bool:
        await self.bank.plan({"kind": "lost_answer"})
        return True

    async def delay_next_execution(self) -> bool:
        await self.bank.plan({"kind": "late_execution", "delay_s": TIMEOUT_S + 0.5})
        return True

    def pushed(self, attempt: PayoutAttempt) -> Pushed | None:
        return None


@pytest.fixture
def bench(bank: BankProcess, rail: SimulatedRail) -> SimulatedBench:
    return SimulatedBench(bank, rail)
