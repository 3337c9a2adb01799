"""What the bank says over HTTP. These shapes are documented and stable: fields are added, never changed."""

import re
from collections.abc import Sequence
from itertools import islice
from typing import Any

import msgspec

from roadstead.clock import utc_text
from roadstead.sandbox.bank.book import Balance, Book, Entry, Payout, Status
from roadstead.sandbox.bank.events import Accepted, PayoutEvent, Refused, Returned, Settled
from roadstead.sandbox.bank.statements import Statement

_STATUSES: dict[type[PayoutEvent], Status] = {
    Accepted: Status.ACCEPTED,
    Settled: Status.SETTLED,
    Refused: Status.REFUSED,
    Returned: Status.RETURNED,
}
_EVENT_ID = re.compile(r"([0-9A-F]{8})-([0-9]{1,15})", re.ASCII)


class PayoutFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which executed payouts are asked for; empty fields mean all."""

    key: str = ""
    end_to_end_id: str = ""
    currency: str = ""
    account: str = ""
    after: str = ""
    """The `id` of an execution: only later ones."""
    limit: int | None = None


def event_id(book: Book, number: int) -> str:
    """Return the identifier of an event: unique across all simulated banks, and the cursor that leads past it."""
    return f"{book.bank_id}-{number}"


def event_number(book: Book, cursor: str) -> int:
    """Return the place in the journal that a cursor points at; 0, the beginning, for one that is not this bank's."""
    match = _EVENT_ID.fullmatch(cursor)
    if match is None or match[1] != book.bank_id:
        return 0
    return int(match[2])


def payout_view(payout: Payout) -> dict[str, Any]:
    """Describe a payout, executed or not."""
    instruction = payout.instruction
    return {
        "key": payout.key,
        "end_to_end_id": instruction.end_to_end_id,
        "amount": instruction.amount,
        "currency": instruction.currency,
        "account": instruction.account,
        "bank_number": instruction.bank_number,
        "name": instruction.name,
        "information": instruction.information,
        "status": payout.status,
        "reference": payout.reference,
        "reason": payout.reason,
        "returned_amount": None if payout.returned is None else payout.returned.text,
        "received_at": utc_text(payout.received_at),
        "executed_at": None if payout.executed_at is None else utc_text(payout.executed_at),
    }


def executed_views(book: Book, wanted: PayoutFilter) -> list[dict[str, Any]]:
    """List the payouts that were executed, in the order of execution, with the filter applied."""
    payouts = book.executed_after(event_number(book, wanted.after), wanted.end_to_end_id)
    matching = (payout for payout in payouts if _matches(payout, wanted))
    return [
        {"id": event_id(book, payout.execution_number or 0), **payout_view(payout)}
        for payout in islice(matching, wanted.limit)
    ]


def event_view(book: Book, number: int, event: PayoutEvent) -> dict[str, Any]:
    """Describe an event."""
    payout = book.payouts[event.key]
    back = event.amount if isinstance(event, Returned) else None
    return {
        "id": event_id(book, number),
        "status": _STATUSES[type(event)],
        "key": event.key,
        "end_to_end_id": payout.instruction.end_to_end_id,
        "amount": payout.instruction.amount if back is None else back,
        "currency": payout.instruction.currency,
        "reference": payout.reference,
        "reason": event.reason if isinstance(event, Refused | Returned) else None,
        "occurred_at": utc_text(event.at),
    }


def balance_view(code: str, balance: Balance, as_of: str) -> dict[str, Any]:
    """Describe the anchor's account in one currency."""
    return {
        "currency": code,
        "booked": balance.booked.text,
        "available": balance.available.text,
        "as_of": as_of,
    }


def account_number(book: Book, code: str) -> str:
    """Return the number of the anchor's own account in a currency."""
    return book.account_numbers.get(code) or f"{book.bank_id}{code}"


def statement_id(book: Book, statement: Statement) -> str:
    """Return the identifier of a statement: unique across banks, and the cursor that leads past it."""
    return f"{book.bank_id}-{statement.cursor}"


def statement_cursor(book: Book, cursor: str) -> str:
    """Return the place that the cursor of a customer points at; nothing, the beginning, for one that is not ours."""
    prefix = f"{book.bank_id}-"
    return cursor.removeprefix(prefix) if cursor.startswith(prefix) else ""


def statement_view(book: Book, statement: Statement, created_at: str) -> dict[str, Any]:
    """Describe a statement."""
    return {
        "id": statement_id(book, statement),
        "account": account_number(book, statement.currency),
        "sequence": statement.sequence,
        "currency": statement.currency,
        "booked_on": statement.booked_on,
        "opening": statement.opening.text,
        "closing": statement.closing.text,
        "created_at": created_at,
        "lines": [_line_view(book, entry, statement) for entry in statement.entries],
    }


def _line_view(book: Book, entry: Entry, statement: Statement) -> dict[str, Any]:
    payout = book.payouts.get(entry.key or "")
    instruction = None if payout is None else payout.instruction
    return {
        "id": event_id(book, entry.number),
        "amount": entry.amount.text,
        "is_credit": entry.is_credit,
        "is_reversal": entry.is_reversal,
        "booked_on": statement.booked_on,
        "value_on": statement.booked_on,
        "reference": event_id(book, entry.number) if payout is None else payout.reference,
        "key": entry.key,
        "end_to_end_id": None if instruction is None else instruction.end_to_end_id,
        "name": None if instruction is None else instruction.name,
        "account": None if instruction is None else instruction.account,
        "reason": entry.reason,
        "information": "Deposit" if instruction is None else instruction.information,
    }


def account_views(book: Book) -> list[dict[str, Any]]:
    """List the receiving accounts and what each was paid, less what was returned."""
    received: dict[tuple[str, str], list[Payout]] = {}
    for key in book.executed:
        payout = book.payouts[key]
        received.setdefault((payout.instruction.account, payout.instruction.currency), []).append(payout)
    return [
        {
            "account": account,
            "currency": code,
            "payouts": len(payouts),
            "amount": _kept(payouts),
        }
        for (account, code), payouts in received.items()
    ]


def _kept(payouts: Sequence[Payout]) -> str:
    amounts = [each.instruction.money for each in payouts]
    kept = amounts[0] - amounts[0]
    for payout, amount in zip(payouts, amounts, strict=True):
        kept += amount if payout.returned is None else amount - payout.returned
    return kept.text


def _matches(payout: Payout, wanted: PayoutFilter) -> bool:
    instruction = payout.instruction
    return (
        wanted.key in {"", payout.key}
        and wanted.currency in {"", instruction.currency}
        and wanted.account in {"", instruction.account}
    )
