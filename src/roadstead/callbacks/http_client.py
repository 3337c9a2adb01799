"""The HTTP client for addresses that strangers name: it cannot be led into our own network, nor held up.

A name is resolved once for each call. Every address it has must be public, or nothing is called; what is then connected
to is one of the addresses that were looked at, because the connection is given addresses and never the name. Redirects
are not followed, proxies and credentials of the environment are not used, connections are not kept, and the whole call,
from the name to the last byte, has one deadline and a size limit.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, Protocol

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from roadstead.callbacks.addresses import refusal
from roadstead.callbacks.targets import HTTPS_PORT, Target, TargetRefused, parse_target
from roadstead.errors import Unavailable

TIMEOUT_S = 10.0
"""For a whole call."""
CONNECTIONS_MAX = 32
CONNECTIONS_PER_HOST_MAX = 4
LOOKUPS_MAX = 8
ANSWER_BYTES_MAX = 8_000
"""How much of the answer to a callback is read; the rest is left."""

_ADDRESSES_TRIED_MAX = 4
_HEADER_BYTES_MAX = 8_190
_HEADERS_MAX = 64
_OK = 200

AddressRule = Callable[[str], str | None]
"""Says why an address must not be called, or None when it may be."""


class NoAnswerReason(StrEnum):
    """Why there was no answer."""

    NAME = "name"
    """The host's name cannot be resolved."""
    CONNECTION = "connection"
    """Nobody listens, or the connection ended before a whole answer."""
    TLS = "tls"
    """The certificate does not hold, or the other side speaks no TLS that we do."""
    TIMEOUT = "timeout"
    UNREADABLE = "unreadable"
    """What came is no HTTP, or exceeds a limit."""


class NoAnswer(Unavailable):
    """There was no good answer; whether the other side acted is not known."""

    code = "no_answer"

    def __init__(self, message: str, *, reason: NoAnswerReason) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer, as much of it as was read."""

    status: int
    content: bytes
    is_whole: bool
    """Whether the body ended before the limits did."""


class Lookup(Protocol):
    """Resolves names."""

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """Return every IP address of a host.

        Raises:
            OSError: The name cannot be resolved.
        """
        ...


class SystemLookup:
    """The operating system's resolver, in threads of its own: slow name servers hold up nobody else, nor the end.

    At most `LOOKUPS_MAX` questions are under way; one that nobody waits for any more keeps its place until the system
    gives up.
    """

    def __init__(self, ask: Callable[[str, int], list[str]] | None = None) -> None:
        """Take a blocking function that resolves a name, in the place of the system's for rehearsals."""
        self._ask = ask or _ask_system
        self._places = asyncio.Semaphore(LOOKUPS_MAX)

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """Return every IP address of a host. See `Lookup.addresses`."""
        await self._places.acquire()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[str]] = loop.create_future()

        def give(found: list[str] | Exception) -> None:
            self._places.release()
            if answer.done():
                return
            if isinstance(found, Exception):
                answer.set_exception(found)
            else:
                answer.set_result(found)

        def ask() -> None:
            found: list[str] | Exception
            try:
                found = self._ask(host, port)
            except Exception as error:  # noqa: BLE001 - handed to whoever asked
                found = error
            # The loop may have ended before the name server answered.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(give, found)

        # A daemon: a name server that does not answer must not hold up the end of the process.
        try:
            threading.Thread(target=ask, name="lookup", daemon=True).start()
        except RuntimeError as error:
            self._places.release()
            raise OSError(f"no thread can be started to look {host} up") from error
        return await answer


def _ask_system(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


class _CheckedResolver(AbstractResolver):
    """Gives aiohttp addresses to connect to, all of them checked; it asks once for each connection."""

    def __init__(self, lookup: Lookup, check: Callable[[str, str], None]) -> None:
        self._lookup = lookup or SystemLookup()
        self._check = check

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - aiohttp's interface
    ) -> list[ResolveResult]:
        addresses = await self._lookup.addresses(host, port)
        if not addresses:
            raise OSError(f"{host} has no address")
        for address in addresses:
            self._check(host, address)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in addresses[:_ADDRESSES_TRIED_MAX]
        ]

    async def close(self) -> None:
        """Nothing to release."""


