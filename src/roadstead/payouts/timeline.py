"""The life of a remittance as one list of events, oldest first: what people read when they are asked where money is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from roadstead.database.pool import Connection

_EVENTS = """
SELECT reached_at AS at, 'remittance' AS part, status_to AS what, concat_ws(': ', cause, message) AS detail, id AS place
FROM remittance_history WHERE remittance_id = $1
UNION ALL
SELECT ledger_closed_at, 'payment', kind,
    concat_ws(' ', 'transaction', transaction_hash, 'from', payer, '->', disposition, reason), operation_id
FROM payments WHERE remittance_id = $1
UNION ALL
SELECT h.reached_at, 'payout', h.status_to,
    concat_ws(' ', p.end_to_end_id, 'over', COALESCE(h.rail, p.rail), h.reason), h.id
FROM payout_history AS h JOIN payouts AS p ON p.id = h.payout_id WHERE p.remittance_id = $1
UNION ALL
SELECT a.written_at, 'attempt', 'written', concat_ws(' ', a.key, 'over', a.rail), a.number
FROM payout_attempts AS a JOIN payouts AS p ON p.id = a.payout_id WHERE p.remittance_id = $1
UNION ALL
SELECT e.occurred_at, 'bank', e.status, concat_ws(' ', e.reference, e.reason, '->', e.conclusion), e.id
FROM rail_events AS e JOIN payout_attempts AS a ON a.key = e.key JOIN payouts AS p ON p.id = a.payout_id
WHERE p.remittance_id = $1
UNION ALL
SELECT posted_at, 'ledger', event, idempotency_key, id FROM postings WHERE remittance_id = $1
ORDER BY at, part, place LIMIT $2
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEvent:
    """One thing that happened to a remittance: in which part of the house, what, and the detail that identifies it."""

    at: datetime
    part: str
    what: str
    detail: str


async def timeline(connection: Connection, remittance_id: UUID, *, limit: int = 500) -> list[TimelineEvent]:
    """Tell everything that happened to a remittance, oldest first; no personal data are in it."""
    rows = await connection.fetch(_EVENTS, remittance_id, limit)
    return [
        TimelineEvent(at=row["at"], part=row["part"], what=row["what"], detail=row["detail"] or "")
        for row in rows
    ]
