"""Noting on a remittance that it will not be delivered, and what its partner is told meanwhile."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from roadstead.database.pool import Connection


async def mark_cancelled(connection: Connection, remittance_id: UUID, now: datetime) -> bool:
    """Note that a funded remittance will not be delivered, once; False when that stands there already."""
    done = await connection.execute(
        "UPDATE remittances SET cancelled_at = $2 WHERE id = $1 AND cancelled_at IS NULL", remittance_id, now
    )
    return bool(done == "UPDATE 1")


async def explain(connection: Connection, remittance_id: UUID, message: str) -> None:
    """Say something else of a remittance that stays where it is."""
    await connection.execute(
        "UPDATE remittances SET status_message = $2 WHERE id = $1", remittance_id, message
    )
