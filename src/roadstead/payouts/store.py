"""The SQL of payouts, their attempts and the inbox of the rails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from roadstead.database.pool import Connection, Row
from roadstead.errors import Conflict
from roadstead.money import Money, parse_asset
from roadstead.payouts.states import PayoutStatus
from roadstead.rails.protocol import RailEvent, RailStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    """A payout as it stands."""

    id: UUID
    remittance_id: UUID
    rail: str
    amount: Money
    end_to_end_id: str
    status: PayoutStatus
    status_at: datetime
    reason: str | None
    lease_token: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try to pay; its content is sealed."""

    key: str
    payout_id: UUID
    number: int
    content: bytes
    status: str
    reference: str | None
    reason: str | None
    written_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A payout about to be ordered."""

    id: UUID
    remittance_id: UUID
    rail: str
    amount: Money
    end_to_end_id: str


async def insert_orders(connection: Connection, orders: Sequence[Order], now: datetime) -> None:
    """Store payouts, due at once. The database refuses a second one for the same remittance."""
    if not orders:
        return
    await connection.execute(
        """
        INSERT INTO payouts (id, remittance_id, rail, asset, amount_units, end_to_end_id, ordered_at, status_at, due_at)
        SELECT o.*, $7, $7, now()
        FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::text[]) AS o
        """,
        [order.id for order in orders],
        [order.remittance_id for order in orders],
        [order.rail for order in orders],
        [order.amount.asset.id for order in orders],
        [order.amount.units for order in orders],
        [order.end_to_end_id for order in orders],
        now,
    )


_COLUMNS = """
p.id, p.remittance_id, p.rail, p.asset, p.amount_units, p.end_to_end_id, p.status, p.status_at, p.reason, p.lease_token
"""


async def claim_due(
    connection: Connection, *, rail: str, token: UUID, lease: timedelta, limit: int
) -> list[Payout]:
    """Lease the payouts of a rail that are due, oldest first, so that no other worker takes them meanwhile.

    A lease that ran out is claimed again: whoever held it cannot write any more.
    """
    rows = await connection.fetch(
        f"""
        UPDATE payouts AS p SET lease_token = $2, lease_until = now() + $3
        WHERE p.id IN (
            SELECT id FROM payouts
            WHERE rail = $1 AND due_at <= now() AND (lease_until IS NULL OR lease_until < now())
            ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED)
        RETURNING {_COLUMNS}
        """,  # noqa: S608 - composed of constants
        rail,
        token,
        lease,
        limit,
    )
    return [_payout(row) for row in rows]


async def lock_leased(connection: Connection, payout_id: UUID, token: UUID) -> Payout:
    """Lock a payout whose lease this worker took.

    Raises:
        Conflict: The lease ran out and another worker has the payout now; nothing may be written.
    """
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM payouts AS p WHERE id = $1 AND lease_token = $2 FOR UPDATE",  # noqa: S608
        payout_id,
        token,
    )
    if row is None:
        raise Conflict(f"The lease of payout {payout_id} ran out: another worker goes on with it.")
    return _payout(row)


async def lock(connection: Connection, payout_id: UUID) -> Payout | None:
    """Lock a payout, whoever has its lease."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM payouts AS p WHERE id = $1 FOR UPDATE",  # noqa: S608
        payout_id,
    )
    return None if row is None else _payout(row)


async def release(connection: Connection, payout_id: UUID, token: UUID, due_in: timedelta | None) -> None:
    """Give a lease back and say when the payout is due again; None means that nothing is to be done by itself."""
    await connection.execute(
        """
        UPDATE payouts SET lease_token = NULL, lease_until = NULL, due_at = now() + $3::interval
        WHERE id = $1 AND lease_token = $2
        """,
        payout_id,
        token,
        due_in,
    )


