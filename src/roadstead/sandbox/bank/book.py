"""The bank's state: its events added up. Applying an event is the only way to change it."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from roadstead.errors import InvariantViolated
from roadstead.money import Money, amount_from_text, currency
from roadstead.sandbox.bank.events import (
    Accepted,
    AccountOpened,
    BankEvent,
    BankOpened,
    ClockMoved,
    FilesWritten,
    FileTaken,
    Instruction,
    PayoutEvent,
    Received,
    Refused,
    Returned,
    Settled,
)
from roadstead.sandbox.bank.rules import Course, fate_of


class Status(StrEnum):
    """How far a payout has come."""

    RECEIVED = "received"
    ACCEPTED = "accepted"
    SETTLED = "settled"
    REFUSED = "refused"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    """One payout, known by its key."""

    key: str
    reference: str
    instruction: Instruction
    status: Status
    received_at: datetime
    reason: str | None = None
    executed_at: datetime | None = None
    """When the money left; a later return does not change it."""
    execution_number: int | None = None
    """The place of the settlement in the journal."""
    returned: Money | None = None
    """What came back of it."""
    message_id: str = ""
    """The file of payment orders that it came in, if any."""
    batch_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """The anchor's money in one currency."""

    booked: Money
    reserved: Money

    @property
    def available(self) -> Money:
        """What is not promised to a payout."""
        return self.booked - self.reserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One movement on the anchor's account: always a positive amount, and the direction."""

    number: int
    """The place of the event in the journal."""
    at: datetime
    amount: Money
    is_credit: bool
    is_reversal: bool = False
    reason: str | None = None
    key: str | None = None
    """The payout that it belongs to; None for the deposit with which the account was opened."""


_NEXT: dict[type[PayoutEvent], tuple[frozenset[Status], Status]] = {
    Accepted: (frozenset({Status.RECEIVED}), Status.ACCEPTED),
    Settled: (frozenset({Status.ACCEPTED}), Status.SETTLED),
    Refused: (frozenset({Status.RECEIVED, Status.ACCEPTED}), Status.REFUSED),
    Returned: (frozenset({Status.SETTLED}), Status.RETURNED),
}


