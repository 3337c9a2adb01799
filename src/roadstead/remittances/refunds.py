"""What went back to the payer of a remittance, as its partner is told (SEP-31 `refunds`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec

from roadstead.database.pool import Connection
from roadstead.errors import Conflict
from roadstead.money import Asset, Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """One payment back to the payer that stands in a closed ledger; amounts are in the asset that arrived."""

    transaction_hash: str
    amount: Money
    fee: Money
    """What we kept for sending it back."""


class _Stored(msgspec.Struct, frozen=True):
    transaction_hash: str
    amount_units: int
    fee_units: int


def read_refunds(text: str, asset: Asset) -> tuple[Refund, ...]:
    """Read the refunds of a remittance from its row."""
    return tuple(
        Refund(
            transaction_hash=stored.transaction_hash,
            amount=Money(asset, stored.amount_units),
            fee=Money(asset, stored.fee_units),
        )
        for stored in msgspec.json.decode(text, type=list[_Stored])
    )


def total(amounts: Sequence[Money], asset: Asset) -> Money:
    """Add amounts of an asset up; nothing adds up to zero."""
    return sum(amounts, start=Money(asset, 0))


async def record_refund(connection: Connection, remittance_id: UUID, refund: Refund) -> None:
    """Note a refund on its remittance, in the transaction that books it; one that is noted already changes nothing.

    Raises:
        Conflict: There is no such remittance, or nothing has arrived for it.
    """
    stored = _Stored(
        transaction_hash=refund.transaction_hash, amount_units=refund.amount.units, fee_units=refund.fee.units
    )
    done = await connection.execute(
        """
        UPDATE remittances SET refunds = CASE
            WHEN refunds @> jsonb_build_array(jsonb_build_object('transaction_hash', $2::text)) THEN refunds
            ELSE refunds || $3::jsonb END
        WHERE id = $1 AND funded_by IS NOT NULL
        """,
        remittance_id,
        refund.transaction_hash,
        msgspec.json.encode([stored]).decode(),
    )
    if done != "UPDATE 1":
        raise Conflict(f"Remittance {remittance_id} has nothing to refund: no payment has funded it.")
