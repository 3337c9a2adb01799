"""The emergency stop: one person stops, two let it go again, and the database asks for both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest
from tests.fixtures.operators import add_operator, vote

from roadstead.database.pool import Connection, Database
from roadstead.errors import BadInput
from roadstead.money import parse_asset
from roadstead.operations.holds import HoldKind, place_hold
from roadstead.operations.stops import Outgoing, is_stopped, open_stops, stop

EUR = parse_asset("iso4217:EUR")
GBP = parse_asset("iso4217:GBP")


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Connection]:
    async with database.connection() as borrowed:
        yield borrowed


async def stopped(connection: Connection) -> dict[str, bool]:
    return {
        f"{what} {asset.code}": await is_stopped(connection, what, (asset,))
        for what in (Outgoing.PAYOUTS, Outgoing.REFUNDS)
        for asset in (EUR, GBP)
    }


class TestStopping:
    @pytest.mark.parametrize(
        ("what", "asset", "expected"),
        [
            (Outgoing.PAYOUTS, None, {"payouts EUR", "payouts GBP"}),
            (Outgoing.REFUNDS, EUR, {"refunds EUR"}),
            (Outgoing.ALL, GBP, {"payouts GBP", "refunds GBP"}),
            (Outgoing.ALL, None, {"payouts EUR", "payouts GBP", "refunds EUR", "refunds GBP"}),
        ],
    )
    async def test_stops_this_and_nothing_else(
        self, what: Outgoing, asset: object, expected: set[str], connection: Connection
    ) -> None:
        chosen = EUR if asset == EUR else GBP if asset == GBP else None
        await stop(connection, what=what, asset=chosen, reason="leak", actor="operator 1")

        found = await stopped(connection)
        assert {name for name, holds in found.items() if holds} == expected

    async def test_again_keeps_the_first_and_tells_nobody_twice(self, connection: Connection) -> None:
        first = await stop(connection, what=Outgoing.ALL, asset=None, reason="leak", actor="operator 1")
        second = await stop(connection, what=Outgoing.ALL, asset=None, reason="flood", actor="operator 2")

        assert first == second
        assert [found.reason for found in await open_stops(connection)] == ["leak"]
        assert await connection.fetchval("SELECT count FROM alerts WHERE severity = 'critical'") == 1
        assert (
            await connection.fetchval("SELECT count(*) FROM audit_log WHERE action = 'outgoing.stopped'") == 1
        )

    async def test_needs_a_reason(self, connection: Connection) -> None:
        with pytest.raises(BadInput, match="reason"):
            await stop(connection, what=Outgoing.ALL, asset=None, reason=" ", actor="operator 1")


class TestResuming:
    @pytest.fixture
    async def stop_id(self, connection: Connection) -> UUID:
        return await stop(connection, what=Outgoing.ALL, asset=None, reason="leak", actor="operator 1")

    async def _hold(self, connection: Connection, stop_id: UUID, approvals: int) -> UUID:
        return await place_hold(
            connection,
            kind=HoldKind.RESUME,
            subject=str(stop_id),
            content={"stop_id": str(stop_id)},
            reason="over",
            approvals=approvals,
        )

    async def _resume(self, connection: Connection, stop_id: UUID, hold_id: UUID) -> None:
        await connection.execute(
            "UPDATE stops SET resumed_at = now(), resumed_by = $2 WHERE id = $1", stop_id, hold_id
        )

    @pytest.mark.parametrize("change", ["resumed_at = now()", "what = 'refunds'", "asset = 'iso4217:JPY'"])
    async def test_is_not_done_by_hand(self, change: str, stop_id: UUID, connection: Connection) -> None:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await connection.execute(f"UPDATE stops SET {change} WHERE id = $1", stop_id)

    async def test_is_not_done_by_one_person(self, stop_id: UUID, connection: Connection) -> None:
        piet = await add_operator(connection, "piet")
        alone = await self._hold(connection, stop_id, 1)
        await vote(connection, alone, piet, "propose")

        with pytest.raises(asyncpg.RestrictViolationError, match="two people"):
            await self._resume(connection, stop_id, alone)

    async def test_is_not_done_before_the_second_agrees(self, stop_id: UUID, connection: Connection) -> None:
        piet = await add_operator(connection, "piet")
        both = await self._hold(connection, stop_id, 2)
        await vote(connection, both, piet, "propose")

        with pytest.raises(asyncpg.RestrictViolationError, match="two people"):
            await self._resume(connection, stop_id, both)

    async def test_is_done_when_both_agree(self, stop_id: UUID, connection: Connection) -> None:
        piet, anna = await add_operator(connection, "piet"), await add_operator(connection, "anna")
        both = await self._hold(connection, stop_id, 2)
        await vote(connection, both, piet, "propose")
        await vote(connection, both, anna, "approve")
        await self._resume(connection, stop_id, both)

        assert not any((await stopped(connection)).values())
        assert await open_stops(connection) == []
