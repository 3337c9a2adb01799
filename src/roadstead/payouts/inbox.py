"""The SQL of the inbox of the rails: what they told, once per identity, and how far each has been read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from roadstead.database.pool import Connection, Row
from roadstead.money import Money, parse_asset
from roadstead.rails.protocol import RailEvent, RailStatus


async def store_events(
    connection: Connection, rail: str, events: Sequence[RailEvent], *, seen: str | None, cursor: str | None
) -> bool:
    """Store what a rail told, once per identity, and move the rail's cursor from `seen` to `cursor`.

    Returns False, and stores nothing, when another process moved the cursor meanwhile.
    """
    source = f"rail:{rail}"
    if cursor is not None:
        moved = await connection.fetchval(
            """
            INSERT INTO cursors (source, position) VALUES ($1, $2)
            ON CONFLICT (source) DO UPDATE SET position = EXCLUDED.position, read_at = now()
            WHERE cursors.position IS NOT DISTINCT FROM $3
            RETURNING true
            """,
            source,
            cursor,
            seen,
        )
        if not moved:
            return False
    await connection.executemany(
        """
        INSERT INTO rail_events (rail, identity, key, end_to_end_id, status, asset, amount_units, reference, reason,
            detail, occurred_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (rail, identity) DO NOTHING
        """,
        [
            (
                rail,
                event.identity,
                event.key,
                event.end_to_end_id,
                event.status,
                event.amount.asset.id if event.amount else None,
                event.amount.units if event.amount else None,
                event.reference,
                event.reason,
                event.detail,
                event.occurred_at,
            )
            for event in events
        ],
    )
    return True


async def rail_cursor(connection: Connection, rail: str) -> str | None:
    """Return how far a rail's events have been stored."""
    position: str | None = await connection.fetchval(
        "SELECT position FROM cursors WHERE source = $1", f"rail:{rail}"
    )
    return position


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingEvent:
    """A stored rail event that nobody has applied, with the attempt it speaks of, when that is ours."""

    id: int
    rail: str
    status: RailStatus
    amount: Money | None
    reference: str | None
    reason: str | None
    payout_id: UUID | None
    key: str | None


async def waiting_events(connection: Connection, limit: int) -> list[WaitingEvent]:
    """Lock the oldest events that are not applied and that no other worker has in hand.

    An event names its attempt by key; one that gives only the end-to-end id speaks of the attempt over its rail that
    may have paid, or else of the last one.
    """
    rows = await connection.fetch(
        """
        WITH e AS MATERIALIZED (
            SELECT * FROM rail_events WHERE applied_at IS NULL AND due_at <= now()
            ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
        SELECT e.id, e.rail, e.status, e.asset, e.amount_units, e.reference, e.reason, a.payout_id, a.key
        FROM e LEFT JOIN LATERAL (
            SELECT named.payout_id, named.key FROM (
                SELECT a.* FROM payout_attempts AS a WHERE e.key IS NOT NULL AND a.rail = e.rail AND a.key = e.key
                UNION ALL
                SELECT a.* FROM payouts AS p JOIN payout_attempts AS a ON a.payout_id = p.id
                WHERE e.key IS NULL AND a.rail = e.rail AND p.end_to_end_id = e.end_to_end_id) AS named
            ORDER BY named.status <> 'refused' DESC, named.number DESC LIMIT 1) AS a ON true
        ORDER BY e.id
        """,
        limit,
    )
    return [_waiting_event(row) for row in rows]


async def applied(connection: Connection, event_id: int, conclusion: str, now: datetime) -> None:
    """Mark an event as applied, with what was made of it."""
    await connection.execute(
        "UPDATE rail_events SET applied_at = $2, conclusion = $3 WHERE id = $1", event_id, now, conclusion
    )


async def postponed(connection: Connection, event_id: int) -> None:
    """Note that an event could not be applied; it waits longer after each failure, an hour at most."""
    await connection.execute(
        """
        UPDATE rail_events
        SET failures = failures + 1, due_at = now() + least(interval '1 hour', interval '5 s' * 2 ^ least(failures, 12))
        WHERE id = $1
        """,
        event_id,
    )


def _waiting_event(row: Row) -> WaitingEvent:
    asset, units = row["asset"], row["amount_units"]
    return WaitingEvent(
        id=row["id"],
        rail=row["rail"],
        status=RailStatus(row["status"]),
        amount=None if asset is None else Money(parse_asset(asset), units),
        reference=row["reference"],
        reason=row["reason"],
        payout_id=row["payout_id"],
        key=row["key"],
    )
