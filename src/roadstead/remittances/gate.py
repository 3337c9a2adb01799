"""What is accepted of a remittance's customers at this moment: the gate that is asked again before the payout."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from roadstead.database.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedFields:
    """Names of what is accepted of a remittance's customers now."""

    sender: frozenset[str]
    receiver: frozenset[str]
    receiver_rejected: frozenset[str] = frozenset()
    """What was received of the receiving client and has to be sent again."""
    partner_is_active: bool = False
    """Whether the partner that opened it is one of ours at this moment."""


async def accepted_fields(connection: Connection, remittance_id: UUID) -> AcceptedFields:
    """Return what is accepted of both customers at this moment, for the gate before the payout."""
    row = await connection.fetchrow(
        """
        SELECT
            array(SELECT name FROM customer_fields AS f
                  WHERE f.customer_id = r.sender_id AND f.status = 'ACCEPTED') AS sender,
            array(SELECT name FROM customer_fields AS f
                  WHERE f.customer_id = r.receiver_id AND f.status = 'ACCEPTED') AS receiver,
            array(SELECT name FROM customer_fields AS f
                  WHERE f.customer_id = r.receiver_id AND f.status = 'REJECTED' ORDER BY name) AS receiver_rejected,
            (SELECT p.status = 'active' FROM partners AS p WHERE p.id = r.partner_id) AS partner_is_active
        FROM remittances AS r WHERE r.id = $1
        """,
        remittance_id,
    )
    if row is None:
        return AcceptedFields(sender=frozenset(), receiver=frozenset())
    return AcceptedFields(
        sender=frozenset(row["sender"]),
        receiver=frozenset(row["receiver"]),
        receiver_rejected=frozenset(row["receiver_rejected"]),
        partner_is_active=row["partner_is_active"],
    )
