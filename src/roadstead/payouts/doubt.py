"""Payouts that may have been paid in a time of which a restored database knows nothing.

Their attempt keys are the same as then, because they follow from the remittance. So the bank is asked about an attempt
before it is sent, as if its answer had been lost; and what the bank told before the attempt was written again counts.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from roadstead.database.pool import Connection
from roadstead.payouts.events import NOT_OURS

CLOCKS_APART_MAX = timedelta(minutes=10)
"""How far the clocks of the ledgers and of the database may be apart; to ask for nothing costs one call."""


async def lost_since(connection: Connection, payout_id: UUID) -> datetime | None:
    """Return from when on attempts of this payout may have been lost; None when none can have been."""
    since: datetime | None = await connection.fetchval(
        """
        SELECT min(r.taken_at) FROM payouts AS o
        JOIN remittances AS m ON m.id = o.remittance_id
        JOIN payments AS p ON p.operation_id = m.funded_by
        JOIN restorations AS r ON p.ledger_closed_at <= r.restored_at + $2::interval
        WHERE o.id = $1
        """,
        payout_id,
        CLOCKS_APART_MAX,
    )
    return since


async def hear_again(connection: Connection, rail: str, key: str) -> bool:
    """Let what a rail told of an attempt before it was written again be applied; tell whether there was anything."""
    done: str = await connection.execute(
        """
        UPDATE rail_events SET applied_at = NULL, conclusion = NULL, due_at = now()
        WHERE rail = $1 AND key = $2 AND conclusion = $3
        """,
        rail,
        key,
        NOT_OURS,
    )
    return done != "UPDATE 0"


async def may_be_paid_unknown_to_us(connection: Connection, payout_id: UUID) -> bool:
    """Whether a rail told that it pays an attempt which was lost, so that the money must not go back to its payer."""
    return await _is_said_to_be_paid(connection, payout_id, besides=None)


async def is_with_another_rail(connection: Connection, payout_id: UUID, rail: str) -> bool:
    """Whether another rail than this one told that it pays an attempt which was lost: this one must not be asked to."""
    return await _is_said_to_be_paid(connection, payout_id, besides=rail)


async def _is_said_to_be_paid(connection: Connection, payout_id: UUID, *, besides: str | None) -> bool:
    if await lost_since(connection, payout_id) is None:
        return False
    found: bool = await connection.fetchval(
        """
        SELECT EXISTS (
            SELECT FROM (
                SELECT DISTINCT ON (e.rail, e.key) e.status FROM rail_events AS e
                JOIN payouts AS p ON p.end_to_end_id = e.end_to_end_id
                WHERE p.id = $1 AND e.rail IS DISTINCT FROM $2 AND e.conclusion = $3
                ORDER BY e.rail, e.key, e.id DESC) AS last
            WHERE status IN ('received', 'accepted', 'settled'))
        """,
        payout_id,
        besides,
        NOT_OURS,
    )
    return found
