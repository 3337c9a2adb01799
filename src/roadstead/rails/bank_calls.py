"""HTTP calls to one bank: one deadline, bounded answers, no redirects, no cookies, and nothing repeated by itself."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlencode

import aiohttp
import msgspec
from yarl import URL

from roadstead.rails.message_signatures import Request

ANSWER_MAX_BYTES = 1024 * 1024
_JSON = "application/json"


class NoAnswer(Exception):
    """No answer came that can be read and believed; the message says why."""


class Seal(Protocol):
    """How the two sides prove themselves to each other."""

    def sealed(self, request: Request) -> Request:
        """Return a request that proves who sends it."""
        ...

    def open(self, request: Request, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Check that an answer is the bank's.

        Raises:
            NoAnswer: It is not provably so.
        """
        ...


class BankCalls:
    """Calls one bank. Safe to share between all tasks of one event loop; `close` it at the end."""

    def __init__(
        self, base_url: str, *, timeout_s: float, seal: Seal, tls: ssl.SSLContext | None = None
    ) -> None:
        """Describe the bank; nothing is contacted yet. `tls` takes the place of the usual trust."""
        self._base_url = base_url.rstrip("/")
        self._timeout_s = timeout_s
        self._seal = seal
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def call(
        self,
        method: str,
        path: str,
        *,
        content: Any = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        bytes_max: int = ANSWER_MAX_BYTES,
    ) -> tuple[int, bytes]:
        """Return the status and the body of the bank's own answer, whatever they are.

        Raises:
            NoAnswer: None came, or none that is provably the bank's; what was asked may have been done or not.
        """
        request = self._seal.sealed(
            Request(
                method=method,
                url=f"{self._base_url}{path}{'?' + urlencode(query) if query else ''}",
                headers={"Content-Type": _JSON, **(headers or {})},
                body=b"" if content is None else msgspec.json.encode(content),
            )
        )
        try:
            async with self._opened().request(
                method,
                URL(request.url, encoded=True),
                data=request.body or None,
                headers=request.headers,
                allow_redirects=False,
            ) as response:
                body = await _bounded(response, bytes_max)
                lines = _joined(response)
        except TimeoutError as error:
            raise NoAnswer(f"nothing came within {self._timeout_s:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NoAnswer(type(error).__name__) from error
        self._seal.open(request, response.status, lines, body)
        return response.status, body

    async def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        """Open the session at the first call, because it belongs to the event loop that runs then."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=True if self._tls is None else self._tls),
                timeout=aiohttp.ClientTimeout(total=self._timeout_s),
                headers={"User-Agent": "Roadstead", "Accept": _JSON, "Accept-Encoding": "identity"},
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                middlewares=(_once,),
            )
        return self._session


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from repeating a cut request by itself: whether to repeat is decided above the rail."""
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientError(f"The connection was cut: {type(error).__name__}.") from error


async def _bounded(response: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > bytes_max:
            raise NoAnswer(f"the answer exceeds {bytes_max} bytes")
    return bytes(body)


def _joined(response: aiohttp.ClientResponse) -> dict[str, str]:
    """Return the headers with repeated ones joined, as RFC 9110 has it."""
    found: dict[str, str] = {}
    for name, value in response.headers.items():
        lower = name.lower()
        found[lower] = f"{found[lower]}, {value}" if lower in found else value
    return found
