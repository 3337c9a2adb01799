"""Joins the bank's rules, its journal and the time."""

import asyncio
from collections.abc import Sequence

from roadstead.clock import Clock
from roadstead.randomness import Randomness
from roadstead.sandbox.bank.book import Book, Payout
from roadstead.sandbox.bank.decisions import BankTerms, next_due, opening, submit
from roadstead.sandbox.bank.events import BankEvent, Instruction
from roadstead.sandbox.bank.journal import Journal
from roadstead.sandbox.bank.rules import checked, checked_key

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
        self.book = Book()
        for event in history:
            self.book.apply(event)
        self._journal = journal
        self._terms = terms
        self._clock = clock
        self._work = asyncio.Event()
        new_bank_id = randomness.token_bytes(_BANK_ID_BYTES).hex().upper()
        self._record(opening(self.book, terms, new_bank_id=new_bank_id, now=clock.now()))

    @property
    def clock(self) -> Clock:
        """The bank's clock."""
        return self._clock

    def submit(self, key: str, instruction: Instruction) -> tuple[Payout, bool]:
        """Take an instruction and return the payout of its key, and whether it is new.

        May be repeated: the same content under the same key is one payout.

        Raises:
            BadInput: The bank cannot carry it out; nothing was kept.
            Conflict: The key is known with other content.
        """
        now = self._clock.now()
        events = submit(self.book, checked_key(key), checked(instruction), terms=self._terms, now=now)
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
        now = self._clock.now()
        for _ in range(_BATCH_MAX):
            event = next_due(self.book, self._terms, now)
            if event is None:
                return
            self._record([event])

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
