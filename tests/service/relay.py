"""A TCP relay that can fall silent: connections stay open and nothing passes, as behind a broken firewall."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


class Relay:
    """Passes bytes between clients and one server until it is told to swallow or to cut."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._passes = asyncio.Event()
        self._passes.set()
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""

    @classmethod
    @asynccontextmanager
    async def to(cls, url: str) -> AsyncIterator[Relay]:
        """Relay to the server of a URL; `relay.url` is the same URL through the relay."""
        parts = urlsplit(url)
        relay = cls(parts.hostname or "", parts.port or 0)
        server = await asyncio.start_server(relay._accept, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        user = parts.netloc.rpartition("@")[0]
        relay.url = parts._replace(netloc=f"{user}@127.0.0.1:{port}").geturl()
        try:
            yield relay
        finally:
            server.close()
            relay.cut()
            await asyncio.gather(*relay._tasks, return_exceptions=True)

    def swallow(self) -> None:
        """From now on let nothing through, in either direction, and tell nobody."""
        self._passes.clear()

    def cut(self) -> None:
        """End every connection."""
        for task in self._tasks:
            task.cancel()
        for writer in self._writers:
            writer.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        self._writers += [writer, far_writer]
        for source, target in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._pass(source, target))
            self._tasks.add(task)

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while piece := await source.read(65536):
                await self._passes.wait()
                target.write(piece)
                await target.drain()
        target.close()
