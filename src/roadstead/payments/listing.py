"""Looking at stored payments: for people, and for metrics."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from roadstead.database.pool import Connection, Row
from roadstead.money import Money, parse_asset


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPayment:
    """A stored payment as people see it."""

    operation_id: int
    kind: str
    transaction_hash: str
    ledger_closed_at: datetime
    payer: str
    amount: Money | None
    asset: str
    memo_kind: str
    memo: str | None
    """The memo in readable form: bytes that are no text are written as escapes."""
    disposition: str
    reason: str | None
    remittance_id: UUID | None


async def list_payments(
    connection: Connection, *, disposition: str | None = None, remittance_id: UUID | None = None, limit: int
) -> list[ListedPayment]:
    """List the newest payments: all, those of one disposition, or those that name one remittance."""
    rows = await connection.fetch(
        """
        SELECT operation_id, kind, transaction_hash, ledger_closed_at, payer, asset, amount_units, memo_kind, memo,
            disposition, reason, remittance_id
        FROM payments
        WHERE ($1::text IS NULL OR disposition = $1) AND ($2::uuid IS NULL OR remittance_id = $2)
        ORDER BY operation_id DESC LIMIT $3
        """,
        disposition,
        remittance_id,
        limit,
    )
    return [_listed(row) for row in rows]


async def by_operation(connection: Connection, operation_id: int) -> ListedPayment | None:
    """Look a payment up by its operation id."""
    row = await connection.fetchrow(
        """
        SELECT operation_id, kind, transaction_hash, ledger_closed_at, payer, asset, amount_units, memo_kind, memo,
            disposition, reason, remittance_id
        FROM payments WHERE operation_id = $1
        """,
        operation_id,
    )
    return None if row is None else _listed(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How many payments wait, for whom."""

    stored: int
    unmatched: int
    undecodable: int


async def backlog(connection: Connection) -> Backlog:
    """Count the payments that wait for the matcher and those that wait for a person."""
    row = await connection.fetchrow(
        """
        SELECT
            (SELECT count(*) FROM payments WHERE disposition = 'stored') AS stored,
            (SELECT count(*) FROM payments WHERE disposition = 'unmatched') AS unmatched,
            (SELECT count(*) FROM undecodable_records) AS undecodable
        """
    )
    return Backlog(**row)


@dataclass(frozen=True, slots=True, kw_only=True)
class UndecodableRecord:
    """A record of the chain that could not be understood, kept as it came."""

    id: int
    position: str
    reason: str
    record: bytes
    stored_at: datetime


async def list_undecodable(connection: Connection, *, limit: int) -> list[UndecodableRecord]:
    """List the newest records that could not be understood."""
    rows = await connection.fetch(
        "SELECT id, position, reason, record, stored_at FROM undecodable_records ORDER BY id DESC LIMIT $1",
        limit,
    )
    return [UndecodableRecord(**row) for row in rows]


def _listed(row: Row) -> ListedPayment:
    amount = None if row["amount_units"] is None else Money(parse_asset(row["asset"]), row["amount_units"])
    return ListedPayment(
        operation_id=row["operation_id"],
        kind=row["kind"],
        transaction_hash=row["transaction_hash"],
        ledger_closed_at=row["ledger_closed_at"],
        payer=row["payer"],
        amount=amount,
        asset=row["asset"],
        memo_kind=row["memo_kind"],
        memo=readable_memo(row["memo_kind"], row["memo"]),
        disposition=row["disposition"],
        reason=row["reason"],
        remittance_id=row["remittance_id"],
    )


def readable_memo(kind: str, memo: bytes | None) -> str | None:
    """Write a memo for people: bytes that are no text become escapes."""
    if memo is None:
        return None
    if kind == "id":
        return str(int.from_bytes(memo, "big"))
    if kind in {"hash", "return"}:
        return memo.hex()
    text = memo.decode("utf-8", "backslashreplace")
    return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in text)
