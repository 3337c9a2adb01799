"""What follows when a customer's standing changed: remittances ask or go on, and payouts are woken, with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from roadstead.config.anchor import Anchor
from roadstead.customers.telling import tell_status
from roadstead.database.pool import Connection, Row
from roadstead.errors import BadInput
from roadstead.payouts.asking import ask_customer
from roadstead.remittances import gate
from roadstead.remittances import store as remittances
from roadstead.remittances.demands import sides_of
from roadstead.remittances.release import release_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequences:
    """What has to be known to draw them."""

    anchor: Anchor
    verified_types: frozenset[str]


async def follow(connection: Connection, rules: Consequences, customer_id: UUID, now: datetime) -> None:
    """Let everything that is open of a customer stand as the customer now does.

    Unpaid remittances that waited may be paid. Paid ones whose payout has not begun ask for what lacks, and every
    payout that may go on now, or has to wait for people now, is looked at next. What a bank has stays with the bank.
    Call it with the customer's case locked. Payouts are locked before their remittances, as everywhere.
    """
    verified = gate.Verified(types=rules.verified_types, now=now)
    waiting = await _lock_payouts(connection, customer_id)
    accepted = await gate.accepted_fields_of(connection, [row["remittance_id"] for row in waiting], now)
    for row in waiting:
        remittance = await remittances.by_id(connection, row["remittance_id"])
        if remittance is None:
            continue
        try:
            sides = sides_of(remittance, rules.anchor, accepted[remittance.id], verified)
        except BadInput:
            # What is asked of its customers is not offered any more: the payout itself says so to people.
            continue
        word = gate.gate_word(sides)
        if word.lacking and not word.is_rejected:
            await ask_customer(connection, row["remittance_id"], word.lacking, now)
        elif not word.is_verifying and _waits_for_customers(row, word):
            await connection.execute("UPDATE payouts SET due_at = now() WHERE id = $1", row["id"])
    await release_in(connection, rules.anchor, customer_id, verified)
    await tell_status(connection, rules.anchor, customer_id, now, verified_types=rules.verified_types)


def _waits_for_customers(row: Row, word: gate.GateWord) -> bool:
    """Tell whether a payout waits for data or verification, and not for its next try after a refusal."""
    return word.is_rejected or row["status"] == "pending_customer_info_update" or not row["attempts"]


async def _lock_payouts(connection: Connection, customer_id: UUID) -> list[Row]:
    rows: list[Row] = await connection.fetch(
        """
        SELECT p.id, p.remittance_id, r.status,
            (SELECT count(*) FROM payout_attempts AS a WHERE a.payout_id = p.id) AS attempts
        FROM payouts AS p JOIN remittances AS r ON r.id = p.remittance_id
        WHERE (r.sender_id = $1 OR r.receiver_id = $1) AND p.status = 'ordered'
        ORDER BY p.id FOR UPDATE OF p
        """,
        customer_id,
    )
    return rows
