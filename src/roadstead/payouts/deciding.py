"""Deciding what follows when an attempt was refused, or when money came back: a worker's step, the row is the job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from roadstead.boundaries import boundary
from roadstead.config.anchor import Anchor
from roadstead.config.payout_terms import Response, ReturnResponse
from roadstead.database.pool import Connection
from roadstead.money import Money
from roadstead.operations.alerts import AlertKind, Severity, open_alert
from roadstead.operations.holds import HoldKind, place_hold
from roadstead.payouts import content, decisions, doubt, holding, preparation, screened, store
from roadstead.payouts.cancelling import cancel_and_refund
from roadstead.payouts.choosing import Ways, next_rail
from roadstead.payouts.decisions import (
    AskCustomer,
    AskTransaction,
    Hold,
    Move,
    Refund,
    Retry,
    Step,
    Tried,
    response_to,
)
from roadstead.payouts.desk import Desk
from roadstead.payouts.reason_codes import ActionClass
from roadstead.payouts.reasons import Reason, explanation, reason_of
from roadstead.payouts.recording import AT_ONCE, record, word_found
from roadstead.payouts.states import AttemptStatus, PayoutStatus
from roadstead.rails.protocol import Observation, RailStatus, Unknown
from roadstead.remittances import cancellation
from roadstead.remittances import store as remittances
from roadstead.remittances.corrections import ask_for_fields
from roadstead.remittances.demands import types_of
from roadstead.remittances.states import RemittanceStatus

log = structlog.get_logger()

RECHECK_AFTER = timedelta(seconds=30)
"""How long a payout that waits for data rests before it is looked at again, if nobody wakes it."""
ASK_AGAIN_AFTER = timedelta(seconds=5)
"""How long it rests after a question that the rail did not answer."""

TRIED_AGAIN = "The bank could not carry out the payout yet. It is tried again; nothing is asked of you now."
"""What a partner is told between two attempts."""
ASKED = "The bank did not accept what travels with the payout: send the fields asked for."
"""What a partner is told with the fields of a transaction that are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Situation:
    """What a decision looks at, and what was seen of the data that it may reject."""

    reason: Reason
    tried: Tried
    provided: Mapping[str, bytes]


async def decide_refused(desk: Desk, payout: store.Payout, token: UUID) -> None:
    """Carry out what follows the refusal of the last attempt.

    Before anything is sent again the rail is asked once more whether the attempt is really refused, where it can tell.

    Raises:
        Conflict: The lease ran out, or something moved meanwhile.
        Unavailable: The database or the keeper of the keys does not answer.
    """
    async with desk.database.connection() as connection:
        attempts = await store.attempts(connection, payout.id)
        sealed = await preparation.sealed_of(connection, payout)
    last = next((one for one in reversed(attempts) if one.status is AttemptStatus.REFUSED), None)
    reason = reason_of(last.reason if last else payout.reason)
    tried = Tried(attempts=len(attempts), releases=payout.releases)
    seen = sealed[1] if sealed else {}
    step = await _next_step(desk, payout, _Situation(reason=reason, tried=tried, provided=seen))
    if isinstance(step, AskCustomer | Retry | Move) and sealed is None:
        step = Hold(why="the receiving client is not known any more")
    if isinstance(step, AskCustomer) and last is not None and await _is_changed_since(desk, payout, last):
        step = Retry(after=AT_ONCE)
    is_tried_again = isinstance(step, Retry | Move)
    if is_tried_again and last is not None and not await _is_confirmed(desk, payout, last, token):
        return
    await carry_out(desk, payout, token, step, reason=reason, seen=seen)


async def _is_changed_since(desk: Desk, payout: store.Payout, last: store.Attempt) -> bool:
    """Tell whether the receiving client's data are no longer those that the bank refused."""
    vault, ciphertexts = await preparation.open_vault(desk, payout)
    sent = await preparation.unseal(desk, payout, last)
    values = {name: vault.open(name, sealed) for name, sealed in ciphertexts.items()}
    return content.creditor(values) != sent.creditor


async def decide_refusal_foreseen(desk: Desk, payout: store.Payout, token: UUID, reason: Reason) -> None:
    """Carry out what follows when the rail itself says, before it is asked to pay, that it would refuse."""
    async with desk.database.connection() as connection:
        attempts = await store.attempts(connection, payout.id)
    tried = Tried(attempts=len(attempts), releases=payout.releases)
    step = await _next_step(desk, payout, _Situation(reason=reason, tried=tried, provided={}))
    await carry_out(desk, payout, token, step, reason=reason, seen={})


