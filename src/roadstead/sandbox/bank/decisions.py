"""What the bank decides. Pure: each function looks at the book and says which events follow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from roadstead.errors import Conflict
from roadstead.money import Money, amount_from_text, currency
from roadstead.sandbox.bank.book import Book, Payout
from roadstead.sandbox.bank.calendar import BankCalendar
from roadstead.sandbox.bank.events import (
    Accepted,
    AccountOpened,
    BankEvent,
    BankOpened,
    Instruction,
    PayoutEvent,
    Received,
    Refused,
    Returned,
    Settled,
)
from roadstead.sandbox.bank.rules import Course, fate_of

DEFAULT_OPENING_BALANCE = "1000000000000"
RETURN_FEE_UNITS = 500
"""What the receiving bank keeps of a short return, in the currency's smallest units; at most all of it."""
INSUFFICIENT_FUNDS = "AM04"
"""ISO 20022 `ExternalStatusReason1Code` for an account without enough money."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BankTerms:
    """How this bank works."""

    settlement_delay: timedelta = timedelta(seconds=1)
    """From acceptance to settlement (or to a late refusal)."""
    return_delay: timedelta = timedelta(seconds=2)
    """From settlement to a return."""
    calendar: BankCalendar = field(default_factory=BankCalendar)
    account_numbers: Mapping[str, str] = field(default_factory=dict)
    """By currency; every other account has a number of the bank's own making."""
    opening_balances: Mapping[str, Money] = field(default_factory=dict)
    """By currency; every other account is opened with a large balance when it is first used."""


def opening(book: Book, terms: BankTerms, *, new_bank_id: str, now: datetime) -> Sequence[BankEvent]:
    """Begin the bank, and open the accounts that are asked for and not yet there."""
    begun: list[BankEvent] = [] if book.bank_id else [BankOpened(at=now, bank_id=new_bank_id)]
    missing = [code for code in sorted(terms.opening_balances) if code not in book.balances]
    return begun + [_account_opened(code, terms, now) for code in missing]


def submit(
    book: Book,
    key: str,
    instruction: Instruction,
    *,
    terms: BankTerms,
    now: datetime,
    batch: tuple[str, str] = ("", ""),
) -> Sequence[BankEvent]:
    """Take an instruction: nothing follows when the same one is already known under this key.

    `batch` names the file and the batch in it that the instruction came in.

    Raises:
        Conflict: The key is known with other content.
    """
    known = book.payouts.get(key)
    if known is not None:
        if known.instruction != instruction:
            raise Conflict(f"Payout {key} is known with other content; send a new payout under a new key.")
        return []
    opened: list[BankEvent] = []
    if instruction.currency not in book.balances:
        opened.append(_account_opened(instruction.currency, terms, now))
    reference = f"{book.bank_id}{book.event_count + len(opened) + 1:010d}"
    message_id, batch_id = batch
    received = Received(
        at=now,
        key=key,
        reference=reference,
        instruction=instruction,
        message_id=message_id,
        batch_id=batch_id,
    )
    return [*opened, received]


def next_due(book: Book, terms: BankTerms, now: datetime) -> PayoutEvent | None:
    """Return the next thing that is due at this moment, or None when there is nothing left to do now."""
    for key in book.to_judge:
        return _judgement(book, book.payouts[key], now)
    for key, since in book.to_settle.items():
        if terms.calendar.settles_at(since, terms.settlement_delay) > now:
            break
        return _settlement(book.payouts[key], now)
    for key, since in book.to_return.items():
        if since + terms.return_delay > now:
            break
        return _return(book.payouts[key], now)
    return None


def next_due_at(book: Book, terms: BankTerms) -> datetime | None:
    """Return when something falls due next, or None when nothing is open."""
    moments = [*islice(book.to_judge.values(), 1)]
    moments += [
        terms.calendar.settles_at(since, terms.settlement_delay)
        for since in islice(book.to_settle.values(), 1)
    ]
    moments += [since + terms.return_delay for since in islice(book.to_return.values(), 1)]
    return min(moments, default=None)


def _judgement(book: Book, payout: Payout, now: datetime) -> Accepted | Refused:
    fate = fate_of(payout.instruction.account)
    if fate.course is Course.REFUSED_AT_ONCE:
        return Refused(at=now, key=payout.key, reason=fate.reason)
    if payout.instruction.money > book.balances[payout.instruction.currency].available:
        return Refused(at=now, key=payout.key, reason=INSUFFICIENT_FUNDS)
    return Accepted(at=now, key=payout.key)


def _settlement(payout: Payout, now: datetime) -> Settled | Refused:
    fate = fate_of(payout.instruction.account)
    if fate.course is Course.REFUSED_LATER:
        return Refused(at=now, key=payout.key, reason=fate.reason)
    return Settled(at=now, key=payout.key)


def _return(payout: Payout, now: datetime) -> Returned:
    fate = fate_of(payout.instruction.account)
    if fate.course is not Course.RETURNED_SHORT:
        is_reversal = fate.course is Course.REVERSED
        return Returned(at=now, key=payout.key, reason=fate.reason, is_reversal=is_reversal)
    money = payout.instruction.money
    kept = Money(money.asset, min(RETURN_FEE_UNITS, money.units))
    return Returned(at=now, key=payout.key, reason=fate.reason, amount=(money - kept).text)


def _account_opened(code: str, terms: BankTerms, now: datetime) -> AccountOpened:
    money = terms.opening_balances.get(code) or amount_from_text(currency(code), DEFAULT_OPENING_BALANCE)
    return AccountOpened(at=now, currency=code, amount=money.text)
