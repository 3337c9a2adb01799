"""Decisions about the queue of unmatched payments: proposed by people, applied by a worker, judged anew under lock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import asyncpg
import structlog

from roadstead.database.pool import Connection, Database
from roadstead.errors import BadInput, Conflict, NotFound, RoadsteadError, Unavailable
from roadstead.money import Money, parse_asset
from roadstead.operations import audit
from roadstead.operations.holds import (
    Decided,
    Decision,
    HoldKind,
    applied,
    decided,
    digest_of,
    place_hold,
    withdraw_hold,
)
from roadstead.payments.dispositions import Disposition
from roadstead.payments.queue import Part
from roadstead.quotes.rates import Snapshot
from roadstead.remittances import store
from roadstead.remittances.by_hand import (
    MATCH,
    NotPossible,
    QueuedPayment,
    match_by_hand,
    match_content,
    refund_by_hand,
    refund_content,
)
from roadstead.remittances.funding import Match, OrderPayouts, write_matches
from roadstead.remittances.matcher import take_turn
from roadstead.remittances.policies import Policies
from roadstead.remittances.refunding import OrderRefunds, RefundOrder, RefundSource
from roadstead.remittances.suspense import excess_order, order_refunds_of

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """What a decision is carried out with."""

    policies: Policies
    order_payouts: OrderPayouts
    order_refunds: OrderRefunds | None
    rates: Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A hold that was placed for a decision about a payment, and what it is about."""

    hold_id: UUID
    content: Mapping[str, str]
    digest: str
    approvals: int


async def ask_to_match(
    connection: Connection,
    operation_id: int,
    remittance_id: UUID,
    *,
    policies: Policies,
    reason: str,
    actor: str,
) -> Proposal:
    """Let people decide whether a payment funds a remittance; safe to repeat.

    Raises:
        NotFound: There is no such payment or remittance.
        Conflict: The payment cannot be matched to it; the message says what to do instead.
    """
    remittance = await _remittance(connection, remittance_id)
    payment = await _payment(connection, operation_id)
    matched = match_by_hand(payment, remittance, policies)
    if isinstance(matched, NotPossible):
        raise Conflict(matched.why)
    content = match_content(payment, remittance, matched)
    return await _ask(
        connection, payment, content, approvals=_approvals(payment, policies), reason=reason, actor=actor
    )


async def ask_to_refund(
    connection: Connection, operation_id: int, *, policies: Policies, reason: str, actor: str
) -> Proposal:
    """Let people decide whether a payment, or what was too much of it, goes back; safe to repeat.

    Raises:
        NotFound: There is no such payment.
        Conflict: Nothing of it can go back.
    """
    payment = await _payment(connection, operation_id)
    back = refund_by_hand(payment)
    if isinstance(back, NotPossible):
        raise Conflict(back.why)
    return await _ask(
        connection,
        payment,
        refund_content(payment, *back),
        approvals=_approvals(payment, policies),
        reason=reason,
        actor=actor,
    )


async def apply_decision(database: Database, hands: Hands, now: datetime) -> bool:
    """Carry out one decision about the queue; False when there is none. Safe to run anywhere, by any number of workers.

    Everything is judged again, locked and as it is now. Where it is not what people agreed to, the hold is withdrawn
    and the payment stays in the queue.

    Raises:
        Unavailable: The database does not answer; what was not committed is done again.
    """
    async with database.transaction() as connection:
        if not await take_turn(connection):
            return False
        found = await decided(connection, HoldKind.MANUAL_MATCH, 1)
        for one in found:
            try:
                async with connection.transaction():
                    await _apply(connection, one, hands, now)
            except Unavailable:
                raise
            except (RoadsteadError, asyncpg.IntegrityConstraintViolationError) as error:
                why = str(error)
                log.warning("decision_not_applied", operation_id=one.subject, reason=why)
                await withdraw_hold(connection, HoldKind.MANUAL_MATCH, one.subject, reason=why)
    return bool(found)


async def _apply(connection: Connection, one: Decided, hands: Hands, now: datetime) -> None:
    if one.decision is Decision.RELEASE:
        if one.content["action"] == MATCH:
            await _match(connection, one, hands, now)
        else:
            await _refund(connection, one, hands, now)
    await applied(connection, one.hold_id)
    await audit.record(
        connection,
        actor="system",
        action=f"payment.{one.content['action']}_{one.decision}",
        subject=f"payment {one.subject}",
        detail={**one.content, "hold": str(one.hold_id), "reason": one.reason, "proposer": str(one.proposer)},
    )
    log.info(
        "decision_applied", operation_id=one.subject, action=one.content["action"], decision=one.decision
    )


