"""A worker that was halted until its lease was over, between writing an attempt and sending it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest
from tests.fixtures.house import House, house_on

from roadstead.operations.holds import HoldKind
from roadstead.payouts import store, submission
from roadstead.payouts.states import PayoutStatus
from roadstead.randomness import new_id


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        yield furnished


async def halted(house: House, *, left: timedelta = timedelta(0)) -> UUID:
    """Let a worker write an attempt and then have only so much left of its lease."""
    opened = await house.open()
    await house.pay(opened.memo)
    await house.match()
    await house.screen()
    desk = house.desk
    token = new_id(desk.randomness)
    async with desk.database.connection() as connection:
        (payout,) = await store.claim_due(connection, rail=desk.rail.name, token=token, lease=left, limit=1)
    await submission._carry_on(desk, payout, token)
    return opened.id


class TestAWorkerThatWakesUpTooLate:
    async def test_sends_nothing_and_leaves_the_attempt_to_others(self, house: House) -> None:
        remittance_id = await halted(house)

        assert house.rail.submissions == []
        assert (await house.payout(remittance_id)).status is PayoutStatus.SUBMITTING
        await house.work()
        assert len(house.rail.submissions) == 1

    async def test_sends_nothing_when_the_call_might_outlast_its_lease(self, house: House) -> None:
        await halted(house, left=timedelta(seconds=house.rail.terms.submit_timeout_s))

        assert house.rail.submissions == []

    async def test_sends_when_the_lease_lasts_for_the_call(self, house: House) -> None:
        await halted(house, left=timedelta(seconds=house.rail.terms.submit_timeout_s + 30))

        assert len(house.rail.submissions) == 1

    async def test_does_not_send_what_people_said_was_never_paid(self, house: House) -> None:
        house.rail.can_find, house.rail.dedupe_window = False, timedelta(0)
        await halted(house)
        await house.work()

        assert await house.held() == [HoldKind.PAYOUT_UNKNOWN]
        assert house.rail.submissions == []
