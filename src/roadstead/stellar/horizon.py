"""Horizon, the HTTP window on a Stellar network: its root and ledgers, and what concerns one account.

Horizon is read as a stranger: every call has a deadline, every answer a size limit, redirects are not followed, and
whatever is not a good answer is one error, `HorizonFault`, after which the same call may be repeated.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

import aiohttp
import msgspec

from roadstead.boundaries import boundary
from roadstead.errors import TooLarge, Unavailable
from roadstead.stellar.events import Event, EventReader
from roadstead.stellar.records import Ledger, Page, Root, read_ledger, read_page, read_position, read_root

PAGE_RECORDS_MAX = 200
"""Most records that Horizon puts on a page."""

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 15.0
STREAM_IDLE_TIMEOUT_S = 65.0
"""Horizon ends a stream after 55 seconds by itself; a longer silence is a dead connection."""
ANSWER_BYTES_MAX = 32 * 1024 * 1024
EVENT_BYTES_MAX = 8 * 1024 * 1024

_STREAM_AGE_MAX_S = 600.0
_PROBLEM_BYTES_MAX = 4096
_CONNECTIONS_MAX = 8
_OK = 200
_HINTS = {
    404: "Perhaps the account does not exist on this network yet: fund it, or correct the address.",
    429: "It allows fewer requests: the call is repeated more slowly.",
}
_HELLO = b'"hello"'
_Answer = TypeVar("_Answer")
_FAREWELL = b'"byebye"'


class HorizonFault(Unavailable):
    """Horizon gave no good answer; the call changed nothing and may be repeated."""

    code = "horizon_fault"

    def __init__(self, message: str, *, reason: str) -> None:
        """Carry, beside the message, a short word for metrics (`status_503`, `timeout`, `unreadable`...)."""
        super().__init__(message)
        self.reason = reason


class AnswerTooLarge(HorizonFault):
    """The answer exceeds the limit; ask for fewer records at a time."""

    code = "horizon_answer_too_large"


class Horizon(Protocol):
    """What the server asks of Horizon."""

    @property
    def url(self) -> str:
        """Where it is, for logs and people."""
        ...

    async def root(self) -> Root:
        """Return the network's passphrase and the last ledger shown.

        Raises:
            HorizonFault: There is no good answer.
        """
        ...

    async def operations(self, account: str, cursor: str, limit: int = PAGE_RECORDS_MAX) -> Page:
        """Return the operations of an account after a cursor, oldest first, each with its transaction.

        Operations of failed transactions are left out.

        Raises:
            AnswerTooLarge: The page exceeds the size limit; a smaller `limit` may help.
            HorizonFault: There is no good answer.
        """
        ...

    async def ledger(self, sequence: int) -> Ledger | None:
        """Return a closed ledger; None when Horizon does not have it (any more, or yet).

        Raises:
            HorizonFault: There is no good answer.
        """
        ...

    async def effects(self, operation_id: int) -> Page:
        """Return the effects of an operation, the first `PAGE_RECORDS_MAX` of them.

        Raises:
            HorizonFault: There is no good answer.
        """
        ...

    async def claimable_balances(self, claimant: str, cursor: str | None = None) -> Page:
        """Return a page of the balances that an account may claim.

        Raises:
            HorizonFault: There is no good answer.
        """
        ...

    def stream(self, account: str, cursor: str) -> AsyncGenerator[tuple[str, bytes], None]:
        """Yield the operations of an account after a cursor as they happen: the event's id and the raw record.

        It ends when Horizon says goodbye or the connection ends, which happens every minute or so; records may be
        missing at the end or come twice after it, so only pages tell what was surely read.

        Raises:
            HorizonFault: The stream cannot be opened, breaks, or stays silent for too long.
        """
        ...


class _Problem(msgspec.Struct, frozen=True):
    title: str = ""


_problem = msgspec.json.Decoder(_Problem)


class HorizonClient:
    """A Horizon server at a URL. One instance serves all tasks of one event loop; `close` it at the end."""

    def __init__(
        self,
        url: str,
        *,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
        stream_idle_timeout_s: float = STREAM_IDLE_TIMEOUT_S,
        answer_bytes_max: int = ANSWER_BYTES_MAX,
        event_bytes_max: int = EVENT_BYTES_MAX,
    ) -> None:
        """Remember the address and the limits; nothing is contacted yet."""
        self._url = url.rstrip("/")
        self._answer_timeout_s = answer_timeout_s
        self._stream_idle_timeout_s = stream_idle_timeout_s
        self._answer_bytes_max = answer_bytes_max
        self._event_bytes_max = event_bytes_max
        self._session: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        """Where it is. See `Horizon.url`."""
        return self._url

    async def root(self) -> Root:
        """Return the network's passphrase and the last ledger shown. See `Horizon.root`."""
        return await self._read("/", {}, read_root)

    async def ledger(self, sequence: int) -> Ledger | None:
        """Return a closed ledger. See `Horizon.ledger`."""
        try:
            return await self._read(f"/ledgers/{sequence}", {}, read_ledger)
        except HorizonFault as error:
            if error.reason in {"status_404", "status_410"}:
                return None
            raise

    async def effects(self, operation_id: int) -> Page:
        """Return the effects of an operation. See `Horizon.effects`."""
        query = {"limit": str(PAGE_RECORDS_MAX), "order": "asc"}
        return await self._read(f"/operations/{operation_id}/effects", query, read_page)

    async def claimable_balances(self, claimant: str, cursor: str | None = None) -> Page:
        """Return a page of the balances that an account may claim. See `Horizon.claimable_balances`."""
        query = {"claimant": claimant, "limit": str(PAGE_RECORDS_MAX), "order": "asc"}
        if cursor is not None:
            query["cursor"] = cursor
        return await self._read("/claimable_balances", query, read_page)

    async def operations(self, account: str, cursor: str, limit: int = PAGE_RECORDS_MAX) -> Page:
        """Return the operations of an account after a cursor. See `Horizon.operations`."""
        return await self._read(f"/accounts/{account}/operations", _list_query(cursor, limit), read_page)

    async def stream(self, account: str, cursor: str) -> AsyncGenerator[tuple[str, bytes], None]:
        """Yield the operations of an account as they happen. See `Horizon.stream`."""
        path = f"/accounts/{account}/operations"
        limits = aiohttp.ClientTimeout(
            total=_STREAM_AGE_MAX_S, sock_connect=CONNECT_TIMEOUT_S, sock_read=self._stream_idle_timeout_s
        )
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity", "Cache-Control": "no-cache"}
        query = _list_query(cursor, PAGE_RECORDS_MAX)
        async with self._asked(path, query, headers=headers, limits=limits) as response:
            if response.content_type != "text/event-stream":
                raise self._unreadable(path)
            async for event in self._events(response):
                if event.data == _FAREWELL or event.kind == "close":
                    return
                if event.kind == "error":
                    raise HorizonFault(
                        f"Horizon at {self._url} ended the stream of {path} with an error. It is opened again.",
                        reason="stream_error",
                    )
                if event.data != _HELLO:
                    yield event.id, event.data

    async def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _events(self, response: aiohttp.ClientResponse) -> AsyncIterator[Event]:
        reader = EventReader(event_bytes_max=self._event_bytes_max)
        try:
            async for piece in response.content.iter_any():
                for event in reader.feed(piece):
                    yield event
        except TooLarge as error:
            raise AnswerTooLarge(error.message, reason="too_large") from error

    async def _read(self, path: str, query: Mapping[str, str], reader: Callable[[bytes], _Answer]) -> _Answer:
        content, latest_ledger = await self._get(path, query)
        try:
            answer = reader(content)
        except (ValueError, RecursionError) as error:
            raise self._unreadable(path) from error
        if isinstance(answer, Page):
            return msgspec.structs.replace(answer, latest_ledger=latest_ledger)
        return answer

    async def _get(self, path: str, query: Mapping[str, str]) -> tuple[bytes, int | None]:
        limits = aiohttp.ClientTimeout(total=self._answer_timeout_s, sock_connect=CONNECT_TIMEOUT_S)
        headers = {"Accept": "application/hal+json, application/json"}
        boundary("horizon.read.before")
        async with self._asked(path, query, headers=headers, limits=limits) as response:
            content = await _read_at_most(response, self._answer_bytes_max)
            latest_ledger = read_position(response.headers.get("Latest-Ledger", ""))
        boundary("horizon.read.after")
        if content is None:
            raise AnswerTooLarge(
                f"Horizon at {self._url} answered {path} with more than {self._answer_bytes_max} bytes. Ask for fewer "
                "records at a time.",
                reason="too_large",
            )
        return content, latest_ledger

    @asynccontextmanager
    async def _asked(
        self,
        path: str,
        query: Mapping[str, str],
        *,
        headers: Mapping[str, str],
        limits: aiohttp.ClientTimeout,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            async with self._opened().get(
                self._url + path, params=query, headers=headers, timeout=limits, allow_redirects=False
            ) as response:
                if response.status != _OK:
                    raise await self._refused(path, response)
                yield response
        except TimeoutError as error:
            raise HorizonFault(
                f"Horizon at {self._url} did not answer {path} in time. The call is repeated; if it stays so, check "
                "ROADSTEAD_HORIZON_URLS and the network.",
                reason="timeout",
            ) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise HorizonFault(
                f"Horizon at {self._url} cannot be read at {path} ({type(error).__name__}). The call is repeated; if "
                "it stays so, check ROADSTEAD_HORIZON_URLS and the network.",
                reason="connection",
            ) from error

    async def _refused(self, path: str, response: aiohttp.ClientResponse) -> HorizonFault:
        content = await _read_at_most(response, _PROBLEM_BYTES_MAX)
        try:
            title = _problem.decode(content or b"{}").title[:80]
        except (ValueError, RecursionError):
            title = ""
        hint = _HINTS.get(response.status, "The call is repeated.")
        return HorizonFault(
            f"Horizon at {self._url} answered {path} with status {response.status} {title!r}. {hint}",
            reason=f"status_{response.status}",
        )

    def _unreadable(self, path: str) -> HorizonFault:
        return HorizonFault(
            f"What answers at {self._url}{path} does not speak as Horizon does. Check ROADSTEAD_HORIZON_URLS.",
            reason="unreadable",
        )

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_CONNECTIONS_MAX),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def _list_query(cursor: str, limit: int) -> dict[str, str]:
    return {"cursor": cursor, "limit": str(limit), "order": "asc", "join": "transactions"}


async def _read_at_most(response: aiohttp.ClientResponse, bytes_max: int) -> bytes | None:
    """Read a body; None when it is longer than the limit."""
    pieces, size = [], 0
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > bytes_max:
            return None
        pieces.append(piece)
    return b"".join(pieces)
