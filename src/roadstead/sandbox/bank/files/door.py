"""The file door at work: takes orders from one folder, and puts its own files into another.

`out` is what the customer sends, `in` what it is sent, `taken` what was read, all of them in one folder. A
file is written under a hidden name and renamed when it is whole, but for faults of the plan.
"""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from roadstead.clock import utc_text
from roadstead.errors import BadInput, Conflict, RoadsteadError
from roadstead.sandbox.bank.book import Entry, Payout, Status
from roadstead.sandbox.bank.events import PayoutEvent, Refused, Returned, Settled
from roadstead.sandbox.bank.faults import STATEMENT_FAULTS, Fault, FaultKind, Operation
from roadstead.sandbox.bank.files.orders import BYTES_MAX, UNNAMED, Order, OrderFile, read_orders
from roadstead.sandbox.bank.files.reports import (
    PaymentStatus,
    notification,
    statement_file,
    status_report,
)
from roadstead.sandbox.bank.misfortune import Misfortune
from roadstead.sandbox.bank.rules import Course, fate_of
from roadstead.sandbox.bank.statements import damaged
from roadstead.sandbox.bank.teller import Teller

TICK_S = 0.2
EVENTS_MAX = 20_000
STATEMENTS_MAX = 20
DUPLICATE = "DUPL"
INVALID = "FF01"
OTHER_CONTENT = "AM05"

_CODES = {Status.RECEIVED: "RCVD", Status.REFUSED: "RJCT"}
_WILL_BE_PAID = "ACSP"