async def set_status(
    connection: Connection, payout: Payout, status: PayoutStatus, reason: str | None, now: datetime
) -> None:
    """Move a locked payout; the database writes its history."""
    await connection.execute(
        "UPDATE payouts SET status = $2, reason = $3, status_at = $4 WHERE id = $1",
        payout.id,
        status,
        reason,
        now,
    )


async def set_due(connection: Connection, payout_id: UUID, due_in: timedelta | None) -> None:
    """Say when a locked payout is due again; None means that nothing is to be done by itself."""
    await connection.execute(
        "UPDATE payouts SET due_at = now() + $2::interval WHERE id = $1", payout_id, due_in
    )


async def insert_attempt(
    connection: Connection, *, key: str, payout_id: UUID, number: int, content: bytes, now: datetime
) -> None:
    """Store an attempt before anything of it is sent. The database refuses it while another one may still pay."""
    await connection.execute(
        """
        INSERT INTO payout_attempts (key, payout_id, number, content, written_at, status_at)
        VALUES ($1, $2, $3, $4, $5, $5)
        """,
        key,
        payout_id,
        number,
        content,
        now,
    )


async def attempts(connection: Connection, payout_id: UUID) -> list[Attempt]:
    """List the attempts of a payout, oldest first."""
    rows = await connection.fetch(
        """
        SELECT key, payout_id, number, content, status, reference, reason, written_at
        FROM payout_attempts WHERE payout_id = $1 ORDER BY number
        """,
        payout_id,
    )
    return [Attempt(**row) for row in rows]


async def set_attempt(
    connection: Connection, key: str, *, status: str, reference: str | None, reason: str | None, now: datetime
) -> None:
    """Record what a rail said of an attempt; a reference that is known stays."""
    await connection.execute(
        """
        UPDATE payout_attempts
        SET status = $2, reference = COALESCE($3, reference), reason = COALESCE($4, reason), status_at = $5,
            submitted_at = COALESCE(submitted_at, $5)
        WHERE key = $1
        """,
        key,
        status,
        reference,
        reason,
        now,
    )


async def by_remittance(connection: Connection, remittance_id: UUID) -> Payout | None:
    """Look up the payout of a remittance."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM payouts AS p WHERE remittance_id = $1",  # noqa: S608
        remittance_id,
    )
    return None if row is None else _payout(row)


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
    reference: str | None
    reason: str | None
    payout_id: UUID | None
    key: str | None


async def waiting_events(connection: Connection, limit: int) -> list[WaitingEvent]:
    """Lock the oldest events that are not applied and that no other worker has in hand.

    An event names its attempt by key; one that gives only the end-to-end id speaks of the attempt that may have paid.
    """
    rows = await connection.fetch(
        """
        SELECT e.id, e.rail, e.status, e.reference, e.reason, a.payout_id, a.key
        FROM rail_events AS e
        LEFT JOIN LATERAL (
            SELECT a.payout_id, a.key FROM payout_attempts AS a JOIN payouts AS p ON p.id = a.payout_id
            WHERE p.rail = e.rail AND CASE WHEN e.key IS NOT NULL THEN a.key = e.key
                ELSE p.end_to_end_id = e.end_to_end_id AND a.status <> 'refused' END
            LIMIT 1) AS a ON true
        WHERE e.applied_at IS NULL AND e.due_at <= now() ORDER BY e.id LIMIT $1 FOR UPDATE OF e SKIP LOCKED
        """,
        limit,
    )
    return [WaitingEvent(**{**row, "status": RailStatus(row["status"])}) for row in rows]


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


def _payout(row: Row) -> Payout:
    return Payout(
        id=row["id"],
        remittance_id=row["remittance_id"],
        rail=row["rail"],
        amount=Money(parse_asset(row["asset"]), row["amount_units"]),
        end_to_end_id=row["end_to_end_id"],
        status=PayoutStatus(row["status"]),
        status_at=row["status_at"],
        reason=row["reason"],
        lease_token=row["lease_token"],
    )
