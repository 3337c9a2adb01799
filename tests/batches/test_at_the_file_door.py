"""The file rail and the file door of the simulated bank, two programs that share no code of ISO 20022."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.batches.filing import Filing, attempt, filing
from tests.fixtures.mock_bank import OUR_IBAN
from tests.sandbox.bank.bank_process import BankProcess, until

from roadstead.batches import sending
from roadstead.contract.rail import RailContract
from roadstead.rails.iso20022.reading import read_bank_file
from roadstead.rails.protocol import Observation, PayoutAttempt, Rail, RailStatus

REFUSED = "DE56370400440000990101"
REFUSED_LATER = "DE22370400440000991101"
RETURNED_SHORT = "DE67370400440000993104"
REVERSED = "DE27370400440000994503"


@dataclass(slots=True)
class SimulatedFiling:
    """A bench for the contract of rails: a file rail and the simulated bank."""

    filing: Filing
    bank: BankProcess

    @property
    def rail(self) -> Rail:
        return self.filing.rail

    def new_attempt(self) -> PayoutAttempt:
        return self.filing.new_attempt()

    def new_refused_attempt(self) -> PayoutAttempt:
        return attempt(next(self.filing.numbers), account_number=REFUSED)

    async def executions(self, end_to_end_id: str) -> int:
        return len((await self.bank.get(f"/payouts?end_to_end_id={end_to_end_id}"))["payouts"])

    async def advance(self) -> None:
        """Send the batch, and read what the bank says."""
        await self.filing.send()
        await self.bank.call("POST", "/clock/advance", {"days": 1})
        await asyncio.sleep(0.5)
        await self.filing.receive()

    async def lose_next_answer(self) -> bool:
        return False

    async def delay_next_execution(self) -> bool:
        return False

    def pushed(self, attempt: PayoutAttempt) -> None:
        return None

    async def reaches(self, one: PayoutAttempt, status: RailStatus) -> Observation:
        """Send and read until the rail says so."""
        found: list[Observation] = []

        async def stands() -> bool:
            await self.filing.send()
            await self.filing.receive()
            told = await self.rail.find(one)
            if isinstance(told, Observation) and told.status is status:
                found.append(told)
            return bool(found)

        await until(stands)
        return found[0]


@asynccontextmanager
async def simulated(folder: Path, database_url: str) -> AsyncIterator[SimulatedFiling]:
    delays = ("--settlement-delay", "0.1", "--return-delay", "0.1")
    account = ("--account", f"EUR={OUR_IBAN}", "--opening-balance", "EUR=1000000")
    options = (*delays, "--files", str(folder), *account)
    async with (
        filing(folder, database_url) as files,
        BankProcess(state=folder / "bank", options=options) as bank,
    ):
        yield SimulatedFiling(files, bank)


@pytest.fixture
async def bench(tmp_path: Path, database_url: str) -> AsyncIterator[SimulatedFiling]:
    async with simulated(tmp_path, database_url) as opened:
        yield opened


class TestTheFileRail(RailContract):
    """Every clause, over the file door of a real bank process."""


class TestWhatTheBankSays:
    async def test_of_payments_that_go_every_way_is_understood(self, bench: SimulatedFiling) -> None:
        paid, refused, late, short, undone = (
            attempt(number, account_number=account)
            for number, account in enumerate(
                (attempt(0).creditor.account_number, REFUSED, REFUSED_LATER, RETURNED_SHORT, REVERSED),
                start=1,
            )
        )
        for one in (paid, refused, late, short, undone):
            await bench.rail.submit(one)
        assert (await bench.reaches(paid, RailStatus.SETTLED)).status is RailStatus.SETTLED
        assert (await bench.reaches(refused, RailStatus.REFUSED)).reason == "AC01"
        assert (await bench.reaches(late, RailStatus.REFUSED)).reason == "AC01"
        back = await bench.reaches(short, RailStatus.RETURNED)
        assert (back.reason, back.amount and back.amount.text) == ("AC04", "93.50")
        assert len(await bench.bank.executed()) == 3

    async def test_is_read_by_us_as_it_was_meant(self, bench: SimulatedFiling) -> None:
        await bench.rail.submit(attempt(1))
        await bench.reaches(attempt(1), RailStatus.SETTLED)
        await bench.bank.call("POST", "/clock/advance", {"days": 1})

        async def all_kinds() -> bool:
            places = [*bench.filing.incoming.iterdir(), *bench.filing.archive.rglob("*.xml")]
            return {"pain.002", "camt.054", "camt.053"} <= {path.name[:8] for path in places}

        await until(all_kinds)
        for path in [*bench.filing.incoming.glob("*.xml"), *bench.filing.archive.rglob("*.xml")]:
            assert read_bank_file(path.read_bytes()).message[:8] == path.name[:8]


class TestFaultsOfFiles:
    @pytest.mark.parametrize(
        ("kind", "file"),
        [
            ("missing", "pain.002*"),
            ("repeated", "pain.002*"),
            ("malformed", "pain.002*"),
            ("half_written", "pain.002*"),
            ("delayed", "pain.002*"),
            ("repeated", "camt.054*"),
            ("half_written", "camt.054*"),
            ("delayed", "camt.054*"),
            ("missing", "camt.054*"),
            ("malformed", "camt.054*"),
        ],
    )
    async def test_are_survived_and_the_payout_is_paid_once(
        self, bench: SimulatedFiling, kind: str, file: str
    ) -> None:
        await bench.bank.plan({"kind": kind, "on": "file", "file": file, "delay_s": 1})
        await bench.rail.submit(attempt(1))
        await bench.filing.send()
        await until(bench.bank.has_executed)
        await asyncio.sleep(0.5)
        # What a lost notification would have said, the statement says.
        await bench.bank.call("POST", "/clock/advance", {"days": 1})
        await bench.reaches(attempt(1), RailStatus.SETTLED)
        while await sending.work_due(bench.filing.desk):
            pass
        assert len(await bench.bank.executed()) == 1
