"""The SQL of payouts and their attempts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from roadstead.database.pool import Connection, Row
from roadstead.errors import Conflict
from roadstead.money import Money, parse_asset
from roadstead.payouts.states import AttemptStatus, PayoutStatus


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
    releases: int = 0
    """How often a person let it go on after it was held."""
    approved_digest: str | None = None
    """Digest of the content that a person let out."""
    back_to: str | None = None
    """The rail that refused only for the time being, when the payout went on to a fallback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try to pay; its content is sealed."""

    key: str
    payout_id: UUID
    rail: str
    """The rail that was asked; the payout itself may have gone on to another."""
    number: int
    content: bytes
    status: AttemptStatus
    reference: str | None
    reason: str | None
    written_at: datetime
    status_at: datetime
    taken_on_at: datetime | None
    """When the rail had taken it on, by its own word."""
    settled_at: datetime | None
    returned_at: datetime | None
    returned_units: int | None
    """How much of the payout's amount came back."""

    @property
    def is_booked_as_paid(self) -> bool:
        """Whether the books say that the money is out."""
        return self.settled_at is not None and self.returned_at is None


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
p.id, p.remittance_id, p.rail, p.asset, p.amount_units, p.end_to_end_id, p.status, p.status_at, p.reason, p.lease_token,
p.releases, p.approved_digest, p.back_to
"""


# A payout touches the money of the bank and the token that it is paid for: stopping either stops it.
_STOPPED = """(outgoing_stopped('payouts', d.asset) OR outgoing_stopped('payouts',
    (SELECT asset_in FROM remittances WHERE id = d.remittance_id)))"""


async def claim_due(
    connection: Connection, *, rail: str, token: UUID, lease: timedelta, limit: int
) -> list[Payout]:
    """Lease the payouts of a rail that are due, oldest first, so that no other worker takes them meanwhile.

    A lease that ran out is claimed again: whoever held it cannot write any more. While outgoing money is stopped, only
    payouts are taken that were begun: what became of them is asked and decided, and nothing is sent.
    """
    rows = await connection.fetch(
        f"""
        UPDATE payouts AS p SET lease_token = $2, lease_until = now() + $3
        WHERE p.id IN (
            SELECT id FROM payouts AS d
            WHERE rail = $1 AND due_at <= now() AND (lease_until IS NULL OR lease_until < now())
                AND (status <> 'ordered' OR NOT {_STOPPED})
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


async def require_time(connection: Connection, payout_id: UUID, token: UUID, needed: timedelta) -> None:
    """Make sure that this worker's lease lasts for a call yet to be made; asked just before it is.

    A worker that was halted meanwhile, or is slow, sends nothing that another may be clearing up already.

    Raises:
        Conflict: It does not last that long, or another worker has the payout now.
    """
    lasts: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM payouts WHERE id = $1 AND lease_token = $2 AND lease_until > now() + $3)",
        payout_id,
        token,
        needed,
    )
    if not lasts:
        raise Conflict(f"The lease of payout {payout_id} does not last for the call: nothing was sent.")


async def is_stopped(connection: Connection, payout_id: UUID) -> bool:
    """Whether nothing must be sent for a payout now; asked just before something is."""
    found: bool = await connection.fetchval(
        f"SELECT {_STOPPED} FROM payouts AS d WHERE id = $1",  # noqa: S608 - composed of constants
        payout_id,
    )
    return found


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


async def order_over(
    connection: Connection,
    payout: Payout,
    rail: str,
    *,
    back_to: str | None,
    reason: str | None,
    now: datetime,
) -> None:
    """Order a locked payout over another rail; the database writes its history.

    The database refuses it while an attempt has paid or may still pay.
    """
    await connection.execute(
        """
        UPDATE payouts SET status = 'ordered', rail = $2, back_to = $3, reason = $4, status_at = $5 WHERE id = $1
        """,
        payout.id,
        rail,
        back_to,
        reason,
        now,
    )


async def cancel(connection: Connection, payout: Payout, reason: str, now: datetime) -> None:
    """Cancel a locked payout for good and take it out of every worker's hands.

    The database refuses it while an attempt has paid or may still pay.
    """
    await connection.execute(
        """
        UPDATE payouts
        SET status = 'cancelled', reason = $2, status_at = $3, due_at = NULL, lease_token = NULL, lease_until = NULL
        WHERE id = $1
        """,
        payout.id,
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
    """Store an attempt over the payout's rail before anything of it is sent.

    The database refuses it while another one may still pay.
    """
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
        SELECT key, payout_id, rail, number, content, status, reference, reason, written_at, status_at, taken_on_at,
            settled_at, returned_at, returned_units
        FROM payout_attempts WHERE payout_id = $1 ORDER BY number
        """,
        payout_id,
    )
    return [Attempt(**{**row, "status": AttemptStatus(row["status"])}) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptNews:
    """What became certain of an attempt."""

    status: AttemptStatus
    reference: str | None = None
    reason: str | None = None
    is_taken_on: bool = False
    is_settled: bool = False
    returned_units: int | None = None


async def set_attempt(connection: Connection, key: str, news: AttemptNews, now: datetime) -> None:
    """Record what became certain of an attempt; a reference that is known stays, and so does the time of each fact."""
    await connection.execute(
        """
        UPDATE payout_attempts
        SET status = $2, reference = COALESCE($3, reference), reason = COALESCE($4, reason), status_at = $5,
            submitted_at = COALESCE(submitted_at, $5),
            taken_on_at = COALESCE(taken_on_at, CASE WHEN $6 THEN $5::timestamptz END),
            settled_at = COALESCE(settled_at, CASE WHEN $7 THEN $5::timestamptz END),
            returned_at = COALESCE(returned_at, CASE WHEN $8::bigint IS NOT NULL THEN $5::timestamptz END),
            returned_units = COALESCE(returned_units, $8)
        WHERE key = $1
        """,
        key,
        news.status,
        news.reference,
        news.reason,
        now,
        news.is_taken_on,
        news.is_settled,
        news.returned_units,
    )


async def settle_after_all(connection: Connection, key: str, now: datetime) -> None:
    """Record that a contradicted attempt paid, whatever was known before."""
    await connection.execute(
        """
        UPDATE payout_attempts
        SET status = 'settled', status_at = $2, settled_at = COALESCE(settled_at, $2), returned_at = NULL,
            returned_units = NULL
        WHERE key = $1
        """,
        key,
        now,
    )


async def let_go_on(connection: Connection, payout: Payout, approved_digest: str, now: datetime) -> None:
    """Let a locked payout that was held go on at once; what was approved before stays approved when nothing is new."""
    await connection.execute(
        """
        UPDATE payouts
        SET status = 'ordered', reason = 'released', status_at = $2, due_at = now(), releases = releases + 1,
            approved_digest = COALESCE(NULLIF($3, ''), approved_digest)
        WHERE id = $1
        """,
        payout.id,
        now,
        approved_digest,
    )


async def by_remittance(connection: Connection, remittance_id: UUID, *, lock: bool = False) -> Payout | None:
    """Look up the payout of a remittance; with `lock` nobody else moves it until the transaction ends."""
    suffix = " FOR UPDATE" if lock else ""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM payouts AS p WHERE remittance_id = $1{suffix}",  # noqa: S608
        remittance_id,
    )
    return None if row is None else _payout(row)


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
        releases=row["releases"],
        approved_digest=row["approved_digest"],
        back_to=row["back_to"],
    )
