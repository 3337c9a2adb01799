"""Our files at the file door of the simulated bank, which was written apart from our reader and writer."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.batches.filing import Filing, attempt, filing
from tests.sandbox.bank.bank_process import BankProcess, until

from roadstead.batches.rail import FileRail
from roadstead.batches.receiving import Receiver
from roadstead.rails.channels.folder import FolderChannel
from roadstead.rails.iso20022.reading import AccountReport, read_bank_file
from roadstead.rails.protocol import Observation, PayoutAttempt, RailStatus

REFUSED = "DE56370400440000990101"
REFUSED_LATER = "DE22370400440000991101"
RETURNED = "DE04370400440000992104"


@dataclass(slots=True)
class House:
    files: Filing
    bank: BankProcess

    async def send(self, *attempts: PayoutAttempt) -> None:
        """Send attempts in one file, and learn from the first notification what the bank calls our account."""
        for one in attempts:
            await self.files.rail.submit(one)
        await self.files.send()
        incoming = self.files.outgoing.parent / "door" / "incoming"

        async def is_notified() -> bool:
            return any(incoming.glob("camt.054*"))

        await until(is_notified)
        report = read_bank_file(next(incoming.glob("camt.054*")).read_bytes()).content
        assert isinstance(report, AccountReport)
        debtor = replace(self.files.desk.debtor, account=report.statements[0].account)
        self.files.rail.desk = replace(self.files.desk, debtor=debtor)
        self.files.receiver = Receiver(self.files.desk)

    async def is_told(self, one: PayoutAttempt, status: RailStatus) -> Observation:
        """Wait until the bank's files tell this of an attempt."""
        found: list[Observation] = []

        async def told() -> bool:
            await self.files.receive()
            seen = await self.files.rail.find(one)
            found[:] = [seen] if isinstance(seen, Observation) and seen.status is status else []
            return bool(found)

        await until(told)
        return found[0]


@pytest.fixture
async def house(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    folder = tmp_path / "door"
    options = ("--settlement-delay", "0.1", "--return-delay", "0.1", "--files", str(folder))
    async with (
        BankProcess(state=tmp_path / "bank", options=options) as bank,
        filing(tmp_path, database_url) as files,
    ):

        async def is_open() -> bool:
            return (folder / "taken").exists()

        await until(is_open)
        channel = FolderChannel(
            outgoing=folder / "outgoing", incoming=folder / "incoming", archive=files.archive
        )
        files.rail = FileRail(replace(files.desk, channel=channel))
        files.receiver = Receiver(files.desk)
        yield House(files, bank)


class TestTheSimulatedBank:
    async def test_reads_our_file_and_we_read_what_it_says_of_each_payment(self, house: House) -> None:
        paid, refused = attempt(1), attempt(2, account_number=REFUSED)
        later, back = attempt(3, account_number=REFUSED_LATER), attempt(4, account_number=RETURNED)
        await house.send(paid, refused, later, back)

        assert (await house.is_told(refused, RailStatus.REFUSED)).reason == "AC01"
        await house.is_told(paid, RailStatus.SETTLED)
        assert (await house.is_told(later, RailStatus.REFUSED)).reason == "AC01"
        returned = await house.is_told(back, RailStatus.RETURNED)
        assert (returned.reason, returned.amount) == ("AC04", back.amount)

    async def test_s_statement_adds_up_and_has_the_balance(self, house: House) -> None:
        await house.send(attempt(1))
        await house.is_told(attempt(1), RailStatus.SETTLED)
        await house.bank.call("POST", "/clock/advance", {"days": 1})

        async def is_stated() -> bool:
            await house.files.receive()
            return bool((await house.files.rail.statements(None))[0])

        await until(is_stated)
        (statement,), _ = await house.files.rail.statements(None)
        assert statement.opening is not None
        assert statement.closing is not None
        moved = sum(line.amount.units * (1 if line.is_credit else -1) for line in statement.lines)
        assert statement.opening.units + moved == statement.closing.units
        assert (await house.files.rail.balance()).booked == statement.closing
