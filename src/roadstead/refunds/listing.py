"""Looking at refunds: for people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from roadstead.database.pool import Connection
from roadstead.envelopes.store import EnvelopeStatus, of_subject
from roadstead.money import Money
from roadstead.refunds import store
from roadstead.refunds.sending import KIND
from roadstead.refunds.states import RefundStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRefund:
    """A refund as people see it."""

    id: UUID
    operation_id: int
    remittance_id: UUID | None
    status: RefundStatus
    reason: str | None
    sends: Money
    keeps: Money
    destination: str
    cause: str
    transaction_hash: str | None
    ordered_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedEnvelope:
    """An envelope as people see it, without its bytes: whoever has those can submit it."""

    hash: str
    status: EnvelopeStatus
    sequence: int
    submissions: int
    reason: str | None
    signed_at: datetime
    valid_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRefund:
    """A refund with all that happened to it."""

    refund: ListedRefund
    history: list[store.HistoryLine]
    envelopes: list[ListedEnvelope]


async def list_refunds(
    connection: Connection, *, status: RefundStatus | None, limit: int
) -> list[ListedRefund]:
    """List the newest refunds, of one status or of all."""
    return [_listed(refund) for refund in await store.latest(connection, status=status, limit=limit)]


async def show_refund(connection: Connection, refund_id: UUID) -> ShownRefund | None:
    """Show one refund; None when there is none of that id."""
    refund = await store.by_id(connection, refund_id)
    if refund is None:
        return None
    return ShownRefund(
        refund=_listed(refund),
        history=await store.history(connection, refund_id),
        envelopes=[
            ListedEnvelope(
                hash=envelope.hash,
                status=envelope.status,
                sequence=envelope.sequence,
                submissions=envelope.submissions,
                reason=envelope.reason,
                signed_at=envelope.signed_at,
                valid_until=envelope.valid_until,
            )
            for envelope in await of_subject(connection, KIND, refund_id)
        ],
    )


def _listed(refund: store.Refund) -> ListedRefund:
    return ListedRefund(
        id=refund.id,
        operation_id=refund.operation_id,
        remittance_id=refund.remittance_id,
        status=refund.status,
        reason=refund.reason,
        sends=refund.sent_amount,
        keeps=refund.fee,
        destination=refund.destination,
        cause=refund.cause,
        transaction_hash=refund.transaction_hash,
        ordered_at=refund.ordered_at,
    )
