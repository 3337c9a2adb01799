"""The SQL of refunds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from roadstead.database.pool import Connection, Row
from roadstead.money import Money, parse_asset
from roadstead.refunds.states import RefundStatus
from roadstead.remittances.refunding import RefundSource
from roadstead.stellar.memos import Memo, MemoKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A refund as it stands."""

    id: UUID
    operation_id: int
    """The payment whose money goes back."""
    source: RefundSource
    remittance_id: UUID | None
    """The remittance that the payment funded."""
    amount: Money
    """What leaves our books."""
    fee: Money
    """What we keep of it."""
    destination: str
    """The payer: M... where it named a sub-account, else G..."""
    memo: Memo
    cause: str
    status: RefundStatus
    reason: str | None
    """Why it is held."""
    transaction_hash: str | None
    ordered_at: datetime
    status_at: datetime

    @property
    def sent_amount(self) -> Money:
        """What the payer gets."""
        return self.amount - self.fee


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """The payment that a refund answers."""

    payer: str
    memo: Memo


async def lock_payment(
    connection: Connection, operation_id: int, remittance_id: UUID | None
) -> Payment | None:
    """Look up who paid, and with which memo; nobody else disposes of the payment until the transaction ends."""
    if remittance_id is not None:
        await connection.execute("SELECT FROM remittances WHERE id = $1 FOR NO KEY UPDATE", remittance_id)
    row = await connection.fetchrow(
        "SELECT payer, memo_kind, memo FROM payments WHERE operation_id = $1 FOR NO KEY UPDATE", operation_id
    )
    if row is None:
        return None
    return Payment(payer=row["payer"], memo=Memo(MemoKind(row["memo_kind"]), row["memo"]))


async def insert(connection: Connection, refund: Refund, now: datetime) -> bool:
    """Store an order, due at once unless it is held; False when this payment has one from this source already.

    Lock the payment before. The database refuses one that goes to another than the payer, exceeds what the payment
    brought, or comes beside a payout that may still pay.
    """
    done: str = await connection.execute(
        """
        INSERT INTO refunds (id, operation_id, source, remittance_id, asset, amount_units, fee_units, destination,
            memo_kind, memo, cause, status, reason, ordered_at, status_at, due_at)
        SELECT $1::uuid, $2::bigint, $3::text, $4::uuid, $5, $6::bigint, $7::bigint, $8, $9, $10::bytea, $11, $12::text,
            $13, $14::timestamptz, $14, CASE WHEN $12 = 'ordered' THEN now() END
        WHERE NOT EXISTS (SELECT FROM refunds WHERE operation_id = $2 AND source = $3)
        """,
        refund.id,
        refund.operation_id,
        refund.source,
        refund.remittance_id,
        refund.amount.asset.id,
        refund.amount.units,
        refund.fee.units,
        refund.destination,
        refund.memo.kind,
        refund.memo.raw,
        refund.cause,
        refund.status,
        refund.reason,
        now,
    )
    return done == "INSERT 0 1"


_COLUMNS = """
f.id, f.operation_id, f.source, f.remittance_id, f.asset, f.amount_units, f.fee_units, f.destination, f.memo_kind,
f.memo, f.cause, f.status, f.reason, f.transaction_hash, f.ordered_at, f.status_at
"""


async def by_id(connection: Connection, refund_id: UUID, *, lock: bool = False) -> Refund | None:
    """Look up a refund; with `lock` nobody else moves it until the transaction ends."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM refunds AS f WHERE id = $1" + (" FOR UPDATE" if lock else ""),  # noqa: S608
        refund_id,
    )
    return None if row is None else _refund(row)


async def by_payment(connection: Connection, operation_id: int) -> list[Refund]:
    """List the refunds of a payment."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM refunds AS f WHERE operation_id = $1 ORDER BY ordered_at, id",  # noqa: S608
        operation_id,
    )
    return [_refund(row) for row in rows]


