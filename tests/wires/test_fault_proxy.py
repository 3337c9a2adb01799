"""The fault proxy does what it says: the other tests of this folder trust it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from tests.fixtures.fault_proxy import Fault, FaultProxy, Trouble, Upstream, fault_proxy

ANSWER = b"an answer of thirty-one letters"


@dataclass(slots=True)
class Listener:
    """Answers every request with the same words and remembers what it heard."""

    port: int = 0
    heard: list[bytes] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.read(1000):
            self.heard.append(request)
            writer.write(ANSWER)
            await writer.drain()
        writer.close()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    listener = Listener()
    server = await asyncio.start_server(listener.answer, "127.0.0.1", 0)
    listener.port = server.sockets[0].getsockname()[1]
    yield listener
    server.close()


@pytest.fixture
async def proxy(listener: Listener) -> AsyncIterator[FaultProxy]:
    async with fault_proxy(Upstream(port=listener.port)) as running:
        yield running


async def ask(proxy: FaultProxy, request: bytes = b"request") -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        writer.write(request)
        await writer.drain()
        return await asyncio.wait_for(reader.read(1000), 1.5)
    finally:
        writer.close()


class TestFaultProxy:
    async def test_passes_everything_on_when_there_is_no_trouble(
        self, proxy: FaultProxy, listener: Listener
    ) -> None:
        assert await ask(proxy) == ANSWER
        assert listener.heard == [b"request"]

    async def test_delays(self, proxy: FaultProxy, listener: Listener) -> None:
        proxy.trouble(Trouble(fault=Fault.DELAY, delay_s=0.2))
        started_at = asyncio.get_running_loop().time()
        assert await ask(proxy) == ANSWER
        assert asyncio.get_running_loop().time() - started_at >= 0.2
        assert listener.heard == [b"request"]

    async def test_drops_a_request(self, proxy: FaultProxy, listener: Listener) -> None:
        proxy.trouble(Trouble(fault=Fault.DROP))
        assert await ask(proxy) == b""
        assert listener.heard == []

    async def test_resets_before_the_request_arrives(self, proxy: FaultProxy, listener: Listener) -> None:
        proxy.trouble(Trouble(fault=Fault.RESET))
        with pytest.raises(ConnectionResetError):
            await ask(proxy)
        assert listener.heard == []

    async def test_loses_an_answer_to_a_request_that_arrived(
        self, proxy: FaultProxy, listener: Listener
    ) -> None:
        proxy.trouble(Trouble(fault=Fault.LOSE_ANSWER))
        with pytest.raises(ConnectionResetError):
            await ask(proxy)
        assert listener.heard == [b"request"]

    async def test_cuts_in_the_middle_of_the_answer(self, proxy: FaultProxy, listener: Listener) -> None:
        proxy.trouble(Trouble(fault=Fault.CUT_ANSWER, answer_bytes=9))
        assert await ask(proxy) == ANSWER[:9]
        assert listener.heard == [b"request"]

    async def test_delivers_a_request_twice(self, proxy: FaultProxy, listener: Listener) -> None:
        proxy.trouble(Trouble(fault=Fault.DUPLICATE))
        assert await ask(proxy) == ANSWER
        assert listener.heard == [b"request", b"request"]

    @pytest.mark.parametrize(
        ("fault", "heard"), [(Fault.SWALLOW_REQUEST, []), (Fault.SWALLOW_ANSWER, [b"request"])]
    )
    async def test_is_a_black_hole(
        self, proxy: FaultProxy, listener: Listener, fault: Fault, heard: list[bytes]
    ) -> None:
        proxy.trouble(Trouble(fault=fault))
        with pytest.raises(TimeoutError):
            await ask(proxy)
        assert listener.heard == heard

    async def test_strikes_only_what_it_is_told_to(self, proxy: FaultProxy, listener: Listener) -> None:
        trouble = proxy.trouble(Trouble(fault=Fault.DROP, when=b"pay", skip=1))
        answers = [await ask(proxy, request) for request in (b"look", b"pay 1", b"pay 2", b"pay 3")]
        assert answers == [ANSWER, ANSWER, b"", ANSWER]
        assert listener.heard == [b"look", b"pay 1", b"pay 3"]
        assert trouble.hits == 1

    async def test_cuts_every_open_connection(self, proxy: FaultProxy, listener: Listener) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"first")
        await reader.read(1000)
        proxy.cut_all()
        with pytest.raises(ConnectionResetError):
            assert await reader.read(1000) == b"never"
        writer.close()
        assert listener.heard == [b"first"]
