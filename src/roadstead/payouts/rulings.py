"""Carrying out what people decided about payouts: a worker's step, never the command in which they decide."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

import asyncpg
import structlog

from roadstead.clock import Clock
from roadstead.database.pool import Connection, Database
from roadstead.errors import Conflict, NotFound, RoadsteadError
from roadstead.operations.alerts import AlertKind, Severity, close_alert, open_alert
from roadstead.operations.holds import (
    Decided,
    Decision,
    HoldKind,
    applied,
    decided,
    digest_of,
    withdraw_hold,
)
from roadstead.payouts import holding, store
from roadstead.payouts.cancelling import cancel_and_refund
from roadstead.payouts.statements import state_outcome
from roadstead.payouts.states import PayoutStatus
from roadstead.remittances import store as remittances
from roadstead.remittances.refunding import OrderRefunds

log = structlog.get_logger()

RULINGS_MAX = 20

_Rule = Callable[[Connection, Decided, OrderRefunds, datetime], Awaitable[None]]


async def apply_rulings(database: Database, order_refunds: OrderRefunds, clock: Clock) -> int:
    """Carry out what is decided about payouts and refunds of remittances; return how many decisions there were.

    What cannot be done any more is withdrawn with its reason and an alert, and never holds up the others. Safe to run
    anywhere, at any time, by any number of workers.

    Raises:
        Unavailable: The database does not answer.
    """
    count = 0
    for kind in _RULES:
        async with database.transaction() as connection:
            for one in await decided(connection, kind, RULINGS_MAX):
                count += 1
                await _apply(connection, kind, one, order_refunds, clock.now())
    return count


async def _apply(
    connection: Connection, kind: HoldKind, one: Decided, order_refunds: OrderRefunds, now: datetime
) -> None:
    try:
        async with connection.transaction():
            await applied(connection, one.hold_id)
            await _RULES[kind](connection, one, order_refunds, now)
    except (
        RoadsteadError,
        asyncpg.IntegrityConstraintViolationError,
        asyncpg.RestrictViolationError,
    ) as error:
        detail = error.message if isinstance(error, RoadsteadError) else "the database refuses it"
        log.exception("ruling_not_applied", hold_id=str(one.hold_id), kind=kind, subject=one.subject)
        await withdraw_hold(connection, kind, one.subject, reason=f"could not be carried out: {detail}")
        await _place_again(connection, kind, one, detail)
        await open_alert(
            connection,
            kind=AlertKind.DECISION_NOT_APPLIED,
            subject=one.subject,
            message=f"What was decided in hold {one.hold_id} ({kind}: {one.decision}) was not done: {detail}",
        )
        return
    log.info(
        "ruling_applied", hold_id=str(one.hold_id), kind=kind, subject=one.subject, decision=one.decision
    )


async def _place_again(connection: Connection, kind: HoldKind, one: Decided, why: str) -> None:
    """Ask again about a payout that is still held: none is without a question."""
    if kind is HoldKind.REMITTANCE_REFUND:
        return
    payout = await store.lock(connection, UUID(one.subject))
    if payout is None or payout.status is not PayoutStatus.HELD:
        return
    attempts = await store.attempts(connection, payout.id)
    doubted = next((attempt for attempt in attempts if attempt.status.may_pay), None)
    if doubted is not None:
        await holding.ask_for_word(connection, payout, doubted, why=why, severity=Severity.CRITICAL)
        return
    content = holding.release_content(payout, attempts=len(attempts))
    await holding.place_release(connection, payout, why=why, content=content)


async def _release_payout(
    connection: Connection, one: Decided, order_refunds: OrderRefunds, now: datetime
) -> None:
    payout = await _held(connection, one)
    attempts = await store.attempts(connection, payout.id)
    pays = one.content.get("pays", "")
    if digest_of(holding.release_content(payout, attempts=len(attempts), pays=pays)) != one.digest:
        raise Conflict(f"Payout {payout.id} is no longer what was decided about: decide again.")
    if any(attempt.status.may_pay for attempt in attempts):
        raise Conflict(f"An attempt of payout {payout.id} may still pay: say first what became of it.")
    await close_alert(connection, AlertKind.PAYOUT_HELD, one.subject, reason=f"decided: {one.decision}")
    match one.decision:
        case Decision.RELEASE:
            await store.let_go_on(connection, payout, pays, now)
        case Decision.REFUSE:
            await cancel_and_refund(
                connection,
                payout.remittance_id,
                cause="payout given up by operators",
                order_refunds=order_refunds,
                now=now,
            )


async def _state_outcome(connection: Connection, one: Decided, _: OrderRefunds, now: datetime) -> None:
    payout = await store.lock(connection, UUID(one.subject))
    if payout is None:
        raise NotFound(f"There is no payout {one.subject}.")
    attempts = await store.attempts(connection, payout.id)
    attempt = next((attempt for attempt in attempts if attempt.key == one.content.get("attempt")), None)
    if attempt is None or digest_of(holding.word_content(payout, attempt)) != one.digest:
        raise Conflict(f"Payout {payout.id} is no longer what was decided about: look again.")
    await close_alert(connection, AlertKind.PAYOUT_UNKNOWN, one.subject, reason=f"decided: {one.decision}")
    is_paid = one.decision is Decision.RELEASE
    await state_outcome(connection, payout, attempt.key, is_paid=is_paid, now=now)


async def _refund_remittance(
    connection: Connection, one: Decided, order_refunds: OrderRefunds, now: datetime
) -> None:
    if one.decision is Decision.REFUSE:
        return
    remittance = await remittances.by_id(connection, UUID(one.subject))
    if remittance is None:
        raise NotFound(f"There is no remittance {one.subject}.")
    if digest_of(holding.refund_content(remittance)) != one.digest:
        raise Conflict(f"Remittance {remittance.id} is no longer what was decided about: decide again.")
    await cancel_and_refund(
        connection, remittance.id, cause="refund decided by operators", order_refunds=order_refunds, now=now
    )


async def _held(connection: Connection, one: Decided) -> store.Payout:
    payout = await store.lock(connection, UUID(one.subject))
    if payout is None:
        raise NotFound(f"There is no payout {one.subject}.")
    if payout.status is not PayoutStatus.HELD:
        raise Conflict(f"Payout {payout.id} is {payout.status} and no longer held.")
    return payout


_RULES: dict[HoldKind, _Rule] = {
    HoldKind.PAYOUT_RELEASE: _release_payout,
    HoldKind.PAYOUT_UNKNOWN: _state_outcome,
    HoldKind.REMITTANCE_REFUND: _refund_remittance,
}
