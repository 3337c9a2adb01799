"""Payouts of the time that a restored database has forgotten: the bank is asked before it is paid again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from tests.fixtures.house import House, house_on

from roadstead.errors import Conflict
from roadstead.payouts.identifiers import attempt_key, payout_id_of
from roadstead.payouts.states import PayoutStatus
from roadstead.rails.protocol import RailStatus


@dataclass(slots=True)
class Restored:
    """A house whose database was restored after it had been paid out from."""

    house: House
    remittance_id: UUID
    key: str

    async def begin_again(self) -> None:
        """Find the payment on the chain again, as if its payout had never been ordered; recovery is over."""
        now = datetime.now(UTC)
        await self.house.execute(
            "INSERT INTO restorations (taken_at, restored_at, cursors, ended_at, ended_by) "
            "VALUES ($1, $2, '{}', $2, 'tests')",
            now - timedelta(days=2),
            now,
        )
        await self.house.work()

    async def status(self) -> PayoutStatus:
        return (await self.house.payout(self.remittance_id)).status


@pytest.fixture
async def restored(database_url: str) -> AsyncIterator[Restored]:
    async with house_on(database_url) as house:
        house.clock.moment = datetime.now(UTC)
        opened = await house.open()
        await house.pay(opened.memo, closed_at=datetime.now(UTC) - timedelta(hours=1))
        await house.match()
        key = attempt_key(payout_id_of(opened.id), 1)
        yield Restored(house=house, remittance_id=opened.id, key=key)


class TestABankThatCanBeAsked:
    async def test_is_not_sent_what_it_has_paid(self, restored: Restored) -> None:
        restored.house.rail.known[restored.key] = RailStatus.SETTLED
        await restored.begin_again()

        assert restored.house.rail.submissions == []
        assert await restored.status() is PayoutStatus.SETTLED

    async def test_is_sent_what_it_never_had(self, restored: Restored) -> None:
        await restored.begin_again()

        assert [attempt.key for attempt in restored.house.rail.submissions] == [restored.key]
        assert await restored.status() is PayoutStatus.ACCEPTED

    async def test_is_sent_nothing_while_it_is_silent(self, restored: Restored) -> None:
        restored.house.rail.away = True
        await restored.begin_again()

        assert restored.house.rail.submissions == []
        assert await restored.status() is PayoutStatus.UNKNOWN


class TestABankThatCannotBeAsked:
    @pytest.fixture(autouse=True)
    def cannot_find(self, restored: Restored) -> None:
        restored.house.rail.can_find = False

    async def test_is_sent_the_same_key_where_it_recognises_it_for_ever(self, restored: Restored) -> None:
        restored.house.rail.known[restored.key] = RailStatus.SETTLED
        await restored.begin_again()

        assert await restored.status() is PayoutStatus.SETTLED

    async def test_is_sent_nothing_where_it_may_have_forgotten_the_key(self, restored: Restored) -> None:
        restored.house.rail.dedupe_window = timedelta(days=1)
        await restored.begin_again()

        assert restored.house.rail.submissions == []
        assert await restored.status() is PayoutStatus.HELD

    async def test_is_sent_nothing_that_it_told_of_by_itself(self, restored: Restored) -> None:
        house = restored.house
        house.rail.dedupe_window = timedelta(days=1)
        house.rail.tell(restored.key, RailStatus.SETTLED)
        await house.hear()
        assert await house.value("SELECT conclusion FROM rail_events") == "not ours"
        await restored.begin_again()
        await house.hear()

        assert house.rail.submissions == []
        assert await restored.status() is PayoutStatus.SETTLED


class TestAnOrdinaryPayout:
    async def test_is_sent_without_a_question(self, restored: Restored) -> None:
        restored.house.rail.away = True
        await restored.house.work()

        assert [attempt.key for attempt in restored.house.rail.submissions] == [restored.key]

    async def test_is_so_again_for_payments_after_the_restore(self, restored: Restored) -> None:
        house = restored.house
        await restored.begin_again()
        later = await house.open()
        await house.pay(later.memo, closed_at=datetime.now(UTC) + timedelta(minutes=30))
        await house.match()
        house.rail.away = True
        await house.work()

        assert (await house.payout(later.id)).status is PayoutStatus.ACCEPTED


class TestMoneyThatMayBePaid:
    async def test_does_not_go_back_while_the_bank_knows_of_an_attempt_that_was_lost(
        self, restored: Restored
    ) -> None:
        house = restored.house
        second = attempt_key(payout_id_of(restored.remittance_id), 2)
        end_to_end = (await house.payout(restored.remittance_id)).end_to_end_id
        house.rail.tell(second, RailStatus.SETTLED)
        house.rail.events[-1] = replace(house.rail.events[-1], end_to_end_id=end_to_end)
        await house.hear()
        house.rail.known[restored.key] = RailStatus.REFUSED
        await restored.begin_again()

        with pytest.raises(Conflict, match="was lost with a database"):
            await house.cancel(restored.remittance_id)
        assert house.rail.submissions == []

    async def test_goes_back_where_the_bank_says_that_it_paid_nothing(self, restored: Restored) -> None:
        house = restored.house
        house.rail.known[restored.key] = RailStatus.REFUSED
        await restored.begin_again()
        await house.cancel(restored.remittance_id)

        assert await restored.status() is PayoutStatus.CANCELLED
