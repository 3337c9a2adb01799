"""Remittances that were opened before their customers were complete: once nothing is missing, they may be paid."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from roadstead.clock import Clock
from roadstead.config.anchor import Anchor
from roadstead.customers.standing import NOBODY
from roadstead.database.pool import Connection, Database, Row
from roadstead.errors import BadInput
from roadstead.remittances import gate, store
from roadstead.remittances.demands import sides_of
from roadstead.remittances.states import RemittanceStatus

RELEASED_MAX = 100
"""Most remittances of one customer that one call looks at; the next one looks at the rest."""


async def release_waiting(
    database: Database,
    anchor: Anchor,
    customer_id: UUID,
    clock: Clock,
    *,
    verified_types: Collection[str] = NOBODY,
) -> int:
    """Let the unpaid remittances of a customer be paid whose customers are both complete; return how many.

    Safe to repeat. Whoever opens a remittance that waits calls it afterwards, and so does whoever changes a customer:
    whichever comes second sees what the first one wrote.

    Raises:
        Unavailable: The database does not answer; nothing was changed.
    """
    async with database.transaction() as connection:
        verified = gate.Verified(types=verified_types, now=clock.now())
        return await release_in(connection, anchor, customer_id, verified)


async def release_in(
    connection: Connection, anchor: Anchor, customer_id: UUID, verified: gate.Verified
) -> int:
    """Do the same in the caller's transaction: for whoever changes in it how the customer stands."""
    released = 0
    for waiting in await _waiting(connection, customer_id):
        if not await _is_complete(connection, anchor, waiting["id"], verified):
            continue
        await _release(connection, waiting["id"], RemittanceStatus(waiting["status"]), verified.now)
        released += 1
    return released


async def _waiting(connection: Connection, customer_id: UUID) -> list[Row]:
    """Lock the customer's unpaid remittances that wait for data, in one order."""
    rows: list[Row] = await connection.fetch(
        """
        SELECT id, status FROM remittances
        WHERE (sender_id = $1 OR receiver_id = $1) AND funded_by IS NULL
            AND status IN ('pending_customer_info_update', 'pending_receiver')
        ORDER BY id LIMIT $2 FOR UPDATE
        """,
        customer_id,
        RELEASED_MAX,
    )
    return rows


async def _is_complete(
    connection: Connection, anchor: Anchor, remittance_id: UUID, verified: gate.Verified
) -> bool:
    """Tell whether nothing is missing of either side; of a type that is no longer known, something always is."""
    remittance = await store.by_id(connection, remittance_id)
    if remittance is None:
        return False
    accepted = await gate.accepted_fields(connection, remittance_id, verified.now)
    try:
        sides = sides_of(remittance, anchor, accepted, verified)
    except BadInput:
        return False
    await gate.begin_cases(connection, sides, verified.now)
    return gate.gate_word(sides).opens


async def _release(
    connection: Connection, remittance_id: UUID, status: RemittanceStatus, now: datetime
) -> None:
    """Move it to where it may be paid, by way of `pending_receiver` as SEP-31 has it."""
    path = [status, RemittanceStatus.PENDING_RECEIVER, RemittanceStatus.PENDING_SENDER]
    steps = dict.fromkeys(path)
    for status_from, status_to in zip(steps, list(steps)[1:], strict=False):
        step = store.Move(
            remittance_id=remittance_id,
            status_from=status_from,
            status_to=status_to,
            cause="customer data complete",
        )
        await store.move(connection, step, now)
