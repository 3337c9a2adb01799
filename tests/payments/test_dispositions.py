"""What becomes of payments, as the database holds it: the same table as the code's, and no way around it."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from tests.fixtures.house import House, house_on

from roadstead.payments.dispositions import MOVES, Disposition
from roadstead.payments.queue import Part, history, totals, waiting


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        yield furnished


class TestMoves:
    async def test_the_database_has_the_very_same_table(self, house: House) -> None:
        async with house.database.connection() as connection:
            rows = await connection.fetch("SELECT disposition_from, disposition_to FROM payment_moves")
        assert {(row[0], row[1]) for row in rows} == {(origin.value, end.value) for origin, end in MOVES}

    def test_nothing_leads_out_of_what_is_final(self) -> None:
        assert not any(origin.is_final for origin, _ in MOVES)

    def test_every_disposition_can_be_reached(self) -> None:
        assert {end for _, end in MOVES} | {Disposition.STORED} == set(Disposition)

    async def test_nothing_leaves_the_queue_but_by_a_move(self, house: House) -> None:
        operation_id = await house.pay(12345)
        await house.match()
        for disposition in ("stored", "refunded"):
            with pytest.raises((asyncpg.ForeignKeyViolationError, asyncpg.CheckViolationError)):
                await house.execute(
                    "UPDATE payments SET disposition = $2 WHERE operation_id = $1", operation_id, disposition
                )
        with pytest.raises(asyncpg.RestrictViolationError):
            await house.execute("DELETE FROM payments")

    async def test_what_arrived_does_not_change(self, house: House) -> None:
        await house.pay(12345)
        for change in ("amount_units = 1", "payer = receiving_account", "memo = NULL, memo_kind = 'none'"):
            with pytest.raises(asyncpg.RestrictViolationError):
                await house.execute(f"UPDATE payments SET {change}")

    async def test_a_remittance_is_not_funded_with_more_than_arrived(self, house: House) -> None:
        opened = await house.open("100")
        operation_id = await house.pay(opened.memo, 999_999_999)
        with pytest.raises(asyncpg.RestrictViolationError, match="would be funded"):
            await house.execute(
                "UPDATE remittances SET funded_by = $2, status = 'pending_receiver' WHERE id = $1",
                opened.id,
                operation_id,
            )


class TestTheQueue:
    async def test_shows_what_waits_longest_first_with_readable_memos(self, house: House) -> None:
        first = await house.pay(12345, 5)
        second = await house.pay(b"rent\x00", 7, memo_kind="text")
        await house.match()
        async with house.database.connection() as connection:
            entries = await waiting(connection, limit=10)
        assert [(one.operation_id, one.part, one.reason, one.memo) for one in entries] == [
            (first, Part.PAYMENT, "unknown_memo", "12345"),
            (second, Part.PAYMENT, "memo_kind", "rent\\x00"),
        ]

    async def test_adds_up_by_asset_and_reason(self, house: House) -> None:
        for _ in range(3):
            await house.pay(12345, 5)
        await house.pay(None, 7)
        await house.match()
        async with house.database.connection() as connection:
            found = await totals(connection)
        assert [(one.reason, one.count, one.amount.units) for one in found] == [
            ("no_memo", 1, 7),
            ("unknown_memo", 3, 15),
        ]

    async def test_remembers_how_each_came_there(self, house: House) -> None:
        operation_id = await house.pay(12345, 5)
        await house.match()
        async with house.database.connection() as connection:
            (line,) = await history(connection, operation_id)
        assert (line.disposition_from, line.disposition_to, line.reason, line.cause) == (
            "stored",
            "unmatched",
            "unknown_memo",
            "matcher",
        )