class SafeClient:
    """Calls URLs that strangers named. One instance serves all tasks of one event loop; `close` it at the end.

    At most `connections_max` calls run at once and `CONNECTIONS_PER_HOST_MAX` to one host; others wait for their turn
    inside their deadline.
    """

    def __init__(
        self,
        *,
        private_allowed: bool,
        timeout_s: float = TIMEOUT_S,
        connections_max: int = CONNECTIONS_MAX,
        lookup: Lookup | None = None,
        address_rule: AddressRule | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Set the limits; nothing is contacted yet.

        `private_allowed` (the network's profile decides) lets calls go to loopback and private addresses, to any
        port, and over plain http. `address_rule`, `lookup` and `tls` take the places of the usual ones in rehearsals.
        """
        self._private_allowed = private_allowed
        self._timeout_s = timeout_s
        self._connections_max = connections_max
        self._lookup = lookup or SystemLookup()
        self._rule = address_rule or partial(refusal, private_allowed=private_allowed)
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    def parse(self, url: str) -> Target:
        """Read a URL under this client's rules, without calling it.

        Raises:
            TargetRefused: The URL must not be called.
        """
        target = parse_target(url, http_allowed=self._private_allowed)
        if target.address is not None:
            self._check(target.authority, target.address)
        return target

    async def post(self, target: Target, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send these very bytes as JSON and return the answer, whatever its status; a redirect is an answer too.

        Raises:
            TargetRefused: An address of the host must not be called; nothing was sent.
            NoAnswer: There was no answer; the other side may have the bytes or not.
        """
        named = {**headers, "Content-Type": "application/json"}
        return await self._exchange("POST", target, named, body, ANSWER_BYTES_MAX)

    async def fetch_text(self, url: str, bytes_max: int) -> str:
        """Fetch a text of at most `bytes_max` bytes in UTF-8, such as a stellar.toml; safe to repeat.

        Raises:
            TargetRefused: The URL, its port or an address of its host must not be called.
            NoAnswer: There is no whole text of that size with status 200 at that URL.
        """
        target = self.parse(url)
        if target.port != HTTPS_PORT and not self._private_allowed:
            raise TargetRefused(f"{target.authority} names a port other than 443: publish it at 443.")
        answer = await self._exchange("GET", target, {}, None, bytes_max)
        if answer.status != _OK:
            raise _unreadable(target, f"it was answered with status {answer.status}")
        if not answer.is_whole:
            raise _unreadable(target, f"it did not end within {bytes_max} bytes and {self._timeout_s:g} s")
        try:
            return answer.content.decode()
        except UnicodeDecodeError as error:
            raise _unreadable(target, "it is not UTF-8") from error

    async def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _exchange(
        self, method: str, target: Target, headers: Mapping[str, str], body: bytes | None, bytes_max: int
    ) -> Answer:
        if target.address is not None:
            self._check(target.authority, target.address)
        status: int | None = None
        content = bytearray()
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._opened().request(
                    method,
                    target.url,
                    headers={**headers, "Host": target.authority},
                    data=body,
                    allow_redirects=False,
                ) as response,
            ):
                status = response.status
                async for piece in response.content.iter_any():
                    content += piece
                    if len(content) > bytes_max:
                        break
                is_whole = len(content) <= bytes_max
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Once there is a status, the other side has answered; how it ended only concerns who needs the body.
            if status is None:
                raise _no_answer(target, error) from error
            is_whole = False
        return Answer(status=status, content=bytes(content[:bytes_max]), is_whole=is_whole)

    def _check(self, host: str, address: str) -> None:
        reason = self._rule(address)
        if reason is not None:
            raise TargetRefused(
                f"{host} is at {address}, which is not called: {reason}. Use a public address."
            )

    def _open_socket(self, place: tuple[Any, ...]) -> socket.socket:
        """Open the socket of a connection; the last look at where it leads."""
        family, kind, protocol, _, address = place
        reason = self._rule(str(address[0]))
        if reason is not None:
            raise PermissionError(f"{address[0]} is not called: {reason}")
        return socket.socket(family, kind, protocol)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=_CheckedResolver(self._lookup, self._check),
                    use_dns_cache=False,
                    force_close=True,
                    limit=self._connections_max,
                    limit_per_host=CONNECTIONS_PER_HOST_MAX,
                    socket_factory=self._open_socket,
                    ssl=True if self._tls is None else self._tls,
                ),
                # The one deadline is around the whole call.
                timeout=aiohttp.ClientTimeout(total=None),
                headers={"User-Agent": "Roadstead", "Accept": "*/*", "Accept-Encoding": "identity"},
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                read_bufsize=16_384,
                max_line_size=_HEADER_BYTES_MAX,
                max_field_size=_HEADER_BYTES_MAX,
                max_headers=_HEADERS_MAX,
            )
        return self._session


def _no_answer(target: Target, error: Exception) -> NoAnswer:
    match error:
        case TimeoutError():
            reason = NoAnswerReason.TIMEOUT
        case aiohttp.ClientConnectorDNSError() | socket.gaierror():
            reason = NoAnswerReason.NAME
        case aiohttp.ClientSSLError() | ssl.SSLError():
            reason = NoAnswerReason.TLS
        case aiohttp.ClientResponseError() | ValueError():
            reason = NoAnswerReason.UNREADABLE
        case _:
            reason = NoAnswerReason.CONNECTION
    detail = str(error)[:200] or type(error).__name__
    return NoAnswer(f"{target.authority} gave no answer ({reason}: {detail}).", reason=reason)


def _unreadable(target: Target, what: str) -> NoAnswer:
    return NoAnswer(
        f"The text at {target.url[:200]} cannot be used: {what}.", reason=NoAnswerReason.UNREADABLE
    )
