"""The wire to PostgreSQL in every kind of trouble, at every commit: nothing is lost and nothing is done twice.

An answer that is lost after COMMIT leaves the caller in doubt about everything it wrote. What follows must come out the
same either way.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from tests.fixtures.fault_proxy import Fault, FaultProxy, Trouble, Upstream, fault_proxy
from tests.fixtures.house import House, house_on
from tests.fixtures.scripted_rail import Behaviour

from roadstead.database.pool import Database, open_database
from roadstead.errors import Unavailable
from roadstead.payouts.events import apply_waiting, poll_rail
from roadstead.payouts.ordering import payout_orderer
from roadstead.payouts.submission import work_due
from roadstead.rails.protocol import RailStatus
from roadstead.remittances.matcher import dispose
from roadstead.remittances.states import RemittanceStatus

COMMIT = b"COMMIT"
COMMITS_MAX = 12
ROUNDS_MAX = 30
QUICK = [Fault.DROP, Fault.RESET, Fault.LOSE_ANSWER, Fault.CUT_ANSWER, Fault.DELAY]
"""A black hole is waited for until the command's time is over; those are tried where processes are real."""


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        yield furnished


@pytest.fixture
async def wire(database_url: str) -> AsyncIterator[FaultProxy]:
    async with fault_proxy(Upstream.of_url(database_url)) as proxy:
        yield proxy


@pytest.fixture
async def worker(database_url: str, wire: FaultProxy) -> AsyncIterator[Database]:
    """A pool of a worker whose connections go through the proxy."""
    parts = urlsplit(database_url)
    user = parts.netloc.rpartition("@")[0]
    url = parts._replace(netloc=f"{user}@127.0.0.1:{wire.port}", query="").geturl()
    database = await open_database(url, application="tests", connections_max=2)
    yield database
    await database.close()


async def carry_out(house: House, worker: Database, remittance_id: UUID) -> None:
    """Take every step of the way again and again until the remittance is delivered; being cut off is no news."""
    desk = replace(house.desk, database=worker)
    order = payout_orderer(house.configuration.anchor)
    await house.screen()
    for _ in range(ROUNDS_MAX):
        await house.make_due()
        with suppress(Unavailable):
            await dispose(worker, order, house.clock.now(), house.rates.snapshot())
        with suppress(Unavailable):
            await work_due(desk)
        for key, status in house.rail.known.items():
            if status is RailStatus.ACCEPTED:
                house.rail.tell(key, RailStatus.SETTLED)
        with suppress(Unavailable):
            await poll_rail(worker, house.rail)
        with suppress(Unavailable):
            await apply_waiting(worker, house.clock)
        if (await house.remittance(remittance_id)).status is RemittanceStatus.COMPLETED:
            return
    raise AssertionError(f"Not delivered in {ROUNDS_MAX} rounds.")


async def assert_paid_once(house: House, remittance_id: UUID) -> None:
    payout = await house.payout(remittance_id)
    assert {attempt.key for attempt in house.rail.submissions} == set(house.rail.known)
    assert len(house.rail.known) == 1
    books = await house.books(remittance_id)
    assert books["bank:sepa EUR"] == f"-{payout.amount.text}"
    assert "payouts:owed EUR" not in books
    assert "transit:sepa EUR" not in books


class TestOneFaultAtOneCommit:
    @pytest.mark.parametrize("fault", QUICK)
    async def test_every_commit_may_be_troubled_and_the_payout_is_made_once(
        self, house: House, worker: Database, wire: FaultProxy, fault: Fault
    ) -> None:
        struck = 0
        for commits_before in range(COMMITS_MAX):
            house.rail.known.clear()
            house.rail.submissions.clear()
            house.rail.script.append(Behaviour.ACCEPT)
            opened = await house.open()
            await house.pay(opened.memo)
            trouble = wire.trouble(Trouble(fault=fault, when=COMMIT, skip=commits_before, delay_s=0.05))
            await carry_out(house, worker, opened.id)
            await assert_paid_once(house, opened.id)
            struck += trouble.hits
            wire.calm()
        # The way of a payout has at least so many commits; those beyond its end strike nothing.
        assert struck >= 5

    @pytest.mark.parametrize("fault", [Fault.RESET, Fault.LOSE_ANSWER])
    async def test_half_of_all_commits_may_be_troubled(
        self, house: House, worker: Database, wire: FaultProxy, fault: Fault
    ) -> None:
        opened = await house.open()
        await house.pay(opened.memo)
        for skip in range(0, 10, 2):
            wire.trouble(Trouble(fault=fault, when=COMMIT, skip=skip))
        await carry_out(house, worker, opened.id)
        await assert_paid_once(house, opened.id)

    async def test_connections_that_are_all_cut_at_once_come_back(
        self, house: House, worker: Database, wire: FaultProxy
    ) -> None:
        opened = await house.open()
        await house.pay(opened.memo)
        async with worker.connection() as connection:
            await connection.execute("SELECT 1")
        wire.cut_all()
        await carry_out(house, worker, opened.id)
        await assert_paid_once(house, opened.id)
