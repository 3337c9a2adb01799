"""The SQL of the inbox: payments, records that nobody understands, and how far a source was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from roadstead.database.pool import Connection
from roadstead.payments.decoding import IncomingPayment


@dataclass(frozen=True, slots=True, kw_only=True)
class UndecodableRecord:
    """A record that could not be understood, with where it stood and why."""

    position: str
    record: bytes
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerMark:
    """A ledger and its close time."""

    sequence: int
    closed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far a source was read."""

    position: str
    """Paging token of the last record read."""
    network_passphrase: str | None
    ledger: LedgerMark | None
    """The last ledger up to which everything was surely read; None until the first time that the end was reached."""
    read_at: datetime
    """When, by the database's clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What was new."""

    payments: int
    undecodable: int


async def store(
    connection: Connection,
    *,
    source: str,
    payments: Sequence[IncomingPayment],
    undecodable: Sequence[UndecodableRecord],
    position: str,
    network_passphrase: str,
    ledger: LedgerMark | None,
) -> Stored:
    """Store what was read from a source and move its cursor. Needs a transaction; safe to repeat.

    A payment whose operation id is already taken by another transaction (as after a reset of a test network) is not
    dropped: it is kept as undecodable.
    """
    taken = await _insert_payments(connection, payments) if payments else []
    strangers = await _of_other_transactions(connection, taken) if taken else []
    kept = await _insert_undecodable(connection, source, [*undecodable, *strangers])
    await _move_cursor(
        connection, source=source, position=position, network_passphrase=network_passphrase, ledger=ledger
    )
    return Stored(payments=len(payments) - len(taken), undecodable=kept)


async def cursor(connection: Connection, source: str) -> Cursor | None:
    """Return how far a source was read; None when it never was."""
    row = await connection.fetchrow(
        "SELECT position, network_passphrase, ledger, ledger_closed_at, read_at FROM cursors WHERE source = $1",
        source,
    )
    if row is None:
        return None
    mark = None
    if row["ledger"] is not None and row["ledger_closed_at"] is not None:
        mark = LedgerMark(sequence=row["ledger"], closed_at=row["ledger_closed_at"])
    return Cursor(
        position=row["position"],
        network_passphrase=row["network_passphrase"],
        ledger=mark,
        read_at=row["read_at"],
    )


_INSERT_PAYMENTS = """
INSERT INTO payments (
    operation_id, kind, transaction_hash, ledger_closed_at, payer, receiving_account, receiving_muxed, asset,
    amount_units, memo_kind, memo
)
SELECT * FROM unnest(
    $1::bigint[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::bigint[], $10::text[], $11::bytea[]
)
ON CONFLICT (operation_id) DO NOTHING
RETURNING operation_id"""


async def _insert_payments(
    connection: Connection, payments: Sequence[IncomingPayment]
) -> list[IncomingPayment]:
    """Insert payments; return those whose operation id was taken already."""
    rows = await connection.fetch(
        _INSERT_PAYMENTS,
        [payment.operation_id for payment in payments],
        [payment.kind for payment in payments],
        [payment.transaction_hash for payment in payments],
        [payment.ledger_closed_at for payment in payments],
        [payment.payer for payment in payments],
        [payment.receiving_account for payment in payments],
        [payment.receiving_muxed for payment in payments],
        [payment.asset.id for payment in payments],
        [payment.amount_units for payment in payments],
        [payment.memo.kind for payment in payments],
        [payment.memo.raw for payment in payments],
    )
    new = {row["operation_id"] for row in rows}
    taken = []
    for payment in payments:
        if payment.operation_id in new:
            new.remove(payment.operation_id)
        else:
            taken.append(payment)
    return taken


async def _of_other_transactions(
    connection: Connection, taken: Sequence[IncomingPayment]
) -> list[UndecodableRecord]:
    rows = await connection.fetch(
        "SELECT operation_id, transaction_hash FROM payments WHERE operation_id = ANY ($1::bigint[])",
        [payment.operation_id for payment in taken],
    )
    hashes = {row["operation_id"]: row["transaction_hash"] for row in rows}
    return [
        UndecodableRecord(
            position=str(payment.operation_id),
            record=repr(payment).encode(),
            reason="another transaction is stored under this operation id; was the network reset?",
        )
        for payment in taken
        if hashes[payment.operation_id] != payment.transaction_hash
    ]


async def _insert_undecodable(
    connection: Connection, source: str, records: Sequence[UndecodableRecord]
) -> int:
    if not records:
        return 0
    rows = await connection.fetch(
        """
        INSERT INTO undecodable_records (source, position, record, reason)
        SELECT $1, * FROM unnest($2::text[], $3::bytea[], $4::text[])
        ON CONFLICT (source, position) DO NOTHING
        RETURNING 1
        """,
        source,
        [record.position for record in records],
        [record.record for record in records],
        [_storable(record.reason) for record in records],
    )
    return len(rows)


def _storable(reason: str) -> str:
    """Replace what PostgreSQL's text does not hold: a reason may quote what it complains about."""
    return reason.encode(errors="replace").decode().replace("\0", "\ufffd")


async def _move_cursor(
    connection: Connection, *, source: str, position: str, network_passphrase: str, ledger: LedgerMark | None
) -> None:
    await connection.execute(
        """
        INSERT INTO cursors (source, position, network_passphrase, ledger, ledger_closed_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (source) DO UPDATE SET
            position = excluded.position,
            network_passphrase = excluded.network_passphrase,
            ledger = GREATEST(cursors.ledger, excluded.ledger),
            ledger_closed_at = GREATEST(cursors.ledger_closed_at, excluded.ledger_closed_at),
            read_at = now()
        """,
        source,
        position,
        network_passphrase,
        ledger.sequence if ledger else None,
        ledger.closed_at if ledger else None,
    )
