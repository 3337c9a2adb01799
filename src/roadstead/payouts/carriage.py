"""What carries the money of a remittance now: the rail of its payout, and when the bank has it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from roadstead.database.pool import Connection
from roadstead.remittances.forecast import Carriage


async def carriage_of(connection: Connection, remittance_id: UUID, now: datetime) -> Carriage | None:
    """Return what carries a remittance; None while it has no payout.

    An attempt that goes by file is handed over with its batch: when that was sent, else when it is to be closed, and
    never before now. A batch of which nobody can say whether it was sent counts from when that was found.
    """
    row = await connection.fetchrow(
        """
        SELECT coalesce(a.rail, p.rail) AS rail,
            CASE WHEN b.id IS NULL THEN coalesce(a.taken_on_at, a.written_at)
                ELSE coalesce(b.sent_at, b.withheld_at, greatest(coalesce(b.closed_at, b.closes_at), $2))
                END AS handed_over_at
        FROM payouts AS p
        LEFT JOIN payout_attempts AS a ON a.payout_id = p.id AND a.status = 'open'
        LEFT JOIN batch_items AS i ON i.key = a.key AND i.rail = a.rail
        LEFT JOIN batches AS b ON b.id = i.batch_id
        WHERE p.remittance_id = $1
        """,
        remittance_id,
        now,
    )
    return None if row is None else Carriage(rail=row["rail"], handed_over_at=row["handed_over_at"])
