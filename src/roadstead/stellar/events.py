"""Server-sent events, read from bytes that arrive in pieces of any size (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from roadstead.errors import TooLarge

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event: its kind (`message` where the server names none), its data, and the last id that was seen."""

    kind: str
    id: str
    data: bytes


class EventReader:
    """Puts the events of one stream together, whatever the pieces are cut into.

    An event counts when the empty line after it has come; what is torn off at the end of a stream is not delivered.
    """

    def __init__(self, *, event_bytes_max: int) -> None:
        """Start at the beginning of a stream. `event_bytes_max` limits what one event may hold."""
        self._event_bytes_max = event_bytes_max
        self._pending = b""
        self._searched = 0
        self._started = False
        self._skips_newline = False
        self._kind = ""
        self._id = ""
        self._data: list[bytes] = []
        self._data_bytes = 0

    def feed(self, piece: bytes) -> list[Event]:
        """Take the next bytes and return the events that they complete.

        Raises:
            TooLarge: An event exceeds the limit; the stream must be given up.
        """
        events = []
        for line in self._lines(piece):
            if line:
                self._field(line)
            elif (event := self._dispatch()) is not None:
                events.append(event)
        if len(self._pending) + self._data_bytes > self._event_bytes_max:
            raise TooLarge(
                f"An event of the stream has more than {self._event_bytes_max} bytes: read the list by pages instead."
            )
        return events

    def _lines(self, piece: bytes) -> list[bytes]:
        if self._skips_newline and piece:
            # The carriage return before it already ended the line.
            piece = piece.removeprefix(b"\n")
            self._skips_newline = False
        pending = self._pending + piece
        if not self._started and len(pending) >= len(_BYTE_ORDER_MARK):
            self._started = True
            pending = pending.removeprefix(_BYTE_ORDER_MARK)
        lines, begin = [], 0
        for found in _LINE_END.finditer(pending, self._searched):
            lines.append(pending[begin : found.start()])
            begin = found.end()
            self._skips_newline = found.group() == b"\r" and begin == len(pending)
        self._pending = pending[begin:]
        self._searched = len(self._pending)
        return lines

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"data":
                self._data.append(value)
                self._data_bytes += len(value) + 1
            case b"event":
                self._kind = value.decode(errors="replace")
            case b"id" if b"\0" not in value:
                self._id = value.decode(errors="replace")

    def _dispatch(self) -> Event | None:
        kind, data = self._kind or "message", b"\n".join(self._data)
        has_data = bool(self._data)
        self._kind, self._data, self._data_bytes = "", [], 0
        return Event(kind=kind, id=self._id, data=data) if has_data else None
