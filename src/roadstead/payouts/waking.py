"""Waking payouts that wait for something which has just arrived; without it they look again by themselves."""

from __future__ import annotations

from uuid import UUID

from roadstead.database.pool import Database
from roadstead.payouts.preparation import BEING_VERIFIED


async def wake_for_customer(database: Database, customer_id: UUID) -> None:
    """Let the payouts that wait for data of a customer be looked at now.

    Raises:
        Unavailable: The database does not answer; they look again by themselves.
    """
    async with database.connection() as connection:
        await connection.execute(
            """
            UPDATE payouts AS p SET due_at = now() FROM remittances AS r
            WHERE r.id = p.remittance_id AND (r.sender_id = $1 OR r.receiver_id = $1)
                AND (r.status = 'pending_customer_info_update' OR r.status_message = $2)
                AND p.status = 'ordered' AND p.due_at > now()
            """,
            customer_id,
            BEING_VERIFIED,
        )


async def wake(database: Database, remittance_id: UUID) -> None:
    """Let the payout of a remittance whose fields were corrected be looked at now.

    Raises:
        Unavailable: The database does not answer; it looks again by itself.
    """
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE payouts SET due_at = now() WHERE remittance_id = $1 AND status = 'ordered' AND due_at > now()",
            remittance_id,
        )
