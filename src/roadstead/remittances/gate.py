"""What is accepted of a remittance's customers at this moment: the gate that is asked again before the payout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from roadstead.database.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedFields:
    """Names of what is accepted of a remittance's customers now, with the moments of their receipt.

    What belonged to an identity document that has expired is left out.
    """

    sender: Mapping[str, datetime]
    receiver: Mapping[str, datetime]
    receiver_rejected: frozenset[str] = frozenset()
    """What was received of the receiving client and has to be sent again."""
    partner_is_active: bool = False
    """Whether the partner that opened it is one of ours at this moment."""


async def accepted_fields(connection: Connection, remittance_id: UUID, now: datetime) -> AcceptedFields:
    """Return what is accepted of both customers at this moment, for the gate before the payout."""
    row = await connection.fetchrow(
        f"""
        SELECT
            {accepted_of("r.sender_id", "$2")} AS sender,
            {accepted_of("r.receiver_id", "$2")} AS receiver,
            array(SELECT name FROM customer_fields AS f
                  WHERE f.customer_id = r.receiver_id AND f.status = 'REJECTED' ORDER BY name) AS receiver_rejected,
            (SELECT p.status = 'active' FROM partners AS p WHERE p.id = r.partner_id) AS partner_is_active
        FROM remittances AS r WHERE r.id = $1
        """,  # noqa: S608 - composed of constants
        remittance_id,
        now,
    )
    if row is None:
        return AcceptedFields(sender={}, receiver={})
    return AcceptedFields(
        sender=dict(row["sender"]),
        receiver=dict(row["receiver"]),
        receiver_rejected=frozenset(row["receiver_rejected"]),
        partner_is_active=row["partner_is_active"],
    )


def accepted_of(customer: str, now: str) -> str:
    """Write the SQL that returns the accepted fields of a customer as rows of name and moment of receipt."""
    return f"""ARRAY(SELECT (name, received_at) FROM customer_fields AS f
                WHERE f.customer_id = {customer} AND f.status = 'ACCEPTED'
                    AND (f.valid_until IS NULL OR f.valid_until > {now}))"""  # noqa: S608 - composed of constants
