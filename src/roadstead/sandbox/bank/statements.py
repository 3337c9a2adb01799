"""The bank's statements: one for each account and day on which something was booked, once that day is over."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from roadstead.money import Money
from roadstead.sandbox.bank.book import Book, Entry
from roadstead.sandbox.bank.calendar import BankCalendar
from roadstead.sandbox.bank.faults import FaultKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What was booked on the anchor's account in one currency on one day."""

    booked_on: date
    currency: str
    sequence: int
    opening: Money
    closing: Money
    entries: tuple[Entry, ...]

    @property
    def cursor(self) -> str:
        """What leads past this statement: statements are in the order of these."""
        return f"{self.booked_on.isoformat()}-{self.currency}"


class Statements:
    """Puts the entries of the book under the days to which they belong, as they come."""

    def __init__(self, book: Book, calendar: BankCalendar) -> None:
        self._book = book
        self._calendar = calendar
        self._seen = 0
        self._days: dict[tuple[date, str], list[Entry]] = {}

    def after(self, cursor: str, limit: int, now: datetime) -> Sequence[Statement]:
        """Return the statements of days that are over, after a cursor, oldest first, at most `limit`."""
        self._sort_in()
        found = [each for each in self._all(now) if each.cursor > cursor]
        return found[:limit]

    def _sort_in(self) -> None:
        for entry in self._book.entries[self._seen :]:
            day = self._calendar.open_day(entry.at.date())
            self._days.setdefault((day, entry.amount.asset.code), []).append(entry)
        self._seen = len(self._book.entries)

    def _all(self, now: datetime) -> list[Statement]:
        statements: list[Statement] = []
        last: dict[str, Statement] = {}
        for (day, code), entries in sorted(self._days.items()):
            if day >= now.date():
                break
            before = last.get(code)
            opening = Money(entries[0].amount.asset, 0) if before is None else before.closing
            statement = Statement(
                booked_on=day,
                currency=code,
                sequence=1 if before is None else before.sequence + 1,
                opening=opening,
                closing=opening + _moved(entries),
                entries=tuple(entries),
            )
            last[code] = statement
            statements.append(statement)
        return statements


def damaged(statements: Sequence[Statement], kind: FaultKind) -> Sequence[Statement]:
    """Return statements as a bank that makes a mistake tells them; the first one bears it."""
    if not statements:
        return statements
    first, *rest = statements
    match kind:
        case FaultKind.MISSING_STATEMENT:
            return rest
        case FaultKind.MISSING_LINE:
            return [replace(first, entries=first.entries[:-1]), *rest]
        case FaultKind.REPEATED_LINE:
            return [replace(first, entries=(*first.entries, first.entries[-1])), *rest]
        case FaultKind.WRONG_OPENING:
            one = Money(first.opening.asset, 1)
            return [replace(first, opening=first.opening + one, closing=first.closing + one), *rest]
        case _:
            return statements


def _moved(entries: Sequence[Entry]) -> Money:
    total = Money(entries[0].amount.asset, 0)
    for entry in entries:
        total = total + entry.amount if entry.is_credit else total - entry.amount
    return total
