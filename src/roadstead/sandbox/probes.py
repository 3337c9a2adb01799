"""Ways to tell whether a role is ready, cheap enough to use often."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from urllib.parse import urlsplit

from roadstead.sandbox.logs import RoleLog

Probe = Callable[[RoleLog], Awaitable[bool]]
"""Tells whether a role is ready; is handed the role's log and never raises."""

PROBE_TIMEOUT_S = 2.0
_OK = b" 200 "


def answers_ok(url: str) -> Probe:
    """Return a probe that tells whether a GET of `url` (plain http) answers 200. It never raises."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 80
    target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    request = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode()

    async def probe(_log: RoleLog) -> bool:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                return _OK in await _status_line(host, port, request)
        return False

    return probe


def says(beginning: str) -> Probe:
    """Return a probe that tells whether the role's present process has written a line that begins so."""

    async def probe(log: RoleLog) -> bool:
        return log.line_beginning(beginning) is not None

    return probe


async def _status_line(host: str, port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(host, port, limit=65_536)
    try:
        writer.write(request)
        await writer.drain()
        return await reader.readline()
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
