"""A file rail with everything around it: a database, folders or an SFTP server, and mock-bank behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from tests.fixtures.mock_bank import CLOSED_IBAN, OUR_IBAN, MockBank

from roadstead.batches import sending
from roadstead.batches.desk import FileDesk
from roadstead.batches.rail import FileRail
from roadstead.batches.receiving import Receiver
from roadstead.clock import ManualClock
from roadstead.customers.vault import LocalKeyProvider
from roadstead.database.pool import Database, open_database
from roadstead.money import amount_from_text, currency
from roadstead.rails.channels.folder import FolderChannel
from roadstead.rails.channels.protocol import FileChannel
from roadstead.rails.iso20022.payments import Debtor
from roadstead.rails.protocol import Creditor, PayoutAttempt
from roadstead.randomness import SystemRandomness

EURO = currency("EUR")
IBAN = "DE89370400440532013000"
OPENED = datetime(2026, 9, 28, 9, 0, tzinfo=UTC)


def attempt(number: int, *, account_number: str = IBAN, amount: str = "98.50") -> PayoutAttempt:
    """An attempt that the bank pays."""
    return PayoutAttempt(
        key=f"A{number:025d}",
        end_to_end_id=f"P{number:025d}",
        amount=amount_from_text(EURO, amount),
        creditor=Creditor(name="Ada Lovelace", account_number=account_number),
        information="A gift",
    )


def refused_attempt(number: int) -> PayoutAttempt:
    """An attempt whose account the bank knows to be closed."""
    return attempt(number, account_number=CLOSED_IBAN)


@dataclass(slots=True)
class Filing:
    """A file rail, the folders of its bank, and a clock."""

    rail: FileRail
    database: Database
    clock: ManualClock
    outgoing: Path
    incoming: Path
    archive: Path
    receiver: Receiver
    numbers: count[int] = field(default_factory=lambda: count(1))

    @property
    def desk(self) -> FileDesk:
        return self.rail.desk

    def new_attempt(self) -> PayoutAttempt:
        return attempt(next(self.numbers))

    def new_refused_attempt(self) -> PayoutAttempt:
        return refused_attempt(next(self.numbers))

    async def send(self) -> None:
        """Let the time of the open batch be over, and send what is closed."""
        self.clock.advance(timedelta(hours=1))
        await self.send_due()

    async def send_due(self) -> None:
        """Close what is due, and send what is closed."""
        while await sending.work_due(self.desk):
            pass

    async def receive(self) -> int:
        """Fetch what the bank has put out."""
        return await self.receiver.look()

    async def rows(self, query: str, *arguments: object) -> list[Any]:
        async with self.database.connection() as connection:
            return list(await connection.fetch(query, *arguments))

    def sent_files(self) -> list[Path]:
        """The files that lie for the bank."""
        return sorted(
            path for path in self.outgoing.iterdir() if path.is_file() and not path.name.startswith(".")
        )


@asynccontextmanager
async def filing(
    folder: Path, database_url: str, channel: FileChannel | None = None, **changes: object
) -> AsyncIterator[Filing]:
    """Open a file rail over folders, or over another channel to them."""
    places = [folder / name for name in ("out", "in", "archive")]
    for place in places:
        place.mkdir(exist_ok=True)
    outgoing, incoming, archive = places
    database = await open_database(database_url, application="test")
    clock = ManualClock(OPENED)
    desk = FileDesk(
        rail="files",
        asset=EURO,
        debtor=Debtor(name="Roadstead Test Anchor", account=OUR_IBAN, bic="MOCKDEFF"),
        channel=channel or FolderChannel(outgoing=outgoing, incoming=incoming, archive=archive),
        database=database,
        keys=LocalKeyProvider(b"0123456789abcdef0123456789abcdef"),
        clock=clock,
        randomness=SystemRandomness(),
        settle_s=0,
    )
    desk = replace(desk, **changes)  # type: ignore[arg-type]
    rail = FileRail(desk)
    try:
        yield Filing(rail, database, clock, outgoing, incoming, archive, Receiver(desk))
    finally:
        await rail.close()
        await database.close()


@dataclass(slots=True)
class FilingWithBank:
    """A bench for the contract of rails: a file rail and mock-bank."""

    filing: Filing
    bank: MockBank

    @property
    def rail(self) -> FileRail:
        return self.filing.rail

    def new_attempt(self) -> PayoutAttempt:
        return self.filing.new_attempt()

    def new_refused_attempt(self) -> PayoutAttempt:
        return self.filing.new_refused_attempt()

    async def executions(self, end_to_end_id: str) -> int:
        return self.bank.executions(end_to_end_id)

    async def advance(self) -> None:
        """Send the batch, let the bank read and settle it, and read what it says."""
        await self.filing.send()
        self.bank.scan()
        self.bank.advance(1)
        await self.filing.receive()

    async def lose_next_answer(self) -> bool:
        return False

    async def delay_next_execution(self) -> bool:
        return False

    def pushed(self, attempt: PayoutAttempt) -> None:
        return None
