"""Many settlements at once come to exactly what they come to one by one."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from tests.fixtures.house import House, house_on

from roadstead.ledger.verify import verify
from roadstead.operations.alerts import AlertKind, open_alert
from roadstead.payouts import events, inbox
from roadstead.payouts.events import apply_waiting, poll_rail
from roadstead.payouts.settling import settle_plain
from roadstead.payouts.states import PayoutStatus
from roadstead.rails.protocol import RailStatus
from roadstead.remittances.states import RemittanceStatus


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        yield furnished


async def submitted(house: House, count: int) -> list[UUID]:
    """Remittances whose payouts the bank has."""
    opened = [await house.open("100") for _ in range(count)]
    for one in opened:
        await house.pay(one.memo)
    await house.match()
    while await house.work():
        continue
    return [one.id for one in opened]


async def told(house: House) -> None:
    """The bank tells of every settlement, and nobody has applied it yet."""
    for attempt in house.rail.submissions:
        house.rail.tell(attempt.key, RailStatus.SETTLED)
    await poll_rail(house.database, house.rail)


async def everything(house: House) -> list[Any]:
    """What is stored of payouts, remittances, histories and books, without the ids that chance gives."""
    queries = (
        "SELECT array_agg(concat_ws(' ', status, reason, due_at IS NULL, rail)) FROM payouts",
        "SELECT array_agg(concat_ws(' ', status, reason, submitted_at IS NULL, settled_at)) FROM payout_attempts",
        "SELECT array_agg(concat_ws(' ', status_from, status_to, reason) ORDER BY status_from) FROM payout_history",
        "SELECT array_agg(concat_ws(' ', status, status_cause, status_message, completed_at IS NULL)) FROM remittances",
        "SELECT array_agg(concat_ws(' ', status_from, status_to, cause) ORDER BY status_from) FROM remittance_history",
        "SELECT array_agg(concat_ws(' ', status, conclusion, failures) ORDER BY id) FROM rail_events",
        "SELECT array_agg(event ORDER BY event) FROM postings",
    )
    return [await house.books(), *[await house.value(query) for query in queries]]


class TestTogether:
    async def test_comes_to_the_same_as_one_by_one(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await submitted(house, 3)
        await told(house)
        await apply_waiting(house.database, house.clock)
        together = await everything(house)
        assert (await verify(house.database)).findings == ()

        await submitted(house, 3)
        monkeypatch.setattr(events, "TOGETHER_MIN", 1000)
        await told(house)
        await apply_waiting(house.database, house.clock)
        both = await everything(house)
        assert both[0] == {account: f"{2 * Decimal(amount):f}" for account, amount in together[0].items()}
        assert all(
            len(after) == 2 * len(before) for before, after in zip(together[1:], both[1:], strict=True)
        )
        assert all(set(after) == set(before) for before, after in zip(together[1:], both[1:], strict=True))

    async def test_leaves_alone_what_people_were_told_of(self, house: House) -> None:
        await submitted(house, 3)
        doubted = await house.value("SELECT id FROM payouts LIMIT 1")
        async with house.database.transaction() as connection:
            await open_alert(
                connection, kind=AlertKind.PAYOUT_UNKNOWN, subject=str(doubted), message="Nobody knows."
            )
        await told(house)
        ids = await house.value("SELECT array_agg(id) FROM rail_events")
        async with house.database.transaction() as connection:
            assert len(await settle_plain(connection, ids, house.clock.now())) == 2
        await apply_waiting(house.database, house.clock)
        assert await house.value("SELECT bool_and(status = 'settled') FROM payouts")

    async def test_leaves_alone_what_another_worker_has_in_hand(self, house: House) -> None:
        first, *_ = await submitted(house, 3)
        await told(house)
        ids = await house.value("SELECT array_agg(id) FROM rail_events")
        async with house.database.transaction() as other:
            await other.execute("SELECT FROM remittances WHERE id = $1 FOR UPDATE", first)
            async with house.database.transaction() as connection:
                assert len(await settle_plain(connection, ids, house.clock.now())) == 2
        assert (await house.payout(first)).status is PayoutStatus.ACCEPTED

    async def test_a_second_copy_is_old(self, house: House) -> None:
        remittance_id, _ = await submitted(house, 2)
        await told(house)
        for attempt in house.rail.submissions:
            house.rail.tell(attempt.key, RailStatus.SETTLED, identity=f"{attempt.key} again")
        await house.hear()
        assert (await house.remittance(remittance_id)).status is RemittanceStatus.COMPLETED
        conclusions = await house.value("SELECT array_agg(conclusion ORDER BY conclusion) FROM rail_events")
        assert conclusions == ["old", "old", "settled", "settled"]


READS = """
SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relname = 'payout_attempts'"""


class TestManyWaitingEvents:
    """Ten thousand of them, each with a look at all attempts, once took longer than a transaction may."""

    @pytest.mark.parametrize("names_key", [True, False], ids=["by key", "by end-to-end id"])
    async def test_cost_one_look_each(self, house: House, *, names_key: bool) -> None:
        count = 20
        await submitted(house, count)
        await told(house)
        if not names_key:
            await house.value("UPDATE rail_events SET key = NULL")
        async with house.database.transaction() as connection:
            await connection.execute("SET LOCAL enable_seqscan = off")
            before = await connection.fetchval(READS)
            found = await inbox.waiting_events(connection, 2 * count)
            read = await connection.fetchval(READS) - before

        assert len({event.payout_id for event in found} - {None}) == count
        assert read <= 2 * count
