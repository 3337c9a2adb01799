"""Ask a local server whether it is ready, with nothing but a socket: cheap enough to ask often."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from urllib.parse import urlsplit

Probe = Callable[[], Awaitable[bool]]
PROBE_TIMEOUT_S = 2.0
_OK = b" 200 "


def answers_ok(url: str) -> Probe:
    """Return a probe that tells whether a GET of `url` (plain http) answers 200. It never raises."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 80
    target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    request = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode()

    async def probe() -> bool:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                return _OK in await _status_line(host, port, request)
        return False

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