async def _next_step(desk: Desk, payout: store.Payout, situation: _Situation) -> Step:
    async with desk.database.connection() as connection:
        remittance = await remittances.by_id(connection, payout.remittance_id)
    anchor = desk.configuration.anchor
    type_name = remittance and types_of(remittance, anchor).receiver
    askable = [field.name for field in anchor.customer_type(type_name).fields] if type_name else []
    return decisions.after_refusal(
        situation.reason,
        anchor.payouts,
        situation.tried,
        provided=situation.provided,
        askable=askable,
        ways=_ways(anchor, payout, remittance),
    )


def _ways(anchor: Anchor, payout: store.Payout, remittance: remittances.Remittance | None) -> Ways:
    if remittance is None:
        return decisions.NOWHERE
    onward = next_rail(anchor, remittance.funding_method, payout.rail, payout.amount)
    return Ways(onward=onward, back=payout.back_to)


async def _is_confirmed(desk: Desk, payout: store.Payout, last: store.Attempt, token: UUID) -> bool:
    """Ask the rail again after a refused attempt; False when it does not stand by its word, which is recorded."""
    if not desk.rail.terms.can_find or last.rail != desk.rail.name:
        return True
    attempt = await preparation.unseal(desk, payout, last)
    boundary("payout.confirm.before")
    found = await desk.rail.find(attempt)
    boundary("payout.confirm.after")
    match found:
        case Unknown():
            async with desk.database.connection() as connection:
                await store.release(connection, payout.id, token, ASK_AGAIN_AFTER)
            return False
        case Observation() if found.status is not RailStatus.REFUSED:
            async with desk.database.transaction() as connection:
                locked = await store.lock_leased(connection, payout.id, token)
                await record(connection, locked, last.key, word_found(found), desk.clock.now())
                still_refused = (
                    await store.lock_leased(connection, payout.id, token)
                ).status is payout.status
                if not still_refused:
                    await store.release(connection, payout.id, token, None)
            return still_refused
        case _:
            return True


async def carry_out(
    desk: Desk,
    payout: store.Payout,
    token: UUID,
    step: Step,
    *,
    reason: Reason,
    seen: Mapping[str, bytes],
) -> None:
    """Write what follows, in one transaction, and give the lease back; `seen` are the data that may be rejected.

    Raises:
        Conflict: The lease ran out, or something moved meanwhile; nothing was written.
    """
    now = desk.clock.now()
    async with desk.database.transaction() as connection:
        locked = await store.lock_leased(connection, payout.id, token)
        due_in: timedelta | None = None
        if isinstance(step, Refund) and await doubt.may_be_paid_unknown_to_us(connection, locked.id):
            step = Hold(why="the bank told of an attempt that was lost with a database: try it again")
        if isinstance(step, Refund) and await screened.is_blocked(connection, locked):
            step = Hold(why=screened.NOTHING_BY_ITSELF)
        match step:
            case AskCustomer(fields=fields):
                wrong = {name: seen[name] for name in fields if name in seen}
                await store.set_status(connection, locked, PayoutStatus.ORDERED, reason.code, now)
                lack = preparation.NotReady(fields=fields, wrong=wrong, why=explanation(reason))
                await preparation.wait_for_customer(desk, connection, locked, lack, now)
                due_in = RECHECK_AFTER
            case AskTransaction():
                await _ask_transaction(desk, connection, locked, step, reason)
                due_in = RECHECK_AFTER
            case Retry(after=after, rail=rail):
                await _try_again(connection, locked, reason, desk, rail=rail)
                due_in = after
            case Move(rail=rail):
                await _try_again(connection, locked, reason, desk, rail=rail, is_fallback=True)
                due_in = AT_ONCE
            case Refund(cause=cause):
                await cancel_and_refund(
                    connection, locked.remittance_id, cause=cause, order_refunds=desk.order_refunds, now=now
                )
            case Hold(why=why):
                await _hold(desk, connection, locked, why)
        await store.release(connection, payout.id, token, due_in)
    log.info("payout_decided", payout_id=str(payout.id), reason=reason.code, step=type(step).__name__)