async def latest(connection: Connection, *, status: RefundStatus | None, limit: int) -> list[Refund]:
    """List the newest refunds, of one status or of all."""
    rows = await connection.fetch(
        f"""
        SELECT {_COLUMNS} FROM refunds AS f WHERE $1::text IS NULL OR f.status = $1
        ORDER BY f.ordered_at DESC, f.id LIMIT $2
        """,  # noqa: S608 - composed of constants
        status,
        limit,
    )
    return [_refund(row) for row in rows]


async def set_status(
    connection: Connection,
    refund_id: UUID,
    status: RefundStatus,
    now: datetime,
    *,
    reason: str | None = None,
    transaction_hash: str | None = None,
    due_in: timedelta | None = None,
) -> None:
    """Move a locked refund; the database writes its history. An ordered one is due after `due_in`."""
    await connection.execute(
        """
        UPDATE refunds SET status = $2, reason = $3, transaction_hash = $4, status_at = $5,
            due_at = CASE WHEN $2 = 'ordered' THEN now() + COALESCE($6::interval, '0') END
        WHERE id = $1
        """,
        refund_id,
        status,
        reason,
        transaction_hash,
        now,
        due_in,
    )


async def next_due(connection: Connection) -> Refund | None:
    """Return the refund that has been due the longest, of an asset whose refunds nobody stopped."""
    row = await connection.fetchrow(
        f"""
        SELECT {_COLUMNS} FROM refunds AS f
        WHERE f.due_at <= now() AND NOT outgoing_stopped('refunds', f.asset) ORDER BY f.due_at, f.id LIMIT 1
        """  # noqa: S608 - composed of constants
    )
    return None if row is None else _refund(row)


async def oldest_open_s(connection: Connection) -> float:
    """Return how many seconds ago the oldest refund was ordered that is not sent; 0 when there is none."""
    age_s: float = await connection.fetchval(
        """
        SELECT COALESCE(greatest(EXTRACT(epoch FROM now() - min(ordered_at)), 0), 0)::float8
        FROM refunds WHERE status <> 'sent'
        """
    )
    return age_s


async def is_stopped(connection: Connection, refund_id: UUID) -> bool:
    """Tell whether somebody stopped refunds of this one's asset."""
    stopped: bool | None = await connection.fetchval(
        "SELECT outgoing_stopped('refunds', asset) FROM refunds WHERE id = $1", refund_id
    )
    return stopped is not False


async def payer_and_amount(connection: Connection, operation_id: int) -> tuple[str | None, int | None]:
    """Return who made a payment, and what it brought in smallest units."""
    row = await connection.fetchrow(
        "SELECT payer, amount_units FROM payments WHERE operation_id = $1", operation_id
    )
    return (None, None) if row is None else (row["payer"], row["amount_units"])


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLine:
    """One move of a refund."""

    status_from: str
    status_to: str
    reason: str | None
    reached_at: datetime


async def history(connection: Connection, refund_id: UUID) -> list[HistoryLine]:
    """Tell how a refund came to where it is, oldest first."""
    rows = await connection.fetch(
        "SELECT status_from, status_to, reason, reached_at FROM refund_history WHERE refund_id = $1 ORDER BY id",
        refund_id,
    )
    return [HistoryLine(**row) for row in rows]


def _refund(row: Row) -> Refund:
    asset = parse_asset(row["asset"])
    return Refund(
        id=row["id"],
        operation_id=row["operation_id"],
        source=RefundSource(row["source"]),
        remittance_id=row["remittance_id"],
        amount=Money(asset, row["amount_units"]),
        fee=Money(asset, row["fee_units"]),
        destination=row["destination"],
        memo=Memo(MemoKind(row["memo_kind"]), row["memo"]),
        cause=row["cause"],
        status=RefundStatus(row["status"]),
        reason=row["reason"],
        transaction_hash=row["transaction_hash"],
        ordered_at=row["ordered_at"],
        status_at=row["status_at"],
    )
