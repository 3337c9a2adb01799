"""The lists of history as sources of items: what a page or a stream is cut from."""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from roadstead.sandbox.network.history.lists import Order, walk
from roadstead.sandbox.network.history.records import LedgerRecord, TransactionRecord

from .face import Face
from .paging import parse_number_cursor, parse_pair_cursor
from .resources import (
    Resource,
    effect_resource,
    ledger_resource,
    operation_resource,
    transaction_resource,
)
from .streams import Item

Numbers = Callable[[], "array[int]"]
_ALL = 0xFFF


class Source(Protocol):
    """A list that can be paged through."""

    def check(self, cursor: str) -> None:
        """Raise a Problem for a cursor that this list cannot have given out."""

    def items(self, cursor: str, order: Order) -> Iterator[Item]:
        """What lies beyond the cursor."""


def latest_cursor(face: Face) -> str:
    """What `now` stands for."""
    return str(face.ceiling)


def _record(face: Face, toid: int) -> TransactionRecord:
    record = face.network.history.transaction(toid)
    if record is None:
        raise LookupError(f"History lists {toid} but does not hold it.")
    return record


def _ledger(face: Face, sequence: int) -> LedgerRecord:
    return face.network.history.ledgers[sequence - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class _ByNumber:
    """Lists whose tokens are single numbers."""

    face: Face
    base: str
    numbers: Numbers
    shown: Callable[[int], bool]

    def check(self, cursor: str) -> None:
        """Raise a Problem for a cursor that is no number."""
        parse_number_cursor(cursor)

    def items(self, cursor: str, order: Order) -> Iterator[Item]:
        """What lies beyond the cursor and is visible."""
        ceiling = self.face.ceiling
        for number in walk(self.numbers(), parse_number_cursor(cursor), order):
            if number > ceiling:
                if order == "asc":
                    return
                continue
            if self.shown(number):
                yield Item(str(number), self.writer(number))

    def writer(self, number: int) -> Callable[[], Resource]:
        """How the record with this number is written."""
        raise LookupError(number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transactions(_ByNumber):
    """A list of transactions."""

    def writer(self, number: int) -> Callable[[], Resource]:
        """How this transaction is written."""

        def write() -> Resource:
            record = _record(self.face, number)
            return transaction_resource(record, _ledger(self.face, record.ledger), self.base)

        return write


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations(_ByNumber):
    """A list of operations or payments."""

    joined: bool = False

    def writer(self, number: int) -> Callable[[], Resource]:
        """How this operation is written."""

        def write() -> Resource:
            record = _record(self.face, number)
            return operation_resource(
                record,
                (number & _ALL) - 1,
                _ledger(self.face, record.ledger),
                self.base,
                joined=self.joined,
            )

        return write


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledgers:
    """The list of ledgers, from the first that history tells of."""

    face: Face
    base: str
    elder: int

    def check(self, cursor: str) -> None:
        """Raise a Problem for a cursor that is no number."""
        parse_number_cursor(cursor)

    def items(self, cursor: str, order: Order) -> Iterator[Item]:
        """The ledgers beyond the cursor."""
        number = parse_number_cursor(cursor)
        latest = self.face.visible_ledger
        if order == "asc":
            first = self.elder if number is None else max(self.elder, (number >> 32) + 1)
            sequences = range(first, latest + 1)
        else:
            last = latest if number is None else min(latest, (number - 1) >> 32)
            sequences = range(last, self.elder - 1, -1)
        for sequence in sequences:
            yield Item(str(sequence << 32), self._writer(sequence))

    def _writer(self, sequence: int) -> Callable[[], Resource]:
        return lambda: ledger_resource(_ledger(self.face, sequence), self.base)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """A list of effects, of one account or of all."""

    face: Face
    base: str
    numbers: Numbers
    owner: str | None = None

    def check(self, cursor: str) -> None:
        """Raise a Problem for a cursor that is no pair of numbers."""
        parse_pair_cursor(cursor)

    def items(self, cursor: str, order: Order) -> Iterator[Item]:
        """The effects beyond the cursor."""
        pair = parse_pair_cursor(cursor)
        ceiling = self.face.ceiling
        for number in walk(self.numbers(), _inclusive(pair, order), order):
            if number > ceiling:
                if order == "asc":
                    return
                continue
            yield from self._of_operation(number, pair, order)

    def _of_operation(self, number: int, pair: tuple[int, int] | None, order: Order) -> Iterator[Item]:
        record = _record(self.face, number)
        position = (number & _ALL) - 1
        effects = list(enumerate(record.operations[position].effects, start=1))
        for place, effect in effects if order == "asc" else reversed(effects):
            if self.owner is not None and effect.account != self.owner:
                continue
            if pair is not None and not _beyond((number, place), pair, order):
                continue
            yield Item(f"{number}-{place}", self._writer(record, position, place))

    def _writer(self, record: TransactionRecord, position: int, place: int) -> Callable[[], Resource]:
        ledger = _ledger(self.face, record.ledger)
        return lambda: effect_resource(record, position, place, ledger, self.base)


def _inclusive(pair: tuple[int, int] | None, order: Order) -> int | None:
    """Where to start so that the operation of the cursor itself is looked at again."""
    if pair is None:
        return None
    return max(0, pair[0] - 1) if order == "asc" else pair[0] + 1


def _beyond(place: tuple[int, int], cursor: tuple[int, int], order: Order) -> bool:
    if cursor[1] < 0:
        return place[0] > cursor[0] if order == "asc" else place[0] < cursor[0]
    return place > cursor if order == "asc" else place < cursor
