"""Server-sent events are the same however the bytes were cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadstead.errors import TooLarge
from roadstead.stellar.events import Event, EventReader

STREAM = (
    b'\xef\xbb\xbfretry: 1000\nevent: open\ndata: "hello"\n\n'
    b': a comment\r\nid: 12884905985\r\ndata: {"a":1}\r\n\r\n'
    b"data: first\rdata:second\r\r"
    b"\n\nid: with\x00nul\ndata\n\n"
    b'retry: 10\nevent: close\ndata: "byebye"\n\n'
    b"id: 99\ndata: torn off"
)
EVENTS = [
    Event(kind="open", id="", data=b'"hello"'),
    Event(kind="message", id="12884905985", data=b'{"a":1}'),
    Event(kind="message", id="12884905985", data=b"first\nsecond"),
    Event(kind="message", id="12884905985", data=b""),
    Event(kind="close", id="12884905985", data=b'"byebye"'),
]


def read(pieces: list[bytes]) -> list[Event]:
    reader = EventReader(event_bytes_max=1000)
    return [event for piece in pieces for event in reader.feed(piece)]


class TestEventReader:
    def test_a_stream_in_one_piece(self) -> None:
        assert read([STREAM]) == EVENTS

    def test_a_stream_byte_by_byte(self) -> None:
        assert read([STREAM[at : at + 1] for at in range(len(STREAM))]) == EVENTS

    @given(st.lists(st.integers(min_value=0, max_value=len(STREAM))))
    def test_a_stream_cut_anywhere(self, cuts: list[int]) -> None:
        places = [0, *sorted(cuts), len(STREAM)]
        assert read([STREAM[a:b] for a, b in pairwise(places)]) == EVENTS

    @given(st.lists(st.binary()))
    def test_any_bytes_are_read_without_failing(self, pieces: list[bytes]) -> None:
        reader = EventReader(event_bytes_max=10**9)
        for piece in pieces:
            reader.feed(piece)

    @pytest.mark.parametrize("piece", [b"x" * 600, b"data: " + b"x" * 600 + b"\n"])
    def test_an_event_without_end_is_given_up(self, piece: bytes) -> None:
        reader = EventReader(event_bytes_max=1000)
        reader.feed(piece)
        with pytest.raises(TooLarge):
            reader.feed(piece)

    def test_many_small_events_are_no_large_one(self) -> None:
        reader = EventReader(event_bytes_max=100)
        assert len(reader.feed(b"data: 1\n\n" * 1000)) == 1000
