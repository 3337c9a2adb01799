"""Lists of the present state as sources of items, ordered by a key that the token spells."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from roadstead.sandbox.network.history.lists import Order

from .streams import Item

SortKey = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a list: its place, its token and how to write it."""

    key: SortKey
    token: str
    body: Callable[[], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StateList:
    """A list that is put in order when it is asked for."""

    rows: Callable[[], Iterable[Row]]
    parse: Callable[[str], SortKey | None]

    def check(self, cursor: str) -> None:
        """Raise a Problem for a cursor that this list cannot have given out."""
        self.parse(cursor)

    def items(self, cursor: str, order: Order) -> Iterator[Item]:
        """What lies beyond the cursor."""
        after = self.parse(cursor)
        descending = order == "desc"
        for row in sorted(self.rows(), key=lambda row: row.key, reverse=descending):
            if after is None or (row.key < after if descending else row.key > after):
                yield Item(row.token, row.body)
