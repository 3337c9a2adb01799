"""HTTP as a sending anchor does it: bounded in time and size, patient with a server that is away for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
import msgspec

from roadstead.errors import BadInput, Unavailable
from roadstead.money import parse_decimal

CALL_TIMEOUT_S = 60.0
"""Longer than a Stellar submission takes to be seen in a ledger."""

CONNECT_TIMEOUT_S = 10.0
BODY_MAX_BYTES = 2_000_000
RETRY_PAUSE_S = 0.25
_AWAY = frozenset({429, 502, 503, 504})
_SAID_MAX = 400


class Refused(BadInput):
    """The other side answered, and said no; `status` is its HTTP status and `answer` what it said."""

    code = "refused_by_anchor"

    def __init__(self, message: str, *, status: int, answer: Any) -> None:
        super().__init__(message)
        self.status = status
        self.answer = answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole HTTP answer."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON, or None when it is none."""
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError:
            return None


class Calls:
    """A small HTTP client. Use it as an async context manager.

    A call whose server cannot be reached, or answers that it is away, is repeated for `patience_s`; every call made
    through this class must therefore be one that may arrive twice.
    """

    def __init__(self, *, patience_s: float = 15.0) -> None:
        self._patience_s = patience_s
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the connections."""
        timeout = aiohttp.ClientTimeout(total=CALL_TIMEOUT_S, sock_connect=CONNECT_TIMEOUT_S)
        self._session = aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=32))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def once(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str] | aiohttp.FormData | None = None,
        redirects: bool = False,
    ) -> Answer:
        """Make one call and return the answer, whatever its status.

        Raises:
            Unavailable: No whole answer came; the other side may or may not have acted.
        """
        if self._session is None:
            raise Unavailable("The connections are not open: use this client in an `async with` block.")
        try:
            async with self._session.request(
                method,
                url,
                headers=dict(headers or {}) | ({} if json is None else {"Content-Type": "application/json"}),
                params=query,
                data=form if json is None else msgspec.json.encode(json),
                allow_redirects=redirects,
            ) as response:
                return Answer(status=response.status, body=await _body(response))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            said = str(error) or type(error).__name__
            raise Unavailable(f"{method} {url} got no answer ({said}): is the server running?") from error
        except ValueError as error:
            raise BadInput(f"{url} is not a URL that can be called ({error}).") from error

    async def patiently(self, method: str, url: str, **arguments: Any) -> Answer:
        """Make a call, again and again while the server is away; arguments as for `once`.

        Raises:
            Unavailable: The server stayed away for as long as patience lasted.
        """
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + self._patience_s
        while True:
            try:
                answer = await self.once(method, url, **arguments)
                if answer.status not in _AWAY or loop.time() >= deadline_s:
                    return answer
            except Unavailable:
                if loop.time() >= deadline_s:
                    raise
            await asyncio.sleep(RETRY_PAUSE_S)

    async def expect(
        self, method: str, url: str, *, statuses: tuple[int, ...] = (200,), **arguments: Any
    ) -> Any:
        """Make a call patiently and return its JSON; arguments as for `once`.

        Raises:
            Refused: The answer has another status, or is no JSON object.
            Unavailable: The server stayed away.
        """
        answer = await self.patiently(method, url, **arguments)
        content = answer.json()
        if answer.status in statuses and isinstance(content, dict):
            return content
        raise Refused(
            f"{method} {url} was answered with {answer.status}: {_said(answer, content)}",
            status=answer.status,
            answer=content,
        )


def exact_number(amount: str) -> msgspec.Raw:
    """Return an amount as the JSON number with exactly these digits, which no float could promise.

    Raises:
        InvalidAmount: The text is no plain decimal number.
    """
    parse_decimal(amount)
    return msgspec.Raw(amount.encode())


async def _body(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        body += chunk
        if len(body) > BODY_MAX_BYTES:
            raise BadInput(f"{response.url} answered with more than {BODY_MAX_BYTES} bytes; it was not read.")
    return bytes(body)


def _said(answer: Answer, content: Any) -> str:
    """Return what the other side gave as its reason."""
    if isinstance(content, dict):
        error = content.get("error") or content.get("title")
        if error == "customer_info_needed":
            return f"customer_info_needed (type {content.get('type', 'not named')})"
        if isinstance(error, str):
            return error[:_SAID_MAX]
    return answer.body[:_SAID_MAX].decode(errors="replace") or "an empty body"