async def _match(connection: Connection, one: Decided, hands: Hands, now: datetime) -> None:
    remittance = await _remittance(connection, UUID(one.content["remittance"]))
    payment = await _payment(connection, int(one.subject))
    matched = match_by_hand(payment, remittance, hands.policies)
    if isinstance(matched, NotPossible):
        raise Conflict(matched.why)
    _require_same(one, match_content(payment, remittance, matched))
    match = Match(
        remittance=remittance, operation_id=payment.operation_id, matched=matched, from_suspense=True
    )
    payable = await write_matches(connection, [match], now, hands.rates, cause=f"hold {one.hold_id}")
    excess = matched.excess
    if excess is not None and hands.order_refunds is not None and hands.policies.goes_back(excess):
        funded = replace(remittance, excess=excess, funded_by=payment.operation_id)
        order = excess_order(funded, payment.operation_id)
        await order_refunds_of(connection, hands.order_refunds, [order], now, cause=f"hold {one.hold_id}")
    await hands.order_payouts(connection, payable, now)


async def _refund(connection: Connection, one: Decided, hands: Hands, now: datetime) -> None:
    if hands.order_refunds is None:
        raise Conflict("Nothing here sends refunds: configure the account that signs them, and decide again.")
    named = await _named_by(connection, int(one.subject))
    payment = await _payment(connection, int(one.subject))
    back = refund_by_hand(payment)
    if isinstance(back, NotPossible):
        raise Conflict(back.why)
    part, amount = back
    _require_same(one, refund_content(payment, part, amount))
    order = RefundOrder(
        source=RefundSource.SUSPENSE,
        operation_id=payment.operation_id,
        remittance=named if part is Part.EXCESS else None,
        memo_remittance=named,
        amount=amount,
        cause=payment.reason or part,
    )
    await order_refunds_of(connection, hands.order_refunds, [order], now, cause=f"hold {one.hold_id}")


def _require_same(one: Decided, content: Mapping[str, str]) -> None:
    if digest_of(content) != one.digest:
        raise Conflict("What was agreed to is not what would be done now: look again and decide anew.")


def _approvals(payment: QueuedPayment, policies: Policies) -> int:
    return policies.approvals(payment.waiting[1] if payment.waiting else None)


async def _ask(
    connection: Connection,
    payment: QueuedPayment,
    content: Mapping[str, str],
    *,
    approvals: int,
    reason: str,
    actor: str,
) -> Proposal:
    if not reason.strip():
        raise BadInput("Give the reason: others have to judge it.")
    hold_id = await place_hold(
        connection,
        kind=HoldKind.MANUAL_MATCH,
        subject=str(payment.operation_id),
        content=content,
        reason=reason,
        approvals=approvals,
        actor=actor,
    )
    return Proposal(hold_id=hold_id, content=content, digest=digest_of(content), approvals=approvals)


async def _remittance(connection: Connection, remittance_id: UUID) -> store.Remittance:
    remittance = await store.by_id(connection, remittance_id, lock=True)
    if remittance is None:
        raise NotFound(f"There is no remittance {remittance_id}: see roadstead remittances list.")
    return remittance


async def _named_by(connection: Connection, operation_id: int) -> store.Remittance | None:
    """Return the remittance that a payment's memo names or that it funded, if there is one."""
    remittance_id = await connection.fetchval(
        "SELECT remittance_id FROM payments WHERE operation_id = $1", operation_id
    )
    return None if remittance_id is None else await store.by_id(connection, remittance_id, lock=True)


async def _payment(connection: Connection, operation_id: int) -> QueuedPayment:
    """Lock a payment and return what a decision about it looks at."""
    row = await connection.fetchrow(
        """
        SELECT disposition, excess_disposition, reason, receiving_account, payer, asset, amount_units, excess_units,
            remittance_id
        FROM payments WHERE operation_id = $1 FOR NO KEY UPDATE
        """,
        operation_id,
    )
    if row is None:
        raise NotFound(f"There is no payment {operation_id}: see roadstead payments unmatched.")
    asset = parse_asset(row["asset"])
    excess_disposition = row["excess_disposition"]
    return QueuedPayment(
        operation_id=operation_id,
        disposition=Disposition(row["disposition"]),
        excess_disposition=None if excess_disposition is None else Disposition(excess_disposition),
        reason=row["reason"],
        receiving_account=row["receiving_account"],
        payer=row["payer"],
        asset=asset,
        amount=None if row["amount_units"] is None else Money(asset, row["amount_units"]),
        excess=None if row["excess_units"] is None else Money(asset, row["excess_units"]),
        remittance_id=row["remittance_id"],
    )
