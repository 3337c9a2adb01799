from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fixtures.house import House, house_on

from roadstead.errors import InvariantViolated
from roadstead.ledger import chart
from roadstead.ledger.events import EVENTS
from roadstead.ledger.postings import (
    Delivery,
    Entry,
    Posting,
    payment_matched,
    payment_unmatched,
    payout_refused,
    payout_returned,
    payout_settled,
    payout_submitted,
    require_balance,
)
from roadstead.ledger.store import post
from roadstead.money import Money, currency, stellar_asset

ISSUER = "GCQERRGJ474KHMQCMC74BCPY3HMYDGV7NNCYYJLJOABPBRC6REZOYCUL"
EURX = stellar_asset("EURX", ISSUER)
EUR = currency("EUR")


def delivery(amount_in: int, service_fee: int, rounding: int, amount_out: int) -> Delivery:
    return Delivery(
        remittance_id=uuid4(),
        amount_in=Money(EURX, amount_in),
        service_fee=Money(EURX, service_fee),
        rounding=Money(EURX, rounding),
        amount_out=Money(EUR, amount_out),
    )


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        yield furnished


class TestPostings:
    @given(
        cents=st.integers(min_value=1, max_value=10**12),
        fee=st.integers(min_value=0, max_value=10**12),
        rounding=st.integers(min_value=0, max_value=99_999),
    )
    def test_every_event_balances_in_every_asset(self, cents: int, fee: int, rounding: int) -> None:
        one = delivery(cents * 100_000 + fee + rounding, fee, rounding, cents)
        for posting in (
            payment_matched(1, one),
            payment_unmatched(1, one.amount_in),
            payout_submitted("A", "sepa", one.remittance_id, one.amount_out),
            payout_refused("A", "sepa", one.remittance_id, one.amount_out),
            payout_settled("A", "sepa", one),
            payout_returned("A", "sepa", one, one.amount_out),
        ):
            require_balance(posting)

    def test_a_negative_amount_is_never_posted(self) -> None:
        with pytest.raises(InvariantViolated, match="negative"):
            payment_unmatched(1, Money(EURX, -1))

    def test_a_posting_that_does_not_balance_is_refused(self) -> None:
        entry = Entry(account=chart.PAYOUTS_OWED, amount=Money(EUR, 1))
        with pytest.raises(InvariantViolated, match=r"off by 0\.01 EUR"):
            require_balance(Posting(idempotency_key="k", event="e", remittance_id=None, entries=(entry,)))


class TestTheBooks:
    async def test_a_posting_is_made_once_however_often_it_comes(self, house: House) -> None:
        posting = payment_unmatched(7, Money(EURX, 100))
        for _ in range(3):
            async with house.database.transaction() as connection:
                await post(connection, [posting])
        assert await house.books() == {
            "tokens:received EURX": "0.0000100",
            "suspense:chain EURX": "-0.0000100",
        }

    async def test_the_same_key_with_other_entries_is_refused(self, house: House) -> None:
        async with house.database.transaction() as connection:
            await post(connection, [payment_unmatched(7, Money(EURX, 100))])
        with pytest.raises(InvariantViolated, match="other entries"):
            async with house.database.transaction() as connection:
                await post(connection, [payment_unmatched(7, Money(EURX, 101))])

    async def test_the_database_refuses_what_does_not_balance(self, house: House) -> None:
        with pytest.raises(asyncpg.CheckViolationError, match="does not balance"):
            await house.execute(
                """
                WITH p AS (INSERT INTO postings (idempotency_key, event) VALUES ('payment:7', 'payment_own')
                    RETURNING id)
                INSERT INTO entries SELECT id, 'payouts:owed', 'iso4217:EUR', 5 FROM p
                """
            )

    async def test_the_database_refuses_a_posting_without_entries(self, house: House) -> None:
        with pytest.raises(asyncpg.CheckViolationError, match="no entries"):
            await house.execute(
                "INSERT INTO postings (idempotency_key, event) VALUES ('payment:7', 'payment_own')"
            )

    @pytest.mark.parametrize(
        ("key", "event", "complaint"),
        [
            ("payment:7", "payment_eaten", "payment_eaten is not in the list"),
            ("payment:7", "clawed_back", "no key of the event clawed_back"),
            ("payment:7:excess", "payment_own", "no key of the event payment_own"),
        ],
    )
    async def test_the_database_refuses_events_and_keys_that_nobody_knows(
        self, house: House, key: str, event: str, complaint: str
    ) -> None:
        with pytest.raises(asyncpg.CheckViolationError, match=complaint):
            await house.execute("INSERT INTO postings (idempotency_key, event) VALUES ($1, $2)", key, event)

    async def test_the_database_lists_the_same_events(self, house: House) -> None:
        async with house.database.connection() as connection:
            rows = await connection.fetch("SELECT event, key_pattern FROM ledger_events")
        listed = {row["event"]: row["key_pattern"] for row in rows}
        assert {event: listed.get(event) for event in EVENTS} == {
            event: f"^{key}$" for event, key in EVENTS.items()
        }

    @pytest.mark.parametrize("name", [*chart.SIGNS, "slush:fund", "transit:", "tokens:receivedx"])
    async def test_the_database_knows_the_chart_and_no_other_account(self, house: House, name: str) -> None:
        account = name.replace(chart.ANY_RAIL, "sepa")
        statement = (
            "WITH p AS (INSERT INTO postings (idempotency_key, event) VALUES ('payment:7', 'payment_own') "
            "RETURNING id) INSERT INTO entries SELECT id, $1, 'iso4217:EUR', 5 FROM p"
        )
        complaint = "does not balance" if name in chart.SIGNS else "entries_account"
        with pytest.raises(asyncpg.CheckViolationError, match=complaint):
            await house.execute(statement, account)

    @pytest.mark.parametrize("table", ["postings", "entries", "audit_log"])
    async def test_nothing_that_was_posted_is_changed_or_taken_away(self, house: House, table: str) -> None:
        async with house.database.transaction() as connection:
            await post(connection, [payment_unmatched(7, Money(EURX, 100))])
        column = {"postings": "event", "entries": "account", "audit_log": "actor"}[table]
        for statement in (
            f"UPDATE {table} SET {column} = 'x'",
            f"DELETE FROM {table}",
            f"TRUNCATE {table} CASCADE",
        ):
            with pytest.raises(asyncpg.RestrictViolationError):
                await house.execute(statement)
