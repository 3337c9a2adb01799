"""When a remittance that nobody paid ends: by the time of ledgers that were surely read, and never before its money."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from tests.fixtures.house import House, house_on

from roadstead.remittances.expiry import BATCH_MAX, MARGIN, MARGIN_LEDGERS, expire_due
from roadstead.remittances.states import RemittanceStatus
from roadstead.stellar.horizons import LEDGERS_BEHIND_MAX

SOURCE = "horizon:test"
SECOND = timedelta(seconds=1)


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        yield furnished


async def read_to(house: House, closed_at: datetime) -> None:
    """Let the chain be read up to a ledger that closed then."""
    await house.execute(
        """
        INSERT INTO cursors (source, position, ledger, ledger_closed_at) VALUES ($1, '1', 1, $2)
        ON CONFLICT (source) DO UPDATE SET ledger_closed_at = excluded.ledger_closed_at
        """,
        SOURCE,
        closed_at,
    )


async def expire(house: House) -> int:
    return await expire_due(house.database, SOURCE, house.clock.now())


async def opened(house: House) -> tuple[UUID, int, datetime]:
    one = await house.open("100")
    return one.id, one.memo, (await house.remittance(one.id)).expires_at


class TestTimeOver:
    @pytest.mark.clause("SEP-31/status/expired")
    async def test_a_remittance_expires_once_the_chain_was_read_well_past_its_time(
        self, house: House
    ) -> None:
        remittance_id, _, expires_at = await opened(house)
        await read_to(house, expires_at + MARGIN + SECOND)
        assert await expire(house) == 1
        remittance = await house.remittance(remittance_id)
        assert remittance.status is RemittanceStatus.EXPIRED
        assert remittance.status_message == "The payment did not come in time. Open another remittance."
        assert await expire(house) == 0

    async def test_not_within_the_margin(self, house: House) -> None:
        _, _, expires_at = await opened(house)
        await read_to(house, expires_at + MARGIN)
        assert await expire(house) == 0

    async def test_the_clock_of_this_machine_decides_nothing(self, house: House) -> None:
        _, _, expires_at = await opened(house)
        await read_to(house, expires_at - SECOND)
        house.clock.advance(timedelta(days=365))
        assert await expire(house) == 0

    async def test_not_while_the_chain_was_never_read(self, house: House) -> None:
        await opened(house)
        house.clock.advance(timedelta(days=365))
        assert await expire(house) == 0

    def test_the_margin_covers_what_an_observer_tolerates(self) -> None:
        assert MARGIN_LEDGERS >= LEDGERS_BEHIND_MAX
        assert MARGIN_LEDGERS * 5 * SECOND < MARGIN

    @pytest.mark.parametrize("status", ["pending_customer_info_update", "pending_receiver"])
    async def test_one_that_could_not_be_paid_yet_ends_as_well(self, house: House, status: str) -> None:
        remittance_id, _, expires_at = await opened(house)
        await house.execute("UPDATE remittances SET status = 'pending_receiver' WHERE id = $1", remittance_id)
        await house.execute("UPDATE remittances SET status = $2 WHERE id = $1", remittance_id, status)
        await read_to(house, expires_at + MARGIN + SECOND)
        assert await expire(house) == 1

    async def test_what_was_paid_never_expires(self, house: House) -> None:
        remittance_id, memo, expires_at = await opened(house)
        await house.pay(memo)
        await house.match()
        await read_to(house, expires_at + timedelta(days=1))
        assert await expire(house) == 0
        assert (await house.remittance(remittance_id)).status is RemittanceStatus.PENDING_RECEIVER

    async def test_many_expire_in_batches(self, house: House) -> None:
        _, _, expires_at = await opened(house)
        for _ in range(4):
            await opened(house)
        await read_to(house, expires_at + MARGIN + SECOND)
        results = await asyncio.gather(*(expire(house) for _ in range(4)))
        assert sum(results) == 5
        assert BATCH_MAX >= 5


class TestRacingThePayment:
    async def test_a_payment_that_is_stored_and_not_matched_yet_wins(self, house: House) -> None:
        remittance_id, memo, expires_at = await opened(house)
        await house.pay(memo, closed_at=expires_at - SECOND)
        await read_to(house, expires_at + timedelta(days=1))
        assert await expire(house) == 0
        await house.match()
        assert (await house.remittance(remittance_id)).status is RemittanceStatus.PENDING_RECEIVER

    async def test_one_that_funds_nothing_keeps_it_open_only_until_it_was_looked_at(
        self, house: House
    ) -> None:
        remittance_id, memo, expires_at = await opened(house)
        await house.pay(memo, 1, closed_at=expires_at - SECOND)
        await read_to(house, expires_at + timedelta(days=1))
        assert await expire(house) == 0
        await house.match()
        assert await expire(house) == 1
        assert (await house.remittance(remittance_id)).status is RemittanceStatus.EXPIRED

    async def test_a_matcher_at_work_and_many_expiring_workers_never_both_win(self, house: House) -> None:
        paid = [await opened(house) for _ in range(20)]
        unpaid = [await opened(house) for _ in range(20)]
        for _, memo, expires_at in paid:
            await house.pay(memo, closed_at=expires_at - SECOND)
        await read_to(house, paid[0][2] + timedelta(days=1))
        await asyncio.gather(house.match(), *(expire(house) for _ in range(4)), house.match())
        await house.match()
        while await expire(house):
            continue
        statuses = [(await house.remittance(one)).status for one, _, _ in paid]
        assert statuses == [RemittanceStatus.PENDING_RECEIVER] * 20
        statuses = [(await house.remittance(one)).status for one, _, _ in unpaid]
        assert statuses == [RemittanceStatus.EXPIRED] * 20
