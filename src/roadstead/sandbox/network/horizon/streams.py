"""Server-sent events, frame by frame as Horizon sends them."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from starlette.responses import StreamingResponse

from .answers import compact
from .face import Face, wait_for

HELLO = b'retry: 1000\nevent: open\ndata: "hello"\n\n'
BYEBYE = b'retry: 10\nevent: close\ndata: "byebye"\n\n'
STATE_EVENTS_MAX = 10

_HEADERS = {
    "Cache-Control": "no-cache",
    "Connection": "keep-alive",
    "Access-Control-Allow-Origin": "*",
}


@dataclass(frozen=True, slots=True)
class Item:
    """One record of a list: its paging token and how to write it."""

    token: str
    body: Callable[[], dict[str, Any]]


def frame(item_token: str | None, body: dict[str, Any]) -> bytes:
    """One event."""
    identity = b"" if item_token is None else f"id: {item_token}\n".encode()
    return identity + b"data: " + compact(body) + b"\n\n"


class StreamBroken(Exception):
    """The connection is to be dropped in the middle."""


def _copies(face: Face, item: Item) -> bytes:
    content = frame(item.token, item.body())
    return content * face.faults.copies()


async def list_events(
    face: Face, walk: Callable[[str], Iterator[Item]], cursor: str, limit: int
) -> AsyncIterator[bytes]:
    """The events of a list: what is there beyond the cursor, then what comes."""
    yield HELLO
    deadline = time.monotonic() + face.stream_timeout_s
    ending = face.ending
    sent = 0
    drop_after = face.faults.drop_after()
    while True:
        news = face.news
        for item in walk(cursor):
            if drop_after is not None and sent >= drop_after:
                raise StreamBroken
            content = _copies(face, item)
            cursor = item.token
            if content:
                yield content
            sent += 1
            if sent >= limit:
                yield BYEBYE
                return
        if drop_after is not None and sent >= drop_after:
            raise StreamBroken
        left = deadline - time.monotonic()
        if ending.is_set() or left <= 0 or not await wait_for(news, left):
            yield BYEBYE
            return


async def state_events(face: Face, look: Callable[[], dict[str, Any]]) -> AsyncIterator[bytes]:
    """The events of a single resource: its state, and again whenever it changed."""
    yield HELLO
    deadline = time.monotonic() + face.stream_timeout_s
    last: bytes | None = None
    ending = face.ending
    sent = 0
    while True:
        news = face.news
        content = frame(None, look())
        if content != last:
            last = content
            yield content
            sent += 1
        left = deadline - time.monotonic()
        if sent >= STATE_EVENTS_MAX or ending.is_set() or left <= 0:
            break
        if not await wait_for(news, left):
            break
    yield BYEBYE


def stream_answer(events: AsyncIterator[bytes]) -> StreamingResponse:
    """The response that carries events."""
    return StreamingResponse(events, headers=_HEADERS, media_type="text/event-stream; charset=utf-8")
