"""How long data of deleted customers are kept, what stops their erasure, and that due ones are erased."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
from tests.fixtures.house import PARTNER, House, house_on
from tests.fixtures.scripted_rail import Behaviour

from roadstead.config.retention_terms import (
    FIVE_YEARS_DAYS,
    RETENTION_DEFAULT,
    RetentionCategory,
    RetentionStart,
    RetentionTerms,
)
from roadstead.customers.erasing import Deletion, erase_due, lift_holds, place_hold
from roadstead.customers.identity import Reference
from roadstead.customers.retention import Cause, Standing, judge
from roadstead.database.migrate import APP_ROLE
from roadstead.errors import BadInput, NotFound
from roadstead.partners.principal import Principal

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FIVE_YEARS = timedelta(days=FIVE_YEARS_DAYS)
DAY = timedelta(days=1)


def standing(
    *, open_remittances: int = 0, served_until: datetime | None = None, is_held: bool = False
) -> Standing:
    return Standing(
        restricted_at=NOW, open_remittances=open_remittances, served_until=served_until, is_held=is_held
    )


class TestTheRule:
    def test_who_never_sent_or_received_money_is_erased_at_once(self) -> None:
        assert judge(standing(), RETENTION_DEFAULT, NOW).cause is None

    def test_who_did_is_kept_for_five_years_after_the_last_remittance(self) -> None:
        served = standing(served_until=NOW - 10 * DAY)
        verdict = judge(served, RETENTION_DEFAULT, NOW)
        assert (verdict.cause, verdict.until) == (Cause.SERVED, NOW - 10 * DAY + FIVE_YEARS)
        assert judge(served, RETENTION_DEFAULT, NOW - 10 * DAY + FIVE_YEARS).cause is None

    def test_money_under_way_comes_first(self) -> None:
        verdict = judge(standing(open_remittances=1, served_until=NOW), RETENTION_DEFAULT, NOW)
        assert (verdict.cause, verdict.until) == (Cause.UNDER_WAY, None)

    def test_a_legal_hold_keeps_everything_and_is_not_told(self) -> None:
        assert judge(standing(is_held=True), RETENTION_DEFAULT, NOW).cause is Cause.LAW
        for is_held in (True, False):
            verdict = judge(standing(served_until=NOW, is_held=is_held), RETENTION_DEFAULT, NOW)
            assert verdict == judge(standing(served_until=NOW), RETENTION_DEFAULT, NOW)

    def test_the_table_decides(self) -> None:
        table = (
            RetentionTerms(category=RetentionCategory.UNSERVED, days=30, start=RetentionStart.DELETION),
            RetentionTerms(category=RetentionCategory.SERVED, days=1, start=RetentionStart.DELETION),
        )
        assert judge(standing(), table, NOW).until == NOW + 30 * DAY
        assert judge(standing(served_until=NOW - 100 * DAY), table, NOW).until == NOW + DAY


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    # With the rights of the server and no more.
    async with house_on(f"{database_url}?role={APP_ROLE}") as furnished:
        yield furnished


async def deleted(house: House, memo: str = "2") -> Deletion:
    return await house.registry.delete(Principal(account=PARTNER), Reference(memo=memo))


async def delivered(house: House) -> UUID:
    """Deliver one remittance to its end."""
    opened = await house.open()
    await house.pay(opened.memo)
    await house.match()
    house.rail.script.append(Behaviour.SETTLE)
    await house.work()
    await house.hear()
    assert (await house.remittance(opened.id)).status == "completed"
    return opened.id


async def erased(house: House) -> int:
    return await erase_due(house.database, house.configuration.anchor, house.clock)


async def is_erased(house: House, customer_id: UUID) -> bool:
    return bool(await house.value("SELECT wrapped_key IS NULL FROM customers WHERE id = $1", customer_id))


class TestErasing:
    async def test_who_received_money_is_kept_and_erased_when_the_time_is_over(self, house: House) -> None:
        await delivered(house)
        deletion = await deleted(house)
        assert (deletion.is_erased, deletion.verdict.cause) == (False, Cause.SERVED)
        assert deletion.verdict.until == house.clock.now() + FIVE_YEARS

        house.clock.advance(FIVE_YEARS - DAY)
        assert await erased(house) == 0
        house.clock.advance(DAY)
        assert await erased(house) == 1
        assert await erased(house) == 0

        assert await is_erased(house, house.receiver_id)
        assert not await is_erased(house, house.sender_id)
        for table in ("customer_fields", "customer_indexes"):
            query = f"SELECT count(*) FROM {table} WHERE customer_id = $1"
            assert await house.value(query, house.receiver_id) == 0
        audited = await house.value(
            "SELECT array_agg(actor || ' ' || action ORDER BY id) FROM audit_log WHERE subject LIKE 'customer %'"
        )
        assert audited == [f"{PARTNER} customer.restrict", "scheduler customer.erase"]

    async def test_a_remittance_that_ends_after_the_deletion_counts(self, house: House) -> None:
        opened = await house.open()
        assert (await deleted(house)).verdict.cause is Cause.UNDER_WAY
        await house.pay(opened.memo)
        await house.match()
        house.rail.script.append(Behaviour.SETTLE)
        await house.work()
        assert len(house.rail.submissions) == 1
        await house.hear()

        assert (await house.remittance(opened.id)).status == "completed"
        assert await erased(house) == 0
        house.clock.advance(FIVE_YEARS)
        assert await erased(house) == 1

    async def test_a_remittance_that_was_never_paid_keeps_nobody(self, house: House) -> None:
        opened = await house.open()
        await deleted(house)
        assert await erased(house) == 0
        await house.execute("UPDATE remittances SET status = 'expired' WHERE id = $1", opened.id)
        assert await erased(house) == 1

    async def test_many_are_erased_page_by_page(self, house: House) -> None:
        anchor = house.configuration.anchor
        terms = (RetentionTerms(category=RetentionCategory.UNSERVED, days=1, start=RetentionStart.DELETION),)
        house.configuration = replace(house.configuration, anchor=replace(anchor, retention=terms))
        await house.execute(
            """
            INSERT INTO customers (id, account, memo_kind, memo, wrapped_key, key_version, restricted_at)
            SELECT gen_random_uuid(), $1, 'id', n::text, '\\x00', 1, $2 FROM generate_series(1000, 1449) AS n
            """,
            PARTNER,
            house.clock.now(),
        )
        assert await erased(house) == 0
        house.clock.advance(DAY)
        assert await erased(house) == 450


class TestLegalHolds:
    async def test_nothing_is_erased_while_one_stands(self, house: House) -> None:
        reason = "Request 17/2026 of the court"
        for actor in ("operator 1", "operator 2"):
            await place_hold(
                house.database, house.receiver_id, reason=reason, actor=actor, randomness=house.randomness
            )
        assert (await deleted(house)).verdict.cause is Cause.LAW
        assert await erased(house) == 0

        lifted = await lift_holds(house.database, house.receiver_id, reason="Over", actor="operator 1")

        assert len(lifted) == 2
        assert await erased(house) == 1
        audited = await house.value(
            "SELECT array_agg(action ORDER BY id) FROM audit_log WHERE subject LIKE 'customer %'"
        )
        assert audited == [
            "customer.hold",
            "customer.hold",
            "customer.restrict",
            "customer.lift",
            "customer.erase",
        ]

    async def test_the_database_itself_refuses(self, house: House) -> None:
        await place_hold(
            house.database, house.receiver_id, reason="Court", actor="operator 1", randomness=house.randomness
        )
        await deleted(house)
        for statement in (
            "UPDATE customers SET wrapped_key = NULL, key_version = NULL, erased_at = now() WHERE id = $1",
            "UPDATE customers SET restricted_at = NULL WHERE id = $1",
            "UPDATE legal_holds SET reason = 'Other' WHERE customer_id = $1",
        ):
            with pytest.raises(asyncpg.RestrictViolationError):
                await house.execute(statement, house.receiver_id)

    async def test_a_reason_is_needed_and_a_customer_too(self, house: House) -> None:
        for customer_id, reason, refusal in (
            (house.receiver_id, " ", BadInput),
            (house.receiver_id, "x" * 501, BadInput),
            (UUID(int=5), "Court", NotFound),
        ):
            with pytest.raises(refusal):
                await place_hold(
                    house.database,
                    customer_id,
                    reason=reason,
                    actor="operator 1",
                    randomness=house.randomness,
                )
        with pytest.raises(NotFound):
            await lift_holds(house.database, house.receiver_id, reason="Over", actor="operator 1")
