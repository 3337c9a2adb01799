"""Payouts and screening: nothing goes out before both parties are clear, and what waited goes on by itself.

A partner is told nothing of it: the remittance stays as one that is being worked on.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog

from roadstead.clock import Clock
from roadstead.database.pool import Connection, Database
from roadstead.payouts import preparation, store
from roadstead.payouts.desk import Desk
from roadstead.payouts.states import PayoutStatus
from roadstead.screening import lists_store
from roadstead.screening.clearance import (
    Clearance,
    Requirements,
    clearance,
    requirements_of,
    stale_lists,
)
from roadstead.screening.store import standings

log = structlog.get_logger()

HELD_BY = "screening"
"""The reason of a payout that is held because of what was found of a party."""
NOTHING_BY_ITSELF = "a party may be on a sanctions list, and nothing goes back to anybody by itself"


async def is_barred(desk: Desk, connection: Connection, payout: store.Payout) -> bool:
    """Whether a locked payout may not go out now; then it waits, or is held, without a word to the partner.

    Call it in the transaction that writes the attempt.
    """
    now = desk.clock.now()
    found = await _clearance(desk, connection, payout)
    if found is Clearance.CLEAR:
        return False
    log.info("payout_awaits_screening", payout_id=str(payout.id), clearance=str(found))
    if found is Clearance.BLOCKED:
        await store.set_status(connection, payout, PayoutStatus.HELD, HELD_BY, now)
    await connection.execute("UPDATE payouts SET awaits_screening = true WHERE id = $1", payout.id)
    await preparation.note_complete(connection, payout, now)
    return True


async def may_not_be_sent_again(desk: Desk, connection: Connection, payout: store.Payout) -> bool:
    """Whether an attempt that a rail never had may not be sent again now; it stays as it is and is looked at again."""
    return await _clearance(desk, connection, payout) is not Clearance.CLEAR


async def is_blocked(connection: Connection, payout: store.Payout) -> bool:
    """Whether people have to decide about a party of a payout, or confirmed that it stands on a list.

    Nothing is refunded by itself then: money may not go to such a payer either.
    """
    parties = await _parties(connection, payout.remittance_id)
    return any(one.is_blocked for one in await standings(connection, parties))


async def wake_cleared(database: Database, requirements: Requirements, clock: Clock) -> int:
    """Let payouts be looked at again whose parties are clear now, or blocked; return how many there were.

    Safe to run anywhere, at any time.

    While a list that is needed is missing or too old, nothing goes on.

    Raises:
        Unavailable: The database does not answer.
    """
    now = clock.now()
    async with database.transaction() as connection:
        if stale_lists(requirements, await lists_store.states(connection), now):
            return 0
        woken = await _wake(connection, now, needs_current=requirements.is_on)
    if woken:
        log.info("payouts_cleared", count=woken)
    return woken


async def _wake(connection: Connection, now: datetime, *, needs_current: bool) -> int:
    tag = await connection.execute(
        """
        UPDATE payouts AS p SET awaits_screening = false, due_at = now(),
            status = CASE p.status WHEN 'held' THEN 'ordered' ELSE p.status END,
            reason = CASE p.status WHEN 'held' THEN 'cleared' ELSE p.reason END,
            status_at = CASE p.status WHEN 'held' THEN $1 ELSE p.status_at END
        FROM remittances AS r
        WHERE p.awaits_screening AND r.id = p.remittance_id
            AND (p.status = 'ordered' OR (p.status = 'held' AND p.reason = $2))
            AND CASE WHEN screening_blocks(r.sender_id) OR screening_blocks(r.receiver_id)
                -- It waited for a screening, and what was found holds it now.
                THEN p.status = 'ordered'
                ELSE NOT $3 OR NOT EXISTS (SELECT FROM unnest(ARRAY[r.sender_id, r.receiver_id]) AS party
                    WHERE party IS NOT NULL AND NOT screening_is_current(party)) END
        """,
        now,
        HELD_BY,
        needs_current,
    )
    return int(tag.rpartition(" ")[2])


async def _clearance(desk: Desk, connection: Connection, payout: store.Payout) -> Clearance:
    parties = await _parties(connection, payout.remittance_id)
    return await clearance(connection, parties, requirements_of(desk.configuration), desk.clock.now())


async def _parties(connection: Connection, remittance_id: UUID) -> list[UUID]:
    rows = await connection.fetch(
        """
        SELECT DISTINCT party FROM remittances AS r, unnest(ARRAY[r.sender_id, r.receiver_id]) AS party
        WHERE r.id = $1 AND party IS NOT NULL
        """,
        remittance_id,
    )
    return [row["party"] for row in rows]
