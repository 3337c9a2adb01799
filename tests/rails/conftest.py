from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest
from tests.rails.contract import Subject
from tests.sandbox.bank.bank_process import IBAN, BankProcess

from roadstead.money import amount_from_text, currency
from roadstead.rails.protocol import Creditor, PayoutAttempt
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


@pytest.fixture
def subject(bank: BankProcess, rail: SimulatedRail) -> Subject:
    """The simulated rail and its bank, as the contract wants to see them."""
    numbers = count(1)

    async def executions(end_to_end_id: str) -> int:
        return len((await bank.get(f"/payouts?end_to_end_id={end_to_end_id}"))["payouts"])

    async def lose_next_answer() -> None:
        await bank.plan({"kind": "lost_answer"})

    async def delay_next_execution() -> None:
        await bank.plan({"kind": "late_execution", "delay_s": TIMEOUT_S + 0.5})

    return Subject(
        rail=rail,
        new_attempt=lambda: attempt(next(numbers)),
        new_refused_attempt=lambda: attempt(next(numbers), account_number=REFUSED_IBAN),
        executions=executions,
        lose_next_answer=lose_next_answer,
        delay_next_execution=delay_next_execution,
    )
