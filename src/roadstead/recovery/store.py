"""The SQL of recoveries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from roadstead.database.pool import Connection, Row
from roadstead.errors import InvariantViolated
from roadstead.money import Money, parse_asset
from roadstead.payments.sent import SentPayment
from roadstead.payouts.doubt import CLOCKS_APART_MAX
from roadstead.stellar.memos import Memo, MemoKind

LIST_MAX = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """A restore that is not yet recovered from."""

    id: int
    taken_at: datetime
    """The moment of the backup."""
    restored_at: datetime
    cursors: Mapping[str, str]
    """How far each source was read at the backup."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPayment:
    """A payment of our account that nothing in the database tells of."""

    operation_id: int
    transaction_hash: str
    ledger_closed_at: datetime
    destination: str
    amount: Money
    memo: Memo


async def open_restorations(connection: Connection) -> list[Restoration]:
    """List the restores that are not recovered from, oldest first."""
    rows = await connection.fetch(
        "SELECT id, taken_at, restored_at, cursors FROM restorations WHERE ended_at IS NULL ORDER BY id"
    )
    return [Restoration(**{**row, "cursors": json.loads(row["cursors"])}) for row in rows]


async def read_until(connection: Connection, source: str) -> datetime | None:
    """Return the moment up to which a source was surely read; None when that is not known."""
    moment: datetime | None = await connection.fetchval(
        "SELECT ledger_closed_at FROM cursors WHERE source = $1", source
    )
    return moment


async def undisposed(connection: Connection) -> int:
    """Count the payments that are stored and not yet judged."""
    count: int = await connection.fetchval("SELECT count(*) FROM payments WHERE disposition = 'stored'")
    return count


async def keep_found(connection: Connection, payments: Sequence[SentPayment]) -> None:
    """Keep those payments of which no envelope and no refund tells. Safe to repeat."""
    await connection.executemany(
        """
        INSERT INTO outgoing_found (operation_id, transaction_hash, ledger_closed_at, destination, asset, amount_units,
            memo_kind, memo, envelope, source, sequence, fee_stroops, ledger)
        SELECT $1, $2::text, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13
        WHERE NOT EXISTS (SELECT FROM envelopes WHERE hash = $2)
            AND NOT EXISTS (SELECT FROM envelope_bumps WHERE hash = $2)
            AND NOT EXISTS (SELECT FROM refunds WHERE transaction_hash = $2)
        ON CONFLICT (operation_id) DO NOTHING
        """,
        [
            (
                payment.operation_id,
                payment.transaction_hash,
                payment.ledger_closed_at,
                payment.destination,
                payment.asset.id,
                payment.amount_units,
                payment.memo.kind,
                payment.memo.raw,
                payment.envelope.content,
                payment.envelope.source,
                payment.envelope.sequence,
                payment.envelope.fee_stroops,
                payment.envelope.ledger,
            )
            for payment in payments
        ],
    )


async def unexplained(connection: Connection) -> list[FoundPayment]:
    """List found payments that nobody has explained, in the order of the chain."""
    rows = await connection.fetch(
        f"SELECT {_FOUND} FROM outgoing_found WHERE explanation IS NULL ORDER BY operation_id LIMIT $1",  # noqa: S608
        LIST_MAX,
    )
    return [_found(row) for row in rows]


_FOUND = "operation_id, transaction_hash, ledger_closed_at, destination, asset, amount_units, memo_kind, memo"


async def lock_unexplained(connection: Connection, operation_id: int) -> FoundPayment | None:
    """Lock a found payment; None when it is explained already."""
    row = await connection.fetchrow(
        f"SELECT {_FOUND} FROM outgoing_found WHERE operation_id = $1 AND explanation IS NULL FOR UPDATE",  # noqa: S608
        operation_id,
    )
    return None if row is None else _found(row)


async def explain(
    connection: Connection, operation_id: int, explanation: str, by: str, refund_id: UUID | None = None
) -> bool:
    """Write down what a found payment was; False when there is none that nobody has explained."""
    done: str = await connection.execute(
        """
        UPDATE outgoing_found SET explanation = $2, explained_by = $3, refund_id = $4
        WHERE operation_id = $1 AND explanation IS NULL
        """,
        operation_id,
        explanation,
        by,
        refund_id,
    )
    return done == "UPDATE 1"


async def keep_envelope(connection: Connection, operation_id: int, refund_id: UUID, kind: str) -> None:
    """Store the envelope of a found payment as that of the refund that it sent. Safe to repeat."""
    await connection.execute(
        "INSERT INTO signing_accounts (account) SELECT source FROM outgoing_found WHERE operation_id = $1 "
        "ON CONFLICT (account) DO NOTHING",
        operation_id,
    )
    await connection.execute(
        """
        INSERT INTO envelopes (id, kind, subject_id, hash, content, account, sequence, fee_stroops, valid_until,
            signed_ledger, status, ledger, signed_at)
        SELECT gen_random_uuid(), $3, $2, transaction_hash, envelope, source, sequence, fee_stroops, ledger_closed_at,
            ledger, 'succeeded', ledger, ledger_closed_at
        FROM outgoing_found WHERE operation_id = $1
        ON CONFLICT (hash) DO NOTHING
        """,
        operation_id,
        refund_id,
        kind,
    )


async def unsent_refund(connection: Connection, found: FoundPayment) -> UUID | None:
    """Return the oldest refund that was ordered again and that a found payment sent."""
    refund_id: UUID | None = await connection.fetchval(
        """
        SELECT id FROM refunds WHERE status IN ('ordered', 'held') AND destination = $1 AND asset = $2
            AND amount_units - fee_units = $3 AND memo_kind = $4 AND memo IS NOT DISTINCT FROM $5
            AND operation_id < $6
        ORDER BY operation_id LIMIT 1
        """,
        *_content(found),
        found.operation_id,
    )
    return refund_id


