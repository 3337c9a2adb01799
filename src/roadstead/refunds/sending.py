"""Sending refunds: what is due, what may be signed, and what becomes of each envelope."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import structlog

from roadstead.database.pool import Connection
from roadstead.envelopes.purposes import Dead, Draft, End, Failed, Succeeded
from roadstead.envelopes.seeing import EXPIRED, STOPPED, UNCLEAR, WAITING
from roadstead.envelopes.store import Envelope
from roadstead.envelopes.submitter import FEE_UNDERFUNDED, UNDERFUNDED
from roadstead.errors import Conflict, InvariantViolated
from roadstead.operations.alerts import AlertKind, Severity, close_alert, open_alert
from roadstead.refunds import store
from roadstead.refunds.confirming import confirm
from roadstead.refunds.holding import hold
from roadstead.refunds.states import HeldReason, RefundStatus
from roadstead.stellar.payments import PaymentTransaction

log = structlog.get_logger()

KIND = "refund"
FUNDS_AGAIN_AFTER = timedelta(seconds=30)
"""How long a refund rests when our account lacks what it needs."""
STUCK_AFTER = timedelta(minutes=2)
"""How long an envelope may stay without an end before a person is told."""

_QUIET = frozenset({WAITING, UNCLEAR, EXPIRED, STOPPED})
_OURS = frozenset({UNDERFUNDED, FEE_UNDERFUNDED, "op_src_no_trust", "op_src_not_authorized"})
"""What our own account lacks: no envelope helps, and neither does a decision about one refund."""


class RefundSending:
    """Refunds as the submitter sends them; implements `Purpose`."""

    @property
    def kind(self) -> str:
        """The kind of its envelopes."""
        return KIND

    async def draft(self, connection: Connection) -> Draft | None:
        """Return the refund that has been due the longest; those that are stopped are passed over."""
        refund = await store.next_due(connection)
        if refund is None:
            return None
        return Draft(
            subject_id=refund.id,
            destination=refund.destination,
            amount=refund.sent_amount,
            memo=refund.memo,
        )

    async def objection(
        self, connection: Connection, subject_id: UUID, transaction: PaymentTransaction
    ) -> str | None:
        """Compare what is to be signed with the refund and with the payment that it answers, both read afresh."""
        refund = await store.by_id(connection, subject_id)
        if refund is None or refund.status is not RefundStatus.ORDERED:
            return f"Refund {subject_id} is not to be sent."
        payer, brought = await store.payer_and_amount(connection, refund.operation_id)
        if transaction.destination != payer:
            return f"The transaction pays {transaction.destination}; payment {refund.operation_id} came from {payer}."
        allowed = refund.sent_amount
        if (transaction.asset, transaction.amount_units) != (allowed.asset, allowed.units):
            return f"The transaction does not pay {allowed}, which is what refund {refund.id} sends."
        if brought is None or transaction.amount_units > brought:
            return f"The transaction pays more than payment {refund.operation_id} brought."
        if transaction.memo != refund.memo:
            return f"The transaction has another memo than refund {refund.id}."
        return None

    async def refuse(self, connection: Connection, subject_id: UUID, objection: str, now: datetime) -> None:
        """Hold a refund whose transaction must not be signed."""
        refund = await self._locked(connection, subject_id)
        log.error("refund_not_signed", refund_id=str(subject_id), objection=objection)
        if refund.status is RefundStatus.ORDERED:
            await _hold(connection, refund, HeldReason.POLICY, now)

    async def wait(self, connection: Connection, subject_id: UUID, code: str, now: datetime) -> None:
        """Let a refund rest until our account has what it needs."""
        refund = await self._locked(connection, subject_id)
        if refund.status is RefundStatus.ORDERED:
            await _rest(connection, refund, code, now)

    async def begin(self, connection: Connection, subject_id: UUID, now: datetime) -> None:
        """Mark a refund as under way. See `Purpose.begin`."""
        refund = await self._locked(connection, subject_id)
        if refund.status is not RefundStatus.ORDERED or await self.is_stopped(connection, subject_id):
            raise Conflict(f"Refund {subject_id} is {refund.status} or stopped: it is not sent now.")
        await store.set_status(connection, subject_id, RefundStatus.SUBMITTING, now)

    async def is_stopped(self, connection: Connection, subject_id: UUID) -> bool:
        """Tell whether somebody stopped refunds of this asset."""
        return await store.is_stopped(connection, subject_id)

    async def trouble(self, connection: Connection, envelope: Envelope, code: str, now: datetime) -> None:
        """Tell a person of an envelope that is refused, or that comes to no end."""
        if code == STOPPED or (code in _QUIET and now - envelope.signed_at < STUCK_AFTER):
            return
        await open_alert(
            connection,
            kind=AlertKind.REFUND_STUCK,
            subject=str(envelope.subject_id),
            message=f"Refund {envelope.subject_id} is not in a ledger yet ({code}). It is submitted again until "
            f"{envelope.valid_until:%H:%M:%S} UTC, and signed anew when that is over. See roadstead refunds show.",
        )

    async def conclude(self, connection: Connection, envelope: Envelope, end: End, now: datetime) -> None:
        """Record what became of an envelope."""
        refund = await self._locked(connection, envelope.subject_id)
        if refund.status is not RefundStatus.SUBMITTING:
            raise InvariantViolated(f"Refund {refund.id} is {refund.status} and had an open envelope.")
        await close_alert(connection, AlertKind.REFUND_STUCK, str(refund.id), reason="its envelope has ended")
        match end:
            case Succeeded(transaction_hash=transaction_hash):
                await confirm(connection, refund, transaction_hash, now)
                for code in (UNDERFUNDED, FEE_UNDERFUNDED):
                    await close_alert(
                        connection,
                        AlertKind.DISTRIBUTION_ACCOUNT_LACKS,
                        _lack(refund, code),
                        reason="a refund was sent",
                    )
            case Failed(code=code) | Dead(code=str(code)) if code in _OURS:
                await _rest(connection, refund, code, now)
            case Failed(code=code) | Dead(code=str(code)):
                await _hold(connection, refund, code, now)
            case Dead():
                await store.set_status(connection, refund.id, RefundStatus.ORDERED, now)

    @staticmethod
    async def _locked(connection: Connection, refund_id: UUID) -> store.Refund:
        refund = await store.by_id(connection, refund_id, lock=True)
        if refund is None:
            raise InvariantViolated(f"Refund {refund_id} is not stored.")
        return refund


async def _rest(connection: Connection, refund: store.Refund, code: str, now: datetime) -> None:
    await store.set_status(connection, refund.id, RefundStatus.ORDERED, now, due_in=FUNDS_AGAIN_AFTER)
    await open_alert(
        connection,
        kind=AlertKind.DISTRIBUTION_ACCOUNT_LACKS,
        subject=_lack(refund, code),
        message=f"Refund {refund.id} of {refund.sent_amount} cannot be sent: {code}. Give the distribution account "
        "what it lacks; the refund goes out by itself.",
        severity=Severity.CRITICAL,
    )


def _lack(refund: store.Refund, code: str) -> str:
    return code if code == FEE_UNDERFUNDED else f"{code} {refund.amount.asset.id}"


async def _hold(connection: Connection, refund: store.Refund, code: str, now: datetime) -> None:
    await hold(connection, refund, code, now)
    await open_alert(
        connection,
        kind=AlertKind.REFUND_HELD,
        subject=str(refund.id),
        message=f"Refund {refund.id} of {refund.sent_amount} is held: {code}. See roadstead refunds show, settle the "
        "cause with its payer, then release it.",
    )
