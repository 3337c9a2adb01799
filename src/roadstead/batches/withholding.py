"""Batches after a restore: what a backup knew unsent may have been sent in the lost time, and is not sent again.

The database withholds such batches when the restoration is written (`withhold_batches`). Where the staged file of a
batch is known, the bank's folder tells whether it was published, and nothing has to be withheld.
"""

from __future__ import annotations

from datetime import datetime

from roadstead.batches.desk import FileDesk
from roadstead.database.pool import Connection
from roadstead.operations.alerts import AlertKind, Severity, open_alert


async def restored_after(connection: Connection, moment: datetime) -> bool:
    """Whether the database was restored from a backup since a moment, so that it may have forgotten batches."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM restorations WHERE restored_at > $1)", moment
    )
    return found


async def tell_withheld(desk: FileDesk) -> None:
    """Tell people of each withheld batch, once.

    Raises:
        Unavailable: The database does not answer.
    """
    async with desk.database.connection() as connection:
        untold = await connection.fetchval(
            "SELECT EXISTS (SELECT FROM batches WHERE rail = $1 AND status = 'withheld' AND told_at IS NULL)",
            desk.rail,
        )
    if not untold:
        return
    async with desk.database.transaction() as connection:
        rows = await connection.fetch(
            """
            UPDATE batches SET told_at = $2 WHERE rail = $1 AND status = 'withheld' AND told_at IS NULL
            RETURNING id, items, message_id
            """,
            desk.rail,
            desk.clock.now(),
        )
        for row in rows:
            await open_alert(
                connection,
                kind=AlertKind.BATCH_WITHHELD,
                subject=str(row["id"]),
                message=f"The database was restored from a backup in which batch {row['id']} of {desk.rail} with "
                f"{row['items']} payouts was not sent. It may have been sent since, and is not sent again. Ask the "
                f"bank for {row['message_id']}, and say of its payouts what became of them.",
                severity=Severity.CRITICAL,
            )
