"""The JSON that Horizon answers, as far as this server reads it.

A page is read in two steps: first its frame, in which every record stays raw bytes, then each record by itself. So one
record that cannot be understood does not take the others of its page with it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

import msgspec

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
LedgerNumber = Annotated[int, msgspec.Meta(ge=1, lt=2**31)]


class Root(msgspec.Struct, frozen=True, kw_only=True):
    """What Horizon says of itself and of the network, in its answer to `/`."""

    network_passphrase: str
    latest_ledger: LedgerNumber = msgspec.field(name="history_latest_ledger")
    """The last ledger whose history Horizon shows."""
    latest_ledger_closed_at: Moment = msgspec.field(name="history_latest_ledger_closed_at")
    elder_ledger: int = msgspec.field(name="history_elder_ledger", default=1)
    """The first ledger whose history Horizon still has."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list: raw records in the order in which Horizon sent them."""

    records: tuple[bytes, ...]
    latest_ledger: int | None = None
    """The last ledger that the server behind this answer had read, where it says so."""


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """A closed ledger."""

    sequence: LedgerNumber
    closed_at: Moment


class _Embedded(msgspec.Struct, frozen=True):
    records: list[msgspec.Raw]


class _Frame(msgspec.Struct, frozen=True):
    embedded: _Embedded = msgspec.field(name="_embedded")


class _Position(msgspec.Struct, frozen=True):
    paging_token: str


_ledger = msgspec.json.Decoder(Ledger)
_root = msgspec.json.Decoder(Root)
_frame = msgspec.json.Decoder(_Frame)
_position = msgspec.json.Decoder(_Position)

_POSITION_MAX = 2**63 - 1
_POSITION_DIGITS_MAX = 19


def read_root(content: bytes) -> Root:
    """Read the answer to `/`.

    Raises:
        ValueError: It is something else.
    """
    root = _root.decode(content)
    return msgspec.structs.replace(root, latest_ledger_closed_at=_in_utc(root.latest_ledger_closed_at))


def read_ledger(content: bytes) -> Ledger:
    """Read the answer to `/ledgers/{sequence}`.

    Raises:
        ValueError: It is something else.
    """
    ledger = _ledger.decode(content)
    return msgspec.structs.replace(ledger, closed_at=_in_utc(ledger.closed_at))


def read_page(content: bytes) -> Page:
    """Read the frame of a page and leave its records as they came.

    Raises:
        ValueError: It is no page.
    """
    try:
        return Page(records=tuple(bytes(record) for record in _frame.decode(content).embedded.records))
    except msgspec.DecodeError:
        return _read_damaged_page(content)


def position_of(record: bytes) -> int | None:
    """Return the paging token of a record of a list of operations; None when it has none that can be read."""
    try:
        return read_position(_position.decode(record).paging_token)
    except (ValueError, RecursionError):
        return _position_of_damaged(record)


def token_of(record: bytes) -> str | None:
    """Return the paging token of a record of any list, whatever it looks like; None when it has none."""
    try:
        return _position.decode(record).paging_token
    except (ValueError, RecursionError):
        return None


def read_position(text: str) -> int | None:
    """Read a paging token of operations, which is a whole number; None when the text is something else."""
    if not text.isascii() or not text.isdigit() or len(text) > _POSITION_DIGITS_MAX:
        return None
    position = int(text)
    return position if position <= _POSITION_MAX else None


def _read_damaged_page(content: bytes) -> Page:
    """Read a page in which a text is none (half a surrogate, a control character), so that the others are not lost."""
    match json.loads(content.decode(errors="replace"), strict=False):
        case {"_embedded": {"records": [*records]}}:
            return Page(records=tuple(json.dumps(record).encode() for record in records))
    raise ValueError("The answer is no page.")


def _position_of_damaged(record: bytes) -> int | None:
    try:
        match json.loads(record.decode(errors="replace"), strict=False):
            case {"paging_token": str() as token}:
                return read_position(token)
    except (ValueError, RecursionError):
        pass
    return None


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"The moment {moment!s} lies outside of the calendar.") from error
