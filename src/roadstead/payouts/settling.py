"""Settling many payouts at once: what `recording` does to each, where nothing about them is out of the ordinary.

A bank's statement tells of a day's payouts in one breath. Nearly all of them wait for exactly this word, and nobody was
asked anything about them; those are settled in a handful of statements. Every other is recorded one by one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from roadstead.database.pool import Connection, Row
from roadstead.ledger.postings import Delivery, Posting, payout_settled
from roadstead.ledger.store import post
from roadstead.money import Money, parse_asset
from roadstead.payouts.states import Advance, AttemptStatus, PayoutStatus, Standing, conclude, standing
from roadstead.rails.protocol import RailStatus
from roadstead.remittances.moving import move_all
from roadstead.remittances.states import RemittanceStatus
from roadstead.remittances.store import Move

_PLAIN = Advance(standing=Standing.SETTLED, settles=True)
"""What a settlement makes of an attempt that the rail has taken on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settlement:
    event_id: int
    key: str
    rail: str
    reference: str | None
    payout_id: UUID
    payout_status: PayoutStatus
    delivery: Delivery

    @property
    def is_plain(self) -> bool:
        here = standing(AttemptStatus.OPEN, self.payout_status, is_taken_on=True)
        return conclude(here, RailStatus.SETTLED) == _PLAIN

    @property
    def move(self) -> Move:
        return Move(
            remittance_id=self.delivery.remittance_id,
            status_from=RemittanceStatus.PENDING_EXTERNAL,
            status_to=RemittanceStatus.COMPLETED,
            cause=f"payout {PayoutStatus.SETTLED} (event)",
            reference=self.reference,
        )

    @property
    def posting(self) -> Posting:
        return payout_settled(self.key, self.rail, self.delivery)


async def settle_plain(connection: Connection, event_ids: Sequence[int], now: datetime) -> Collection[int]:
    """Apply those of some locked rail events that settle a payout in the ordinary way; return their ids.

    Whatever is in doubt, in another worker's hands, or asked of people is left to be recorded one by one.

    Raises:
        Conflict: A remittance moved meanwhile; the caller undoes everything and goes one by one.
    """
    rows = await connection.fetch(_SETTLEMENTS, list(event_ids))
    settlements = list({row["key"]: one for row in rows if (one := _settlement(row)).is_plain}.values())
    if not settlements:
        return ()
    await connection.execute(
        """
        UPDATE payout_attempts AS a
        SET status = 'settled', reference = COALESCE(s.reference, a.reference), status_at = $3,
            submitted_at = COALESCE(a.submitted_at, $3), settled_at = COALESCE(a.settled_at, $3)
        FROM unnest($1::text[], $2::text[]) AS s (key, reference) WHERE a.key = s.key
        """,
        [one.key for one in settlements],
        [one.reference for one in settlements],
        now,
    )
    await connection.execute(
        """
        UPDATE payouts SET status = 'settled', reason = NULL, status_at = $2, due_at = NULL WHERE id = ANY($1::uuid[])
        """,
        [one.payout_id for one in settlements],
        now,
    )
    await post(connection, [one.posting for one in settlements])
    await move_all(connection, [one.move for one in settlements], now)
    applied = [one.event_id for one in settlements]
    await connection.execute(
        "UPDATE rail_events SET applied_at = $2, conclusion = $3 WHERE id = ANY($1::bigint[])",
        applied,
        now,
        str(Standing.SETTLED),
    )
    return applied


_SETTLEMENTS = """
SELECT e.id AS event_id, a.key, a.rail, e.reference, p.id AS payout_id, p.status AS payout_status, p.remittance_id,
    r.asset_in, r.amount_in_units, r.fee_asset, r.service_fee_units, r.rounding_units, r.asset_out, r.amount_out_units
FROM rail_events AS e
JOIN payout_attempts AS a ON a.key = e.key AND a.rail = e.rail
JOIN payouts AS p ON p.id = a.payout_id
JOIN remittances AS r ON r.id = p.remittance_id
WHERE e.id = ANY($1::bigint[]) AND e.status = 'settled' AND e.reason IS NULL AND e.applied_at IS NULL
    AND a.status = 'open' AND a.taken_on_at IS NOT NULL AND p.status IN ('submitted', 'accepted')
    AND r.status = 'pending_external' AND r.amount_out_units IS NOT NULL
    AND NOT EXISTS (SELECT FROM payout_attempts AS o
        WHERE o.payout_id = p.id AND o.key <> a.key AND o.status <> 'refused')
    AND NOT EXISTS (SELECT FROM holds AS h WHERE h.subject = p.id::text AND h.status NOT IN ('applied', 'withdrawn'))
    AND NOT EXISTS (SELECT FROM alerts AS l WHERE l.subject = p.id::text AND l.status <> 'closed')
ORDER BY e.id FOR UPDATE OF p, r SKIP LOCKED
"""


def _settlement(row: Row) -> _Settlement:
    token = parse_asset(row["asset_in"])
    return _Settlement(
        event_id=row["event_id"],
        key=row["key"],
        rail=row["rail"],
        reference=row["reference"],
        payout_id=row["payout_id"],
        payout_status=PayoutStatus(row["payout_status"]),
        delivery=Delivery(
            remittance_id=row["remittance_id"],
            amount_in=Money(token, row["amount_in_units"]),
            service_fee=Money(parse_asset(row["fee_asset"]), row["service_fee_units"]),
            rounding=Money(parse_asset(row["fee_asset"]), row["rounding_units"]),
            amount_out=Money(parse_asset(row["asset_out"]), row["amount_out_units"]),
        ),
    )
