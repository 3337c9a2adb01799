"""Who is let in, and how long an answer is remembered."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.fixtures.authentication import key

from roadstead.clock import ManualClock
from roadstead.database.pool import Database
from roadstead.errors import Forbidden, Unavailable
from roadstead.partners import directory, registry
from roadstead.partners.directory import CachedPartnerDirectory

ACCOUNT = key("client").public_key


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def partners(database: Database, clock: ManualClock) -> CachedPartnerDirectory:
    return CachedPartnerDirectory(database, clock, support_email="support@anchor.example")


async def lets_in(partners: CachedPartnerDirectory) -> bool:
    try:
        await partners.require_active(ACCOUNT)
    except Forbidden:
        return False
    return True


class TestWhoIsLetIn:
    async def test_an_account_of_a_partner(
        self, partners: CachedPartnerDirectory, database: Database
    ) -> None:
        await registry.add(database, "Sending Anchor", [ACCOUNT], "alex")
        assert await lets_in(partners)

    async def test_nobody_else_and_it_is_told_whom_to_ask(self, partners: CachedPartnerDirectory) -> None:
        with pytest.raises(Forbidden, match=r"write to support@anchor\.example"):
            await partners.require_active(ACCOUNT)

    async def test_without_an_address_stellar_toml_is_pointed_at(
        self, database: Database, clock: ManualClock
    ) -> None:
        with pytest.raises(Forbidden, match=r"stellar\.toml"):
            await CachedPartnerDirectory(database, clock).require_active(ACCOUNT)


class TestHowLongAnAnswerIsRemembered:
    async def test_a_disabled_partner_is_refused_after_a_second(
        self, partners: CachedPartnerDirectory, database: Database, clock: ManualClock
    ) -> None:
        await registry.add(database, "Sending Anchor", [ACCOUNT], "alex")
        assert await lets_in(partners)
        await registry.disable(database, "Sending Anchor", "sam")
        clock.advance(timedelta(milliseconds=999))
        assert await lets_in(partners)
        clock.advance(timedelta(milliseconds=1))
        assert not await lets_in(partners)

    async def test_a_new_partner_is_let_in_after_a_second(
        self, partners: CachedPartnerDirectory, database: Database, clock: ManualClock
    ) -> None:
        assert not await lets_in(partners)
        await registry.add(database, "Sending Anchor", [ACCOUNT], "alex")
        assert not await lets_in(partners)
        clock.advance(timedelta(seconds=1))
        assert await lets_in(partners)

    async def test_a_clock_set_back_does_not_make_it_last(
        self, partners: CachedPartnerDirectory, database: Database, clock: ManualClock
    ) -> None:
        await registry.add(database, "Sending Anchor", [ACCOUNT], "alex")
        assert await lets_in(partners)
        await registry.disable(database, "Sending Anchor", "sam")
        clock.advance(timedelta(hours=-1))
        assert not await lets_in(partners)

    async def test_no_more_answers_are_remembered_than_the_limit(
        self, database: Database, clock: ManualClock
    ) -> None:
        partners = CachedPartnerDirectory(database, clock, remembered_max=3)
        for number in range(5):
            with pytest.raises(Forbidden):
                await partners.require_active(key(str(number)).public_key)
        assert len(partners._findings) == 3


class TestWithoutADatabase:
    async def test_nobody_is_let_in_on_an_old_answer(
        self, partners: CachedPartnerDirectory, database: Database, clock: ManualClock
    ) -> None:
        await registry.add(database, "Sending Anchor", [ACCOUNT], "alex")
        assert await lets_in(partners)
        await database.close()
        clock.advance(directory.REMEMBERED_FOR)
        with pytest.raises(Unavailable):
            await partners.require_active(ACCOUNT)
