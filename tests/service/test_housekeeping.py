"""What a scheduler clears away whether or not anybody is verified now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest
from tests.fixtures.house import House, house_on

from roadstead.service.housekeeping import housekeeping
from roadstead.verification.doorbell import KEPT_FOR
from roadstead.verification.forgetting import LATE_AFTER

HOUR = timedelta(hours=1)


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        yield furnished


async def clear_away(house: House) -> None:
    for job in housekeeping(house.database, house.configuration.anchor, house.clock):
        await job.run()


class TestWhereNobodyIsVerifiedAnyMore:
    async def test_what_verifiers_rang_with_goes_when_its_time_is_over(self, house: House) -> None:
        for age in (KEPT_FOR - HOUR, KEPT_FOR + HOUR):
            await house.execute(
                """
                INSERT INTO verifier_events (id, verifier, wrapped_key, key_version, body, refs, received_at)
                VALUES ($1, 'identity', 'x', 1, 'x', '{}', $2)
                """,
                uuid4(),
                house.clock.now() - age,
            )
        await clear_away(house)
        assert await house.value("SELECT count(*) FROM verifier_events") == 1

    async def test_people_are_told_of_verifiers_that_were_never_told_to_forget(self, house: House) -> None:
        await house.execute(
            "INSERT INTO verifier_erasures (customer_id, verifier, due_at, ordered_at) VALUES ($1, 'identity', $2, $2)",
            house.receiver_id,
            house.clock.now() - LATE_AFTER - HOUR,
        )
        await clear_away(house)
        assert "verifier_remembers" in await house.alerts()
