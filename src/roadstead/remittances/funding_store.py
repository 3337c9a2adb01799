"""The SQL of funding: which payment pays for which remittance, and at what price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from roadstead.database.pool import Connection
from roadstead.errors import Conflict
from roadstead.money import Money
from roadstead.remittances.store import Remittance


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedPayment:
    """A payment with what it pays for."""

    operation_id: int
    remittance_id: UUID
    excess: Money | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Funding:
    """A payment that funds a remittance; `remittance` has the amounts that it gets by that."""

    remittance: Remittance
    operation_id: int
    is_repriced: bool
    exchange_rate: Decimal | None
    message: str | None


async def match_payments(
    connection: Connection, matched: Sequence[MatchedPayment], now: datetime, *, cause: str
) -> None:
    """Note of payments which remittances they fund, all or none; an excess waits to be disposed of.

    Raises:
        Conflict: One of them is no longer stored or unmatched.
    """
    changed = await connection.fetch(
        """
        UPDATE payments AS p
        SET disposition = 'matched', disposed_at = $4, disposition_cause = $5, remittance_id = found.remittance_id,
            excess_units = found.excess_units,
            excess_disposition = CASE WHEN found.excess_units IS NULL THEN NULL ELSE 'unmatched' END
        FROM unnest($1::bigint[], $2::uuid[], $3::bigint[]) AS found (operation_id, remittance_id, excess_units)
        WHERE p.operation_id = found.operation_id AND p.disposition IN ('stored', 'unmatched')
        RETURNING p.operation_id
        """,
        [one.operation_id for one in matched],
        [one.remittance_id for one in matched],
        [one.excess.units if one.excess else None for one in matched],
        now,
        cause,
    )
    if len(changed) != len(matched):
        raise Conflict("A payment was disposed of while it was matched: it is looked at again.")


async def fund(connection: Connection, funded: Sequence[Funding], now: datetime) -> None:
    """Record which payment funded which remittance and move those to `pending_receiver`, all or none.

    A price that is fixed by that, or made anew for what arrived, is written with it; never later.

    Raises:
        Conflict: One of them no longer waits for its payment.
    """
    changed = await connection.fetch(
        """
        UPDATE remittances AS r
        SET status = 'pending_receiver', status_at = $10, status_cause = 'payment', status_message = funded.message,
            funded_by = funded.operation_id, exchange_rate = funded.exchange_rate,
            amount_in_units = funded.amount_in_units, amount_out_units = funded.amount_out_units,
            service_fee_units = funded.service_fee_units, rounding_units = funded.rounding_units,
            fee_details = COALESCE(funded.fee_details, r.fee_details)
        FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::jsonb[],
                $8::numeric[], $9::text[])
            AS funded (remittance_id, operation_id, amount_in_units, amount_out_units, service_fee_units,
                rounding_units, fee_details, exchange_rate, message)
        WHERE r.id = funded.remittance_id AND r.status = 'pending_sender' AND r.funded_by IS NULL
        RETURNING r.id
        """,
        [one.remittance.id for one in funded],
        [one.operation_id for one in funded],
        [one.remittance.amount_in.units for one in funded],
        [one.remittance.amount_out.units if one.remittance.amount_out else None for one in funded],
        [one.remittance.service_fee.units for one in funded],
        [one.remittance.rounding.units for one in funded],
        [_fee_details(one) for one in funded],
        [one.exchange_rate for one in funded],
        [one.message for one in funded],
        now,
    )
    if len(changed) != len(funded):
        raise Conflict("A remittance moved while its payment was matched: the batch is matched again.")


def _fee_details(funding: Funding) -> str | None:
    if not funding.is_repriced:
        return None
    return msgspec.json.encode(list(funding.remittance.fee_lines)).decode()
