"""The wire to Horizon in every kind of trouble, at every call: each payment is stored, and once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import urlsplit

import pytest
from tests.fixtures.fault_proxy import Fault, FaultProxy, Trouble, Upstream, fault_proxy
from tests.service.test_observer_on_network import PASSPHRASE, Chain, chain, database, eventually, stores

from roadstead.clock import SystemClock
from roadstead.database.pool import Database
from roadstead.service.observer import Observer
from roadstead.stellar.horizon import HorizonClient
from roadstead.stellar.horizons import Horizons

__all__ = ["chain", "database"]

ROOT = b"GET / "
PAGE = b"application/hal+json"
STREAM = b"text/event-stream"
ANSWER_TIMEOUT_S = 0.5


@pytest.fixture
async def wire(chain: Chain) -> AsyncIterator[FaultProxy]:
    async with fault_proxy(Upstream(port=urlsplit(chain.url).port or 0)) as proxy:
        yield proxy


@asynccontextmanager
async def observing(chain: Chain, wire: FaultProxy, database: Database) -> AsyncIterator[None]:
    """Observe the account through the proxy, impatiently."""
    horizon = HorizonClient(
        f"http://127.0.0.1:{wire.port}", answer_timeout_s=ANSWER_TIMEOUT_S, stream_idle_timeout_s=2.0
    )
    observer = Observer(
        account=chain.ours.public_key,
        database=database,
        horizons=Horizons([horizon], network_passphrase=PASSPHRASE, clock=SystemClock()),
        clock=SystemClock(),
        rescan_every_s=0.2,
        backoff_max_s=0.2,
    )
    stop = asyncio.Event()
    running = asyncio.create_task(observer.run(stop))
    try:
        yield
    finally:
        stop.set()
        await running
        await horizon.close()


async def struck(trouble: Trouble) -> bool:
    return trouble.hits > 0


def cases() -> Iterator[tuple[Fault, bytes]]:
    for when in (ROOT, PAGE, STREAM):
        for fault in Fault:
            yield fault, when


class TestOneFaultAtOneCall:
    @pytest.mark.parametrize(("fault", "when"), list(cases()))
    async def test_a_payment_before_and_one_after_are_both_stored_once(
        self, chain: Chain, wire: FaultProxy, database: Database, fault: Fault, when: bytes
    ) -> None:
        first = await chain.pay("1")
        trouble = wire.trouble(Trouble(fault=fault, when=when))
        async with observing(chain, wire, database):
            second = await chain.pay("2")
            await stores(database, [first, second])
            await eventually(partial(struck, trouble))
            third = await chain.pay("3")
            await stores(database, [first, second, third])


class TestTroubleForAWhile:
    @pytest.mark.parametrize("fault", [Fault.RESET, Fault.CUT_ANSWER, Fault.SWALLOW_ANSWER, Fault.DUPLICATE])
    async def test_costs_time_and_nothing_else(
        self, chain: Chain, wire: FaultProxy, database: Database, fault: Fault
    ) -> None:
        trouble = wire.trouble(Trouble(fault=fault, times=8, answer_bytes=300))
        async with observing(chain, wire, database):
            paid = [await chain.pay(str(number)) for number in range(1, 5)]
            await stores(database, paid)
        assert trouble.hits >= 2