@dataclass(slots=True)
class Book:
    """Everything the bank knows, by key and in the order in which it happened."""

    bank_id: str = ""
    event_count: int = 0
    payouts: dict[str, Payout] = field(default_factory=dict)
    balances: dict[str, Balance] = field(default_factory=dict)
    executed: list[str] = field(default_factory=list)
    """Keys in the order of execution."""
    executed_by_end_to_end_id: dict[str, list[str]] = field(default_factory=dict)
    to_judge: dict[str, datetime] = field(default_factory=dict)
    """Received and not decided, oldest first, and since when."""
    to_settle: dict[str, datetime] = field(default_factory=dict)
    """Accepted and still to be settled or refused, oldest first, and since when."""
    to_return: dict[str, datetime] = field(default_factory=dict)
    """Settled and still to come back, oldest first, and since when."""
    told_numbers: list[int] = field(default_factory=list)
    told: list[PayoutEvent] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    """Every movement on the anchor's accounts, oldest first."""
    clock_ahead_s: float = 0.0
    """How far the bank's clock was moved ahead of the machine's."""
    account_numbers: Mapping[str, str] = field(default_factory=dict)
    """The numbers of the anchor's accounts by currency, where the bank was told them; no part of the journal."""
    message_ids: dict[str, str] = field(default_factory=dict)
    """The files of payment orders that were taken: their names by their message ids."""
    files_written: FilesWritten | None = None
    """How far the notification files have come."""

    def apply(self, event: BankEvent) -> None:
        """Add what happened.

        Raises:
            InvariantViolated: It cannot have happened in this state.
        """
        number = self.event_count + 1
        match event:
            case BankOpened(bank_id=bank_id):
                self.bank_id = bank_id
            case AccountOpened(currency=code, amount=amount):
                self._open_account(code, amount)
                balance = self.balances[code].booked
                self.entries.append(Entry(number=number, at=event.at, amount=balance, is_credit=True))
            case ClockMoved(by_s=by_s):
                self.clock_ahead_s += by_s
            case FileTaken(message_id=message_id, name=name):
                self.message_ids[message_id] = name
            case FilesWritten():
                self.files_written = event
            case Received():
                self._receive(event)
            case Accepted() | Settled() | Refused() | Returned():
                self._move(event, number)
        self.event_count = number

    def told_after(self, number: int, limit: int) -> Sequence[tuple[int, PayoutEvent]]:
        """Return at most `limit` events that the customer is told of, after a place in the journal."""
        first = bisect_right(self.told_numbers, number)
        last = first + limit
        return list(zip(self.told_numbers[first:last], self.told[first:last], strict=True))

    def executed_after(self, number: int, end_to_end_id: str = "") -> Sequence[Payout]:
        """Return the payouts executed after a place in the journal, in order; of one end-to-end id when it is given."""
        keys = self.executed
        if end_to_end_id:
            keys = self.executed_by_end_to_end_id.get(end_to_end_id, [])
        first = bisect_right(keys, number, key=self._execution_number)
        return [self.payouts[key] for key in keys[first:]]

    def _execution_number(self, key: str) -> int:
        return self.payouts[key].execution_number or 0

    def _open_account(self, code: str, amount: str) -> None:
        if code in self.balances:
            raise InvariantViolated(f"The {code} account was opened twice.")
        asset = currency(code)
        self.balances[code] = Balance(booked=amount_from_text(asset, amount), reserved=Money(asset, 0))

    def _receive(self, event: Received) -> None:
        if event.key in self.payouts:
            raise InvariantViolated(f"Payout {event.key} was received twice.")
        self.payouts[event.key] = Payout(
            key=event.key,
            reference=event.reference,
            instruction=event.instruction,
            status=Status.RECEIVED,
            received_at=event.at,
            message_id=event.message_id,
            batch_id=event.batch_id,
        )
        self.to_judge[event.key] = event.at

    def _move(self, event: PayoutEvent, number: int) -> None:
        payout = self.payouts.get(event.key)
        expected, status = _NEXT[type(event)]
        if payout is None or payout.status not in expected:
            raise InvariantViolated(f"Payout {event.key} cannot become {status} from where it is.")
        moved = replace(payout, status=status)
        if isinstance(event, Refused | Returned):
            moved = replace(moved, reason=event.reason)
        if isinstance(event, Returned):
            money = payout.instruction.money
            back = money if event.amount is None else amount_from_text(money.asset, event.amount)
            moved = replace(moved, returned=back)
        if isinstance(event, Settled):
            moved = replace(moved, executed_at=event.at, execution_number=number)
            self.executed.append(event.key)
            self.executed_by_end_to_end_id.setdefault(payout.instruction.end_to_end_id, []).append(event.key)
        self._book(moved, status, payout.status)
        if isinstance(event, Settled | Returned):
            self.entries.append(_entry(event, number, moved))
        self.payouts[event.key] = moved
        self._await_next(moved, event.at)
        self.told_numbers.append(number)
        self.told.append(event)

    def _await_next(self, payout: Payout, moment: datetime) -> None:
        for waiting in (self.to_judge, self.to_settle, self.to_return):
            waiting.pop(payout.key, None)
        course = fate_of(payout.instruction.account).course
        if payout.status is Status.ACCEPTED and course is not Course.SILENT:
            self.to_settle[payout.key] = moment
        if payout.status is Status.SETTLED and course.comes_back:
            self.to_return[payout.key] = moment

    def _book(self, payout: Payout, status: Status, before: Status) -> None:
        code, money = payout.instruction.currency, payout.instruction.money
        balance = self.balances[code]
        booked, reserved = balance.booked, balance.reserved
        match status:
            case Status.ACCEPTED:
                reserved += money
            case Status.SETTLED:
                booked, reserved = booked - money, reserved - money
            case Status.REFUSED if before is Status.ACCEPTED:
                reserved -= money
            case Status.RETURNED:
                booked += money if payout.returned is None else payout.returned
            case _:
                return
        if booked.units < 0 or reserved.units < 0:
            raise InvariantViolated(f"Payout {payout.key} would leave the {code} account below zero.")
        self.balances[code] = Balance(booked=booked, reserved=reserved)


def _entry(event: Settled | Returned, number: int, payout: Payout) -> Entry:
    if isinstance(event, Settled):
        money = payout.instruction.money
        return Entry(number=number, at=event.at, amount=money, is_credit=False, key=event.key)
    return Entry(
        number=number,
        at=event.at,
        amount=payout.instruction.money if payout.returned is None else payout.returned,
        is_credit=True,
        is_reversal=event.is_reversal,
        reason=None if event.is_reversal else event.reason,
        key=event.key,
    )
