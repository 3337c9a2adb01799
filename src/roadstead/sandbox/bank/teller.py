"""Joins the bank's rules, its journal and the time."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from roadstead.clock import Clock
from roadstead.randomness import Randomness
from roadstead.sandbox.bank.book import Book, Payout
from roadstead.sandbox.bank.decisions import BankTerms, next_due, next_due_at, opening, submit
from roadstead.sandbox.bank.events import BankEvent, ClockMoved, FilesWritten, FileTaken, Instruction
from roadstead.sandbox.bank.journal import Journal
from roadstead.sandbox.bank.rules import checked, checked_key
from roadstead.sandbox.bank.statements import Statements

_TICK_S = 0.1
_BATCH_MAX = 1000
_BANK_ID_BYTES = 4


class Teller:
    """Carries out what the rules decide. An answer may leave only after `durable`."""

    def __init__(
        self,
        *,
        journal: Journal,
        history: Sequence[BankEvent],
        terms: BankTerms,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self.book = Book(account_numbers=terms.account_numbers)
        for event in history:
            self.book.apply(event)
        self._journal = journal
        self._terms = terms
        self._clock = clock
        self._work = asyncio.Event()
        self.statements = Statements(self.book, terms.calendar)
        new_bank_id = randomness.token_bytes(_BANK_ID_BYTES).hex().upper()
        self._record(opening(self.book, terms, new_bank_id=new_bank_id, now=self.now()))

    def now(self) -> datetime:
        """Return the moment that the bank's clock shows: the machine's, and how far it was moved ahead."""
        return self._clock.now() + timedelta(seconds=self.book.clock_ahead_s)

    def advance(self, by: timedelta) -> None:
        """Move the bank's clock ahead; what falls due on the way happens at its moment, one thing after the other."""
        target = self.now() + by
        while (due := next_due_at(self.book, self._terms)) is not None and due < target:
            self._move_clock(due)
            self.work_off()
        self._move_clock(target)
        self.work_off()
        self._work.set()

    def take_file(self, message_id: str, name: str) -> None:
        """Note that a file of payment orders is taken; its message id is not taken from another one."""
        self._record([FileTaken(at=self.now(), message_id=message_id, name=name)])

    def files_written(self, number: int, statement: str) -> None:
        """Note how far the notification files have come."""
        self._record([FilesWritten(at=self.now(), number=number, statement=statement)])

    def submit(
        self, key: str, instruction: Instruction, *, batch: tuple[str, str] = ("", "")
    ) -> tuple[Payout, bool]:
        """Take an instruction and return the payout of its key, and whether it is new.

        `batch` names the file and the batch in it that the instruction came in.

        May be repeated: the same content under the same key is one payout.

        Raises:
            BadInput: The bank cannot carry it out; nothing was kept.
            Conflict: The key is known with other content.
        """
        now = self.now()
        events = submit(
            self.book, checked_key(key), checked(instruction), terms=self._terms, now=now, batch=batch
        )
        if events:
            self._record(events)
            self.work_off()
            self._work.set()
        return self.book.payouts[key], bool(events)

    async def durable(self) -> None:
        """Return when everything that the book holds now would survive a crash.

        Raises:
            Unavailable: The journal cannot be written.
        """
        await self._journal.durable()

    def work_off(self) -> None:
        """Do what is due now, up to a batch."""
        now = self.now()
        for _ in range(_BATCH_MAX):
            event = next_due(self.book, self._terms, now)
            if event is None:
                return
            self._record([event])

    def _move_clock(self, moment: datetime) -> None:
        now = self.now()
        if moment > now:
            self._record([ClockMoved(at=now, by_s=(moment - now).total_seconds())])

    async def run(self) -> None:
        """Do what falls due, for ever; sleep while nothing is open.

        Raises:
            Unavailable: The journal cannot be written.
        """
        while True:
            self.work_off()
            await self.durable()
            if not (self.book.to_judge or self.book.to_settle or self.book.to_return):
                self._work.clear()
                await self._work.wait()
            await asyncio.sleep(_TICK_S)

    def _record(self, events: Sequence[BankEvent]) -> None:
        for event in events:
            self.book.apply(event)
        self._journal.append(events)
