"""The loops of a server whose rail pays by file: what is put into a batch is sent, and answered, by itself."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.batches.filing import Filing, attempt, filing
from tests.fixtures.mock_bank import MockBank

from roadstead.batches.rail import FileRail
from roadstead.clock import SystemClock
from roadstead.rails.protocol import Observation, RailStatus
from roadstead.service.filing import start_receiving, start_sending
from roadstead.service.leases import Leadership

DEADLINE_S = 30


@pytest.fixture
async def files(tmp_path: Path, database_url: str) -> AsyncIterator[Filing]:
    async with filing(
        tmp_path,
        database_url,
        clock=SystemClock(),
        age_max=timedelta(seconds=0),
        look_every_s=0.2,
    ) as opened:
        yield opened


async def test_a_payout_goes_out_and_the_answer_comes_in_by_themselves(files: Filing) -> None:
    stop = asyncio.Event()
    leadership = Leadership(files.database, role="scheduler", holder="test")
    rails = {"files": FileRail(replace(files.desk))}
    with MockBank(drop=files.outgoing, pickup=files.incoming) as bank:
        async with leadership.kept(), asyncio.TaskGroup() as group:
            start_sending(rails, group, stop)
            start_receiving(rails, group, leadership, stop)
            await files.rail.submit(attempt(1))
            async with asyncio.timeout(DEADLINE_S):
                while True:
                    bank.scan()
                    found = await files.rail.find(attempt(1))
                    if isinstance(found, Observation) and found.status is RailStatus.ACCEPTED:
                        break
                    await asyncio.sleep(0.1)
            stop.set()