async def funded_by_payer(connection: Connection, found: FoundPayment) -> list[tuple[UUID, int]]:
    """List remittances that nothing was paid for yet and whose payer got a found payment, with the funding payment."""
    rows = await connection.fetch(
        """
        SELECT m.id, p.operation_id FROM payments AS p
        JOIN remittances AS m ON m.funded_by = p.operation_id AND m.cancelled_at IS NULL
        LEFT JOIN payouts AS o ON o.remittance_id = m.id
        WHERE p.payer = $1 AND p.asset = $2 AND p.amount_units >= $3 AND p.operation_id < $4
            AND (o.id IS NULL OR o.status IN ('ordered', 'refused', 'held', 'returned'))
            AND NOT EXISTS (SELECT FROM payout_attempts AS a
                WHERE a.payout_id = o.id AND a.status NOT IN ('refused', 'returned'))
        ORDER BY p.operation_id LIMIT 50
        """,
        found.destination,
        found.amount.asset.id,
        found.amount.units,
        found.operation_id,
    )
    return [(row["id"], row["operation_id"]) for row in rows]


async def waiting_of_payer(connection: Connection, found: FoundPayment) -> list[tuple[int, UUID | None]]:
    """List payments that wait for a person and whose payer got a found payment, with the remittance of their memo."""
    rows = await connection.fetch(
        """
        SELECT operation_id, remittance_id FROM payments
        WHERE disposition = 'unmatched' AND payer = $1 AND asset = $2 AND amount_units >= $3 AND operation_id < $4
        ORDER BY operation_id LIMIT 50
        """,
        found.destination,
        found.amount.asset.id,
        found.amount.units,
        found.operation_id,
    )
    return [(row["operation_id"], row["remittance_id"]) for row in rows]


async def brought(connection: Connection, operation_id: int) -> Money:
    """Return what a stored payment brought."""
    row = await connection.fetchrow(
        "SELECT asset, amount_units FROM payments WHERE operation_id = $1", operation_id
    )
    if row is None or row["amount_units"] is None:
        raise InvariantViolated(f"Payment {operation_id} is not stored with an amount.")
    return Money(parse_asset(row["asset"]), row["amount_units"])


async def refunds_of_the_unknown(connection: Connection, restoration: Restoration) -> list[UUID]:
    """List ordered refunds of payments of the lost time whose remittance is not known: it may be lost."""
    rows = await connection.fetch(
        """
        SELECT f.id FROM refunds AS f JOIN payments AS p ON p.operation_id = f.operation_id
        WHERE f.status = 'ordered' AND p.remittance_id IS NULL AND f.remittance_id IS NULL
            AND p.stored_at >= $1::timestamptz AND p.ledger_closed_at <= $1::timestamptz + $2::interval
        ORDER BY f.operation_id
        """,
        restoration.restored_at,
        CLOCKS_APART_MAX,
    )
    return [row["id"] for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """A payment of the lost time to a remittance that this database does not know."""

    operation_id: int
    payer: str
    amount_units: int | None
    asset: str
    ledger_closed_at: datetime


async def strangers(connection: Connection, restoration: Restoration) -> list[Stranger]:
    """List payments of the lost time that name no known remittance: their remittances may be lost."""
    rows = await connection.fetch(
        """
        SELECT operation_id, payer, amount_units, asset, ledger_closed_at FROM payments
        WHERE remittance_id IS NULL AND memo_kind = 'id' AND disposition <> 'stored'
            AND reason = 'unknown_memo' AND stored_at >= $1::timestamptz
            AND ledger_closed_at <= $1::timestamptz + $2::interval
        ORDER BY operation_id LIMIT $3
        """,
        restoration.restored_at,
        CLOCKS_APART_MAX,
        LIST_MAX,
    )
    return [Stranger(**row) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class BankPayment:
    """What a bank says that it paid, and no payout of this database asks for."""

    rail: str
    key: str | None
    end_to_end_id: str | None
    status: str
    occurred_at: datetime


async def bank_only(connection: Connection, restoration: Restoration) -> list[BankPayment]:
    """List what the banks told of attempts that no payout of this database has, the last word on each."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT ON (e.rail, e.key, e.end_to_end_id) e.rail, e.key, e.end_to_end_id, e.status, e.occurred_at
        FROM rail_events AS e
        WHERE e.conclusion = 'not ours' AND e.stored_at >= $1
            AND NOT EXISTS (SELECT FROM payouts AS o WHERE o.end_to_end_id = e.end_to_end_id)
        ORDER BY e.rail, e.key, e.end_to_end_id, e.occurred_at DESC LIMIT $2
        """,
        restoration.restored_at,
        LIST_MAX,
    )
    return [BankPayment(**row) for row in rows]


async def end(connection: Connection, by: str) -> None:
    """End every open recovery."""
    await connection.execute(
        "UPDATE restorations SET ended_at = now(), ended_by = $1 WHERE ended_at IS NULL", by
    )


def _content(found: FoundPayment) -> tuple[str, str, int, str, bytes | None]:
    return (
        found.destination,
        found.amount.asset.id,
        found.amount.units,
        found.memo.kind,
        found.memo.raw,
    )


def _found(row: Row) -> FoundPayment:
    return FoundPayment(
        operation_id=row["operation_id"],
        transaction_hash=row["transaction_hash"],
        ledger_closed_at=row["ledger_closed_at"],
        destination=row["destination"],
        amount=Money(parse_asset(row["asset"]), row["amount_units"]),
        memo=Memo(MemoKind(row["memo_kind"]), row["memo"]),
    )
