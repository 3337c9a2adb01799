"""The SQL of the inbox: what came in, what went out, and records that nobody understands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import TypeVar

from roadstead.database.pool import Connection
from roadstead.payments.claimable import mark_claimed
from roadstead.payments.clawbacks import record_clawbacks
from roadstead.payments.cursors import Reached, move, operation_key
from roadstead.payments.verdicts import Clawback, IncomingPayment, OutgoingPayment


@dataclass(frozen=True, slots=True, kw_only=True)
class UndecodableRecord:
    """A record that could not be understood, with where it stood and why."""

    position: str
    record: bytes
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What the records of a page were."""

    payments: Sequence[IncomingPayment] = ()
    clawbacks: Sequence[Clawback] = ()
    outgoing: Sequence[OutgoingPayment] = ()
    undecodable: Sequence[UndecodableRecord] = ()
    claims: Mapping[int, str] = field(default_factory=dict)
    """Ids of the claimable balances that payments claimed, by operation id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What was new."""

    payments: int
    undecodable: int
    clawbacks: int = 0


async def store(
    connection: Connection, batch: Batch, reached: Reached, *, own_accounts: AbstractSet[str] = frozenset()
) -> Stored:
    """Store what was read from a source and move its cursor. Needs a transaction; safe to repeat.

    Payments by one of `own_accounts` are marked as such. A clawback is posted in the books, and the outgoing money of
    its asset stops. A payment whose key is already taken by another transaction is not dropped: it is kept as
    undecodable.

    Raises:
        Reseeded: The cursor was set anew since it was looked up; the transaction must be given up.
    """
    await move(connection, reached)
    offset = reached.ledger_offset
    payments = [_shifted(payment, offset) for payment in batch.payments]
    taken = await _insert_payments(connection, payments, own_accounts) if payments else []
    strangers = await _of_other_transactions(connection, taken) if taken else []
    await mark_claimed(
        connection, {operation_key(key, offset): balance_id for key, balance_id in batch.claims.items()}
    )
    clawbacks = [_shifted(clawback, offset) for clawback in batch.clawbacks]
    clawed_back = await record_clawbacks(connection, clawbacks)
    await _insert_outgoing(connection, [_shifted(payment, offset) for payment in batch.outgoing])
    source = f"{reached.source}#{reached.seeding}" if reached.seeding else reached.source
    kept = await _insert_undecodable(connection, source, [*batch.undecodable, *strangers])
    return Stored(payments=len(payments) - len(taken), undecodable=kept, clawbacks=clawed_back)


_Movement = TypeVar("_Movement", IncomingPayment, Clawback, OutgoingPayment)


def _shifted(movement: _Movement, ledger_offset: int) -> _Movement:
    return replace(movement, operation_id=operation_key(movement.operation_id, ledger_offset))


_INSERT_PAYMENTS = """
INSERT INTO payments (
    operation_id, kind, transaction_hash, ledger_closed_at, payer, receiving_account, receiving_muxed, asset,
    amount_units, memo_kind, memo, from_own
)
SELECT * FROM unnest(
    $1::bigint[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::bigint[], $10::text[], $11::bytea[], $12::boolean[]
)
ON CONFLICT (operation_id) DO NOTHING
RETURNING operation_id"""


async def _insert_payments(
    connection: Connection, payments: Sequence[IncomingPayment], own_accounts: AbstractSet[str]
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
        [payment.payer_account in own_accounts for payment in payments],
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


async def _insert_outgoing(connection: Connection, payments: Sequence[OutgoingPayment]) -> None:
    if not payments:
        return
    await connection.execute(
        """
        INSERT INTO outgoing_payments (
            operation_id, kind, transaction_hash, ledger_closed_at, account, destination, asset, amount_units
        )
        SELECT * FROM unnest(
            $1::bigint[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::bigint[]
        )
        ON CONFLICT (operation_id) DO NOTHING
        """,
        [payment.operation_id for payment in payments],
        [payment.kind for payment in payments],
        [payment.transaction_hash for payment in payments],
        [payment.ledger_closed_at for payment in payments],
        [payment.account for payment in payments],
        [payment.destination for payment in payments],
        [payment.asset.id for payment in payments],
        [payment.amount_units for payment in payments],
    )
