"""Payouts that wait for people: what they are asked, and the digest that their answer is bound to."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

import structlog

from roadstead.database.pool import Connection
from roadstead.money import Money
from roadstead.operations.alerts import AlertKind, Severity, close_alert, open_alert
from roadstead.operations.holds import HoldKind, canonical, place_hold, withdraw_hold
from roadstead.payouts import store
from roadstead.payouts.states import PayoutStatus
from roadstead.rails.protocol import PayoutAttempt
from roadstead.remittances import cancellation
from roadstead.remittances import store as remittances
from roadstead.remittances.states import RemittanceStatus

log = structlog.get_logger()

_ASKING = frozenset(
    {RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE, RemittanceStatus.PENDING_TRANSACTION_INFO_UPDATE}
)

WORD_APPROVALS = 2
"""How many people say together what became of an attempt: money goes out, or back, on their word."""

IN_OUR_HANDS = "The payout waits for a decision of ours; nothing is asked of you now."
"""What a partner is told of a held payout, whatever the reason."""

_PURPOSE = b"roadstead payout content\0"


def pays_digest(payout: store.Payout, attempt: PayoutAttempt, data_key: bytes, *, caution: str = "") -> str:
    """Return the digest of what an attempt would pay, to whom and over what, under the receiving client's data key.

    Without the key nothing of the client can be guessed from it. It is the same for every attempt of the same content.
    A `caution` makes it another: who let a payout out before there was reason for caution did not let out this one.
    """
    creditor = attempt.creditor
    content = {
        "payout": str(payout.id),
        "remittance": str(payout.remittance_id),
        "rail": payout.rail,
        "amount": str(attempt.amount),
        "name": creditor.name,
        "account": creditor.account_number,
        "bank": creditor.bank_number or "",
        "country": creditor.country or "",
        "information": attempt.information,
        **({"caution": caution} if caution else {}),
    }
    return hmac.new(data_key, _PURPOSE + canonical(content).encode(), hashlib.sha256).hexdigest()


def release_content(payout: store.Payout, *, attempts: int, pays: str = "") -> Mapping[str, str]:
    """Write what people decide about when they let a payout go on or give it up.

    `pays` is the digest of exactly what goes out, where that is what they approve.
    """
    return {
        "payout": str(payout.id),
        "remittance": str(payout.remittance_id),
        "rail": payout.rail,
        "amount": str(payout.amount),
        "attempts": str(attempts),
        "pays": pays,
    }


def word_content(payout: store.Payout, attempt: store.Attempt) -> Mapping[str, str]:
    """Write what people decide about when they say what became of an attempt."""
    return {
        "payout": str(payout.id),
        "remittance": str(payout.remittance_id),
        "rail": attempt.rail,
        "amount": str(payout.amount),
        "end_to_end_id": payout.end_to_end_id,
        "attempt": attempt.key,
        "known": attempt.status.value,
        "release": "the bank paid",
        "refuse": "the bank never paid and never will",
    }


def refund_content(remittance: remittances.Remittance) -> Mapping[str, str]:
    """Write what people decide about when a remittance's payer may get the money back."""
    return {
        "remittance": str(remittance.id),
        "amount": str(remittance.amount_in),
        "payment": str(remittance.funded_by),
    }


async def hold_for_release(
    connection: Connection,
    payout: store.Payout,
    now: datetime,
    *,
    why: str,
    content: Mapping[str, str],
    approvals: int = 1,
) -> None:
    """Hold a locked payout until people let it go on (release) or give it up (refuse)."""
    await store.set_status(connection, payout, PayoutStatus.HELD, why, now)
    await store.set_due(connection, payout.id, None)
    await place_release(connection, payout, why=why, content=content, approvals=approvals)
    remittance = await remittances.by_id(connection, payout.remittance_id, lock=True)
    if remittance is not None and remittance.status is RemittanceStatus.PENDING_EXTERNAL:
        await _back_to_us(connection, remittance, now)
        return
    await ask_nobody_outside(connection, payout, now)


async def ask_nobody_outside(connection: Connection, payout: store.Payout, now: datetime) -> None:
    """Ask nothing more of the partner while people decide; what a bank has stays with the bank."""
    remittance = await remittances.by_id(connection, payout.remittance_id, lock=True)
    if remittance is None:
        return
    if remittance.status is RemittanceStatus.PENDING_RECEIVER:
        await cancellation.explain(connection, remittance.id, IN_OUR_HANDS)
    elif remittance.status in _ASKING:
        await _back_to_us(connection, remittance, now)


async def _back_to_us(connection: Connection, remittance: remittances.Remittance, now: datetime) -> None:
    step = remittances.Move(
        remittance_id=remittance.id,
        status_from=remittance.status,
        status_to=RemittanceStatus.PENDING_RECEIVER,
        cause="payout held",
        message=IN_OUR_HANDS,
    )
    await remittances.move(connection, step, now)


async def place_release(
    connection: Connection, payout: store.Payout, *, why: str, content: Mapping[str, str], approvals: int = 1
) -> None:
    """Ask people whether a held payout goes on or is given up."""
    await place_hold(
        connection,
        kind=HoldKind.PAYOUT_RELEASE,
        subject=str(payout.id),
        content=content,
        reason=why,
        approvals=approvals,
    )
    await open_alert(
        connection,
        kind=AlertKind.PAYOUT_HELD,
        subject=str(payout.id),
        message=f"Payout {payout.id} over {payout.rail} is held: {why}. Release it or refuse it.",
    )


async def ask_for_word(
    connection: Connection, payout: store.Payout, attempt: store.Attempt, *, why: str, severity: Severity
) -> None:
    """Let people say what became of an attempt: that the bank paid (release), or never did (refuse)."""
    await place_hold(
        connection,
        kind=HoldKind.PAYOUT_UNKNOWN,
        subject=str(payout.id),
        content=word_content(payout, attempt),
        reason=why,
        approvals=WORD_APPROVALS,
    )
    await open_alert(
        connection,
        kind=AlertKind.PAYOUT_UNKNOWN,
        subject=str(payout.id),
        message=(
            f"Attempt {attempt.key} of payout {payout.id} over {attempt.rail}: {why}. Ask the bank, and let two people "
            "say with its evidence what became of it."
        ),
        severity=severity,
    )


async def nothing_to_ask(connection: Connection, payout: store.Payout, reason: str) -> None:
    """Take back every question about a payout, because it has been answered."""
    for hold, alert in (
        (HoldKind.PAYOUT_RELEASE, AlertKind.PAYOUT_HELD),
        (HoldKind.PAYOUT_UNKNOWN, AlertKind.PAYOUT_UNKNOWN),
    ):
        await withdraw_hold(connection, hold, str(payout.id), reason=reason)
        await close_alert(connection, alert, str(payout.id), reason=reason)


async def tell_of_return(connection: Connection, payout: store.Payout, code: str, returned: Money) -> None:
    """Alert that settled money came back."""
    short = "" if returned == payout.amount else f", {payout.amount - returned} less than was paid"
    await open_alert(
        connection,
        kind=AlertKind.PAYOUT_RETURNED,
        subject=str(payout.id),
        message=f"{returned} of payout {payout.id} came back over {payout.rail}{short} ({code or 'no reason'}).",
    )
