"""Alerts: one for each thing that is wrong, however often it is told, and every channel hears of it once."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from roadstead.database.pool import Connection, Database
from roadstead.operations.alerts import AlertKind, Severity, close_alert, open_alert

KIND = AlertKind.OUTGOING_STOPPED


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Connection]:
    async with database.connection() as borrowed:
        yield borrowed


async def told(
    connection: Connection, message: str = "Something broke: look.", severity: Severity = Severity.WARNING
) -> None:
    await open_alert(connection, kind=KIND, subject="1", message=message, severity=severity)


async def alerts(connection: Connection) -> list[tuple[object, ...]]:
    rows = await connection.fetch("SELECT status, count, severity, message FROM alerts ORDER BY id")
    return [tuple(row) for row in rows]


async def notices(connection: Connection, channel: str = "email") -> list[tuple[object, ...]]:
    rows = await connection.fetch(
        "SELECT event, severity, message FROM alert_notices WHERE channel = $1 ORDER BY id", channel
    )
    return [tuple(row) for row in rows]


class TestOpening:
    async def test_writes_what_every_channel_has_to_tell(self, connection: Connection) -> None:
        await told(connection)

        assert await alerts(connection) == [("open", 1, "warning", "Something broke: look.")]
        for channel in ("email", "webhook"):
            assert await notices(connection, channel) == [("opened", "warning", "Something broke: look.")]

    async def test_again_counts_up_and_tells_nobody_twice(self, connection: Connection) -> None:
        await told(connection)
        await told(connection, "Something broke again: look.")

        assert await alerts(connection) == [("open", 2, "warning", "Something broke again: look.")]
        assert len(await notices(connection)) == 1

    async def test_again_and_worse_tells_it_and_it_never_gets_milder(self, connection: Connection) -> None:
        await told(connection)
        await connection.execute(
            "UPDATE alerts SET status = 'acknowledged', acknowledged_by = 'olga', acknowledged_at = now()"
        )
        await told(connection, severity=Severity.CRITICAL)
        await told(connection, severity=Severity.INFO)

        assert [row[:3] for row in await alerts(connection)] == [("open", 3, "critical")]
        assert [event for event, *_ in await notices(connection)] == ["opened", "raised"]

    async def test_what_is_undone_was_never_told(self, database: Database, connection: Connection) -> None:
        async def fail() -> None:
            async with database.transaction() as undone:
                await told(undone)
                raise RuntimeError

        with pytest.raises(RuntimeError):
            await fail()

        assert await alerts(connection) == []
        assert await notices(connection) == []

    async def test_never_fails_because_a_text_is_long(self, connection: Connection) -> None:
        await open_alert(connection, kind=KIND, subject="s" * 1000, message="m" * 5000)

        assert [len(str(row[3])) for row in await alerts(connection)] == [500]


class TestClosing:
    async def test_tells_why_and_lets_the_next_one_open(self, connection: Connection) -> None:
        await told(connection)
        await close_alert(connection, KIND, "1", reason="It works again.")
        await told(connection)

        assert [row[:2] for row in await alerts(connection)] == [("closed", 1), ("open", 1)]
        assert [(event, text) for event, _, text in await notices(connection)] == [
            ("opened", "Something broke: look."),
            ("closed", "It works again."),
            ("opened", "Something broke: look."),
        ]

    async def test_of_what_is_not_open_does_nothing(self, connection: Connection) -> None:
        await close_alert(connection, KIND, "1", reason="It works again.")

        assert await notices(connection) == []

    async def test_is_for_good(self, connection: Connection) -> None:
        await told(connection)
        await close_alert(connection, KIND, "1", reason="It works again.")

        with pytest.raises(asyncpg.RestrictViolationError, match="stays closed"):
            await connection.execute("UPDATE alerts SET message = 'x'")