class FileDoor:
    """Serves one customer through a folder."""

    def __init__(self, *, teller: Teller, misfortune: Misfortune, folder: Path) -> None:
        self._teller = teller
        self._misfortune = misfortune
        self._outgoing, self._incoming, self._taken = (folder / name for name in ("out", "in", "taken"))
        for each in (self._outgoing, self._incoming, self._taken):
            each.mkdir(parents=True, exist_ok=True)
        self._later: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Take what comes and tell what happens, for ever."""
        while True:
            for path in sorted(self._outgoing.iterdir()):
                if path.is_file() and not path.name.startswith(".") and path.suffix == ".xml":
                    await self._take(path)
            await self._tell()
            await asyncio.sleep(TICK_S)

    async def _take(self, path: Path) -> None:
        content = await asyncio.to_thread(_read, path)
        try:
            report = self._taken_in(read_orders(content), path.name)
        except BadInput:
            report = self._refused(UNNAMED, INVALID)
        await self._teller.durable()
        await self._write(f"pain.002-{self._stamp()}.xml", report)
        await asyncio.to_thread(path.rename, self._taken / path.name)

    def _taken_in(self, file: OrderFile, name: str) -> bytes:
        """Carry out a file, and return the status report.

        The file that a crash kept from being put away comes again under its own name: it is the same one, and the same
        keys pay nothing twice.
        """
        if self._teller.book.message_ids.get(file.message_id, name) != name:
            return self._refused(file.message_id, DUPLICATE)
        payments = [self._carry_out(order, file.message_id) for order in file.orders]
        self._teller.take_file(file.message_id, name)
        return status_report(
            identifier=self._stamp(), created_at=self._now(), message_id=file.message_id, payments=payments
        )

    def _carry_out(self, order: Order, message_id: str) -> PaymentStatus:
        try:
            payout, _ = self._teller.submit(
                order.instruction_id, order.instruction, batch=(message_id, order.batch_id)
            )
        except RoadsteadError as error:
            return PaymentStatus(
                batch_id=order.batch_id,
                instruction_id=order.instruction_id,
                end_to_end_id=order.instruction.end_to_end_id,
                code="RJCT",
                reason=OTHER_CONTENT if isinstance(error, Conflict) else INVALID,
            )
        return _status_of(payout, order.batch_id)

    def _refused(self, message_id: str, reason: str) -> bytes:
        return status_report(
            identifier=self._stamp(),
            created_at=self._now(),
            message_id=message_id,
            payments=[],
            reason=reason,
        )

    async def _tell(self) -> None:
        """Write what happened since the last time, and statements of days that are over."""
        book, written = self._teller.book, self._teller.book.files_written
        number, cursor = (0, "") if written is None else (written.number, written.statement)
        told = book.told_after(number, EVENTS_MAX)
        statements = self._teller.statements.after(cursor, STATEMENTS_MAX, self._teller.now())
        if not told and not statements:
            return
        await self._teller.durable()
        await self._tell_refusals([event for _, event in told])
        await self._tell_bookings(told)
        for statement in statements:
            name = f"camt.053-{book.bank_id}-{statement.cursor}.xml"
            fault = self._misfortune.next(Operation.FILE, file=name)
            kept = [statement]
            if fault is not None and fault.kind in STATEMENT_FAULTS:
                kept, fault = list(damaged(kept, fault.kind)), None
            for each in kept:
                await self._write_under(fault, name, statement_file(book, each, created_at=self._now()))
        number = told[-1][0] if told else number
        self._teller.files_written(number, statements[-1].cursor if statements else cursor)
        await self._teller.durable()

    async def _tell_refusals(self, events: Sequence[PayoutEvent]) -> None:
        """Write status reports of payments that were accepted first and refused when they should settle."""
        book = self._teller.book
        late = [
            book.payouts[event.key]
            for event in events
            if isinstance(event, Refused)
            and fate_of(book.payouts[event.key].instruction.account).course is Course.REFUSED_LATER
        ]
        for message_id in dict.fromkeys(payout.message_id for payout in late if payout.message_id):
            payments = [_status_of(each, each.batch_id) for each in late if each.message_id == message_id]
            report = status_report(
                identifier=self._stamp(),
                created_at=self._now(),
                message_id=message_id,
                payments=payments,
                is_whole=False,
            )
            await self._write(f"pain.002-{self._stamp()}-{message_id}.xml", report)

    async def _tell_bookings(self, told: Sequence[tuple[int, PayoutEvent]]) -> None:
        """Write notifications of debits and credits, one for each account."""
        book = self._teller.book
        numbers = {number for number, event in told if isinstance(event, Settled | Returned)}
        entries = [
            entry for entry in _entries_from(book.entries, min(numbers, default=0)) if entry.number in numbers
        ]
        for code in sorted({entry.amount.asset.code for entry in entries}):
            own = [entry for entry in entries if entry.amount.asset.code == code]
            identifier = f"{book.bank_id}-{own[0].number}-{own[-1].number}"
            content = notification(book, code, own, identifier=identifier, created_at=self._now())
            await self._write(f"camt.054-{identifier}-{code}.xml", content)

    async def _write(self, name: str, content: bytes) -> None:
        await self._write_under(self._misfortune.next(Operation.FILE, file=name), name, content)

    async def _write_under(self, fault: Fault | None, name: str, content: bytes) -> None:
        path = self._incoming / name
        kind = None if fault is None else fault.kind
        if kind is FaultKind.MISSING:
            return
        if fault is not None and kind in {FaultKind.DELAYED, FaultKind.HALF_WRITTEN}:
            if kind is FaultKind.HALF_WRITTEN:
                path.write_bytes(content[: len(content) // 2])
            later = asyncio.create_task(_after(fault.delay_s, path, content))
            self._later.add(later)
            later.add_done_callback(self._later.discard)
            return
        if kind is FaultKind.MALFORMED:
            content = content[: len(content) // 2] + b"<&"
        await asyncio.to_thread(_publish, path, content)
        if kind is FaultKind.REPEATED:
            await asyncio.to_thread(_publish, path.with_name(f"{path.stem}-again.xml"), content)

    def _now(self) -> str:
        return utc_text(self._teller.now())

    def _stamp(self) -> str:
        """Return an identifier that no other file of this bank has: how far the journal has come, and the time."""
        book = self._teller.book
        return f"{book.bank_id}-{book.event_count}-{int(self._teller.now().timestamp() * 1000) % 10**9}"


def _entries_from(entries: Sequence[Entry], number: int) -> list[Entry]:
    """Return the entries from a place in the journal on, oldest first, without looking at all of them."""
    found: list[Entry] = []
    for entry in reversed(entries):
        if entry.number < number:
            break
        found.append(entry)
    return found[::-1]


def _status_of(payout: Payout, batch_id: str) -> PaymentStatus:
    return PaymentStatus(
        batch_id=batch_id,
        instruction_id=payout.key,
        end_to_end_id=payout.instruction.end_to_end_id,
        code=_CODES.get(payout.status, _WILL_BE_PAID),
        reason=payout.reason if payout.status is Status.REFUSED else None,
        reference=payout.reference,
    )


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(BYTES_MAX)


def _publish(path: Path, content: bytes) -> None:
    hidden = path.with_name(f".{path.name}")
    with hidden.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    hidden.rename(path)


async def _after(delay_s: float, path: Path, content: bytes) -> None:
    await asyncio.sleep(delay_s)
    await asyncio.to_thread(_publish, path, content)
