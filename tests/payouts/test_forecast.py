"""`status_eta`: by the business days of the rail that the payout is on now, in answers and in callbacks alike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from tests.batches.filing import Filing, filing
from tests.fixtures.callbacks import Outbox
from tests.fixtures.house import House, house_on
from tests.fixtures.receiver import receiving
from tests.fixtures.scripted_rail import Behaviour, ScriptedRail
from tests.payouts.test_choosing import INSTANT, SEPA

from roadstead.batches.desk import CalendarHours
from roadstead.batches.rail import FileRail
from roadstead.partners.registry import change_callback_hosts
from roadstead.rails.calendars import BusinessCalendar
from roadstead.remittances.states import RemittanceStatus
from roadstead.sep.transactions import shown

THURSDAY = datetime(2026, 9, 24, 9, 0, tzinfo=UTC)


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        furnished.clock.moment = THURSDAY
        yield furnished


async def due_at(house: House, remittance_id: UUID) -> datetime | None:
    """The moment that `status_eta` means, read now."""
    now = house.clock.now()
    remittance = await house.remittance(remittance_id)
    async with house.database.connection() as connection:
        answer = await shown(connection, house.configuration.anchor, remittance, now=now)
    eta_s = answer.transaction.status_eta
    return None if eta_s is None else now + timedelta(seconds=eta_s)


async def paid(house: House) -> UUID:
    opened = await house.open("100")
    await house.pay(opened.memo)
    await house.match()
    return opened.id


class TestAfterAFallback:
    @pytest.mark.parametrize(
        ("first", "second"),
        [(None, "target"), ("target", None), ("target", "fedwire"), ("fedwire", "target")],
    )
    async def test_the_rail_counts_that_the_payout_is_on(
        self, house: House, first: str | None, second: str | None
    ) -> None:
        house.set_rails(
            replace(SEPA, calendar=first), replace(INSTANT, calendar=second), fallbacks=("instant",)
        )
        ends = {
            None: None,
            "target": datetime(2026, 9, 24, 22, 0, tzinfo=UTC),
            # A business day later, at midnight in New York.
            "fedwire": datetime(2026, 9, 26, 4, 0, tzinfo=UTC),
        }
        remittance_id = await paid(house)
        assert await due_at(house, remittance_id) == ends[first]
        house.rail.script.append(Behaviour.REFUSE)
        house.rail.refusals.append("AM02")
        await house.work()
        await house.work()
        assert (await house.payout(remittance_id)).rail == "instant"
        assert await due_at(house, remittance_id) == ends[second]

        await house.work(ScriptedRail(name="instant"))
        assert (await house.remittance(remittance_id)).status is RemittanceStatus.PENDING_EXTERNAL
        assert await due_at(house, remittance_id) == ends[second]

    async def test_what_the_bank_has_counts_from_when_it_was_handed_over(self, house: House) -> None:
        remittance_id = await paid(house)
        await house.work()
        before = await due_at(house, remittance_id)
        house.clock.advance(timedelta(hours=5))
        assert await due_at(house, remittance_id) == before == datetime(2026, 9, 24, 22, 0, tzinfo=UTC)
        house.clock.advance(timedelta(hours=12))
        assert await due_at(house, remittance_id) is None


class TestACallback:
    async def test_has_what_an_answer_has_counted_from_the_change(self, house: House) -> None:
        await change_callback_hosts(house.database, "Example Sender", "tests", add=["127.0.0.1"])
        outbox = Outbox(house=house)
        async with receiving() as partner:
            remittance_id, memo = await outbox.opened(partner.url)
            await house.pay(memo)
            await house.match()
            await house.work()
            remittance = await house.remittance(remittance_id)
            async with house.database.connection() as connection:
                answer = await shown(
                    connection, house.configuration.anchor, remittance, now=house.clock.now()
                )
            # However late it is delivered, it tells what the answer was at the change.
            house.clock.advance(timedelta(hours=3))
            await outbox.deliver()
            told = [heard.transaction for heard in partner.heard]
        for client in outbox.clients:
            await client.close()
        assert [each["status"] for each in told] == ["pending_receiver", "pending_external"]
        assert told[-1]["status_eta"] == answer.transaction.status_eta == 13 * 3600
        assert all("status_eta" in each for each in told)


class TestByFile:
    @pytest.fixture
    async def files(self, tmp_path: Path, database_url: str, house: House) -> AsyncIterator[Filing]:
        anchor = house.configuration.anchor
        terms = anchor.calendar("target")
        async with filing(tmp_path, database_url) as opened:
            opened.rail = FileRail(
                replace(
                    opened.desk,
                    rail="sepa",
                    keys=house.keys,
                    hours=CalendarHours(BusinessCalendar(terms)),
                    calendar_name=terms.name,
                )
            )
            house.rail = opened.rail  # type: ignore[assignment]
            yield opened

    def at(self, house: House, files: Filing, moment: datetime) -> None:
        house.clock.moment = files.clock.moment = moment

    def test_the_rail_declares_the_calendar_of_its_configuration(self, files: Filing) -> None:
        assert files.rail.terms.calendar_name == "target"

    @pytest.mark.parametrize(
        ("taken_at", "there_by"),
        [
            # Thursday morning in summer: the same day, by the clock of Berlin.
            (datetime(2026, 9, 24, 9, 0, tzinfo=UTC), datetime(2026, 9, 24, 22, 0, tzinfo=UTC)),
            # 14:50 on a Friday: the batch is closed five minutes before the cut-off of 15:00.
            (datetime(2026, 9, 25, 12, 50, tzinfo=UTC), datetime(2026, 9, 25, 22, 0, tzinfo=UTC)),
            # 14:57: the batch is closed after the cut-off, although the payout was handed to the rail before it.
            (datetime(2026, 9, 25, 12, 57, tzinfo=UTC), datetime(2026, 9, 28, 22, 0, tzinfo=UTC)),
            # The same on the last Friday of summer time: Monday ends by winter time.
            (datetime(2026, 10, 23, 12, 57, tzinfo=UTC), datetime(2026, 10, 26, 23, 0, tzinfo=UTC)),
            # New Year's Eve, a Thursday: in time, and too late for anything before Monday the 4th.
            (datetime(2026, 12, 31, 13, 50, tzinfo=UTC), datetime(2026, 12, 31, 23, 0, tzinfo=UTC)),
            (datetime(2026, 12, 31, 13, 57, tzinfo=UTC), datetime(2027, 1, 4, 23, 0, tzinfo=UTC)),
            # Thursday before Easter, past the cut-off: Good Friday and Easter Monday do not count.
            (datetime(2027, 3, 25, 14, 30, tzinfo=UTC), datetime(2027, 3, 30, 22, 0, tzinfo=UTC)),
        ],
    )
    async def test_a_payout_is_handed_over_with_its_batch(
        self, house: House, files: Filing, taken_at: datetime, there_by: datetime
    ) -> None:
        self.at(house, files, taken_at)
        remittance_id = await paid(house)
        await house.work()
        assert await due_at(house, remittance_id) == there_by
        (batch,) = await files.rows("SELECT closes_at FROM batches")

        self.at(house, files, batch["closes_at"])
        await files.send_due()
        assert await due_at(house, remittance_id) == there_by

    async def test_a_batch_that_is_kept_back_is_handed_over_when_it_is(
        self, house: House, files: Filing
    ) -> None:
        self.at(house, files, THURSDAY)
        remittance_id = await paid(house)
        await house.work()
        await files.rows(
            "INSERT INTO stops (id, what, reason, stopped_by) VALUES (gen_random_uuid(), 'payouts', 'test', 'test')"
        )
        self.at(house, files, THURSDAY + timedelta(hours=6))
        await files.send_due()
        assert await due_at(house, remittance_id) == datetime(2026, 9, 25, 22, 0, tzinfo=UTC)
