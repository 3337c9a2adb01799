"""The worker's loops together: money moves while callbacks go out, and neither waits for the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import generate_latest
from tests.fixtures.callbacks import Outbox
from tests.fixtures.house import House, house_on
from tests.fixtures.receiver import receiving, silence, status
from tests.fixtures.scripted_rail import Behaviour

from roadstead.database.migrate import APP_ROLE
from roadstead.partners.registry import change_callback_hosts
from roadstead.service import gauges
from roadstead.service.metrics import registry
from roadstead.service.worker import Worker, count_callback

PATIENCE_S = 30.0


@pytest.fixture
async def outbox(database_url: str) -> AsyncIterator[Outbox]:
    async with house_on(f"{database_url}?role={APP_ROLE}") as house:
        await change_callback_hosts(house.database, "Example Sender", "tests", add=["127.0.0.1"])
        opened = Outbox(house=house)
        yield opened
        for client in opened.clients:
            await client.close()


@asynccontextmanager
async def working(house: House, outbox: Outbox) -> AsyncIterator[None]:
    """Run a worker, and end it orderly."""
    stop = asyncio.Event()
    worker = Worker(
        configuration=house.configuration,
        database=house.database,
        rails={house.rail.name: house.rail},
        keys=house.keys,
        rates=house.rates,
        clock=house.clock,
        randomness=house.randomness,
        deliverer=outbox.deliverer(outbox.client(timeout_s=20.0), observe=count_callback),
    )
    running = asyncio.create_task(worker.run(stop))
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE_S):
            await running


async def until(outbox: Outbox, query: str) -> None:
    """Wait until a query says true."""
    async with asyncio.timeout(PATIENCE_S):
        while await outbox.house.value(query) is not True:  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.05)


def metric(name: str) -> float:
    """Return the value of a metric."""
    lines = generate_latest(registry).decode().splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} "))


class TestTheWorker:
    async def test_payouts_and_other_partners_do_not_wait_for_silent_receivers(self, outbox: Outbox) -> None:
        house = outbox.house
        house.rail.script.extend([Behaviour.SETTLE] * 13)
        async with receiving() as silent, receiving() as alive:
            silent.always = silence
            for url in [silent.url] * 12 + [alive.url]:
                _, memo = await outbox.opened(url)
                await house.pay(memo)
            async with working(house, outbox):
                await until(outbox, "SELECT bool_and(status = 'completed') FROM remittances")
                await until(outbox, "SELECT count(*) = 2 FROM callback_tries WHERE outcome = 'delivered'")
            assert alive.statuses == ["pending_receiver", "completed"]
            assert silent.connections == 4

    async def test_what_it_does_is_counted(self, outbox: Outbox) -> None:
        house = outbox.house
        delivered = metric("roadstead_callbacks_delivered_total")
        async with receiving() as receiver:
            receiver.script = [status(400)]
            await outbox.moved(receiver.url)
            await gauges.refresh(house.database)
            assert metric("roadstead_callbacks_waiting") == 2
            assert metric("roadstead_callbacks_oldest_age_seconds") > 0
            async with working(house, outbox):
                await until(outbox, "SELECT count(*) = 1 FROM callback_tries")
                await outbox.make_due()
                await until(outbox, "SELECT bool_and(status = 'delivered') FROM callbacks")
            await gauges.refresh(house.database)
        assert metric("roadstead_callbacks_delivered_total") == delivered + 2
        assert metric("roadstead_callbacks_waiting") == 0
        assert metric("roadstead_callbacks_oldest_age_seconds") == 0
        assert metric("roadstead_callbacks_given_up_lately") == 0
        assert (
            'roadstead_callback_tries_total{outcome="called_invalid"}' in generate_latest(registry).decode()
        )
