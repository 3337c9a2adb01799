"""Expiry: what was not paid in time ends, once the chain has surely been read past that time.

The clock of this machine decides nothing here. A remittance expires by the close time of ledgers that the observer has
read, with a margin, because the servers behind one Horizon differ by some ledgers: a page may come from one that is
behind. While the chain is not read, nothing expires.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from roadstead.database.pool import Database
from roadstead.remittances import store
from roadstead.remittances.states import RemittanceStatus

BATCH_MAX = 200

MARGIN_LEDGERS = 20
"""How far one Horizon may be behind another that answers at the same address."""
LEDGER_S_MAX = 9
"""How long a ledger takes to close on a slow day, in seconds; five is usual."""
MARGIN = timedelta(seconds=MARGIN_LEDGERS * LEDGER_S_MAX)

EXPIRED = "The payment did not come in time. Open another remittance."
"""What a partner is told."""


async def expire_due(database: Database, source: str, now: datetime) -> int:
    """Expire the unpaid remittances whose time was surely over; return how many.

    `source` names the cursor of the chain. A payment that is stored and not looked at yet keeps its remittance open,
    whatever it turns out to be. Safe to run anywhere, at any time, by any number of workers.

    Raises:
        Unavailable: The database does not answer; what was not committed is done again.
    """
    async with database.transaction() as connection:
        # One statement sees one moment: with the cursor it sees every payment that was stored with it.
        rows = await connection.fetch(
            """
            SELECT r.id, r.status FROM remittances AS r
            WHERE r.expires_at < (SELECT c.ledger_closed_at - $2::interval FROM cursors AS c WHERE c.source = $1)
                AND r.funded_by IS NULL
                AND r.status IN ('pending_sender', 'pending_receiver', 'pending_customer_info_update')
                AND NOT EXISTS (SELECT FROM payments AS p WHERE p.disposition = 'stored'
                    AND p.memo_kind = 'id' AND p.memo = int8send(r.memo))
            ORDER BY r.expires_at, r.id LIMIT $3 FOR UPDATE OF r SKIP LOCKED
            """,
            source,
            MARGIN,
            BATCH_MAX,
        )
        for row in rows:
            step = store.Move(
                remittance_id=row["id"],
                status_from=RemittanceStatus(row["status"]),
                status_to=RemittanceStatus.EXPIRED,
                cause="time over",
                message=EXPIRED,
            )
            await store.move(connection, step, now)
    return len(rows)
