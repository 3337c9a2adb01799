"""Moving many remittances in one statement: the same compare-and-set as one by one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from roadstead.database.pool import Connection
from roadstead.errors import Conflict
from roadstead.remittances.store import Move


async def move_all(connection: Connection, steps: Sequence[Move], now: datetime) -> None:
    """Move remittances, each once, by compare-and-set; the database writes their history with it.

    Raises:
        Conflict: One of them is no longer in the state that its move comes from.
    """
    done = await connection.execute(
        """
        UPDATE remittances AS r
        SET status = s.status_to, status_at = $7, status_cause = s.cause, status_message = s.message,
            reference = COALESCE(s.reference, r.reference), required_info_updates = NULL,
            completed_at = CASE WHEN s.status_to IN ('completed', 'refunded') THEN $7 ELSE r.completed_at END
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
            AS s (id, status_from, status_to, cause, message, reference)
        WHERE r.id = s.id AND r.status = s.status_from
        """,
        [step.remittance_id for step in steps],
        [step.status_from for step in steps],
        [step.status_to for step in steps],
        [step.cause for step in steps],
        [step.message for step in steps],
        [step.reference for step in steps],
        now,
    )
    if done != f"UPDATE {len(steps)}":
        raise Conflict(
            "Remittances are no longer where their moves come from: look again before moving them."
        )