async def _ask_transaction(
    desk: Desk, connection: Connection, payout: store.Payout, step: AskTransaction, reason: Reason
) -> None:
    await store.set_status(connection, payout, PayoutStatus.ORDERED, reason.code, desk.clock.now())
    remittance = await remittances.by_id(connection, payout.remittance_id, lock=True)
    if remittance is None or remittance.status is RemittanceStatus.PENDING_TRANSACTION_INFO_UPDATE:
        return
    await ask_for_fields(connection, remittance, step.fields, message=ASKED, clock=desk.clock)


async def _try_again(
    connection: Connection,
    payout: store.Payout,
    reason: Reason,
    desk: Desk,
    *,
    rail: str | None,
    is_fallback: bool = False,
) -> None:
    """Order it once more, over another rail where one is named; a fallback remembers who only could not now."""
    now = desk.clock.now()
    if rail is None:
        await store.set_status(connection, payout, PayoutStatus.ORDERED, reason.code, now)
    else:
        may_come_back = response_to(reason.action, desk.configuration.anchor.payouts) is Response.RETRY
        back_to = payout.back_to or (payout.rail if may_come_back else None)
        await store.order_over(
            connection, payout, rail, back_to=back_to if is_fallback else None, reason=reason.code, now=now
        )
    remittance = await remittances.by_id(connection, payout.remittance_id, lock=True)
    if remittance is not None and remittance.status is RemittanceStatus.PENDING_RECEIVER:
        await cancellation.explain(connection, remittance.id, TRIED_AGAIN)
    if reason.action is ActionClass.OUR_FUNDS:
        await open_alert(
            connection,
            kind=AlertKind.BANK_FUNDS,
            subject=payout.rail,
            message=f"The bank behind {payout.rail} refuses payouts of {payout.amount.asset.code}: our account has not "
            "enough money. Fund it; the payouts are tried again by themselves.",
            severity=Severity.CRITICAL,
        )
    elif is_fallback and reason.action is ActionClass.OUR_FORMAT:
        await open_alert(
            connection,
            kind=AlertKind.RAIL_AVOIDED,
            subject=payout.rail,
            message=f"The rail {payout.rail} refuses the form of our instructions ({reason.code}); payouts go over "
            f"{rail} instead. An engineer has to look.",
        )


async def _hold(desk: Desk, connection: Connection, payout: store.Payout, why: str) -> None:
    attempts = await store.attempts(connection, payout.id)
    await holding.hold_for_release(
        connection,
        payout,
        desk.clock.now(),
        why=why,
        content=holding.release_content(payout, attempts=len(attempts)),
    )


async def decide_returned(desk: Desk, payout: store.Payout, token: UUID) -> None:
    """Carry out what follows when settled money came back: its refund, or a person's decision about it.

    Raises:
        Conflict: The lease ran out, or something moved meanwhile.
        Unavailable: The database does not answer.
    """
    async with desk.database.transaction() as connection:
        locked = await store.lock_leased(connection, payout.id, token)
        attempts = await store.attempts(connection, payout.id)
        back = next((one for one in reversed(attempts) if one.status is AttemptStatus.RETURNED), None)
        code = (back.reason if back else None) or ""
        units = locked.amount.units if back is None or back.returned_units is None else back.returned_units
        await holding.tell_of_return(connection, locked, code, Money(locked.amount.asset, units))
        is_blocked = await screened.is_blocked(connection, locked)
        if desk.configuration.anchor.payouts.returned is ReturnResponse.REFUND and not is_blocked:
            await cancel_and_refund(
                connection,
                locked.remittance_id,
                cause=f"payout returned {code}".strip(),
                order_refunds=desk.order_refunds,
                now=desk.clock.now(),
            )
        else:
            await ask_for_refund(connection, locked.remittance_id, why=f"payout returned {code}".strip())
        await store.release(connection, payout.id, token, None)


async def ask_for_refund(
    connection: Connection, remittance_id: UUID, *, why: str, approvals: int = 1, actor: str = "system"
) -> UUID | None:
    """Let people decide whether the payer of a remittance gets the money back; None when there is none to give.

    The caller's transaction places the hold; a worker applies what is decided.
    """
    remittance = await remittances.by_id(connection, remittance_id)
    if remittance is None or remittance.funded_by is None:
        return None
    return await place_hold(
        connection,
        kind=HoldKind.REMITTANCE_REFUND,
        subject=str(remittance.id),
        content=holding.refund_content(remittance),
        reason=why,
        approvals=approvals,
        actor=actor,
    )
