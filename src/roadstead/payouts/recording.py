"""Recording what a rail said: payout, attempt, remittance and books move together, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from roadstead.database.pool import Connection
from roadstead.errors import InvariantViolated
from roadstead.ledger import postings
from roadstead.ledger.store import post
from roadstead.payouts import store
from roadstead.payouts.states import (
    Advance,
    Contradiction,
    Old,
    PayoutStatus,
    conclude,
    remittance_status,
)
from roadstead.rails.protocol import RailStatus
from roadstead.remittances import store as remittances
from roadstead.remittances.states import RemittanceStatus

log = structlog.get_logger()

INQUIRE_AFTER = timedelta(seconds=60)
"""How long a rail may stay silent about a submitted attempt before it is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What a rail said of an attempt, and where we heard it (`submit`, `find`, `event`)."""

    status: RailStatus
    heard: str
    reference: str | None = None
    reason: str | None = None


async def record(connection: Connection, payout: store.Payout, key: str, word: Word, now: datetime) -> str:
    """Record a rail's word of a payout that the caller has locked; return what was made of it.

    Repeating a word changes nothing.
    """
    conclusion = conclude(payout.status, word.status)
    match conclusion:
        case Old():
            return "old"
        case Contradiction(detail=detail):
            log.error("rail_contradicts_itself", payout_id=str(payout.id), key=key, detail=detail)
            await store.set_status(connection, payout, PayoutStatus.HELD, f"contradiction: {detail}", now)
            await store.set_due(connection, payout.id, None)
            return f"contradiction: {detail}"
        case Advance():
            await _advance(connection, payout, key, word, now, advance=conclusion)
            return str(conclusion.status)


async def _advance(
    connection: Connection, payout: store.Payout, key: str, word: Word, now: datetime, *, advance: Advance
) -> None:
    remittance = await remittances.by_id(connection, payout.remittance_id, lock=True)
    if remittance is None:
        raise InvariantViolated(f"Payout {payout.id} has no remittance.")
    await store.set_status(connection, payout, advance.status, word.reason, now)
    await store.set_attempt(
        connection,
        key,
        status=_attempt_status(advance.status),
        reference=word.reference,
        reason=word.reason,
        now=now,
    )
    waits = advance.status in {PayoutStatus.SUBMITTED, PayoutStatus.ACCEPTED}
    await store.set_due(connection, payout.id, INQUIRE_AFTER if waits else None)
    await post(connection, _postings(payout, key, advance, remittance))
    await _move(connection, remittance, advance.status, word, now)


def _attempt_status(status: PayoutStatus) -> str:
    if status in {PayoutStatus.SETTLED, PayoutStatus.REFUSED, PayoutStatus.RETURNED}:
        return status.value
    return "open"


def _postings(
    payout: store.Payout, key: str, advance: Advance, remittance: remittances.Remittance
) -> list[postings.Posting]:
    delivery = remittance.delivery
    amount = delivery.amount_out
    result = []
    if advance.submits:
        result.append(postings.payout_submitted(key, payout.rail, remittance.id, amount))
    if advance.settles:
        result.append(postings.payout_settled(key, payout.rail, delivery))
    if advance.status is PayoutStatus.RETURNED:
        result.append(postings.payout_returned(key, payout.rail, delivery, amount))
    was_submitted = payout.status in {PayoutStatus.SUBMITTED, PayoutStatus.ACCEPTED}
    if advance.status is PayoutStatus.REFUSED and was_submitted:
        result.append(postings.payout_refused(key, payout.rail, remittance.id, amount))
    return result


async def _move(
    connection: Connection,
    remittance: remittances.Remittance,
    status: PayoutStatus,
    word: Word,
    now: datetime,
) -> None:
    target = remittance_status(status)
    if target is None or target is remittance.status:
        return
    message = None
    if target is RemittanceStatus.PENDING_RECEIVER:
        message = "The bank did not accept the payout. We are looking into it; nothing is asked of you now."
    await remittances.move(
        connection,
        remittances.Move(
            remittance_id=remittance.id,
            status_from=remittance.status,
            status_to=target,
            cause=f"payout {status} ({word.heard})",
            message=message,
            reference=word.reference,
        ),
        now,
    )


async def record_unknown(connection: Connection, payout: store.Payout, detail: str, now: datetime) -> None:
    """Record that nobody can say whether a sent attempt will pay. It is asked about until somebody can."""
    if payout.status is not PayoutStatus.SUBMITTING:
        return
    await store.set_status(connection, payout, PayoutStatus.UNKNOWN, detail[:200], now)
    remittance = await remittances.by_id(connection, payout.remittance_id, lock=True)
    if remittance is not None:
        await _move(
            connection,
            remittance,
            PayoutStatus.UNKNOWN,
            Word(status=RailStatus.RECEIVED, heard="no answer"),
            now,
        )
