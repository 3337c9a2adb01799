"""Asking for what an operation does not tell by itself: the lumens of a merge, the content of a claimed balance."""

from __future__ import annotations

from collections import Counter

import structlog

from roadstead.database.pool import Database
from roadstead.payments.claimable import stored_content
from roadstead.payments.effects import balance_content, claimed, merge_completed
from roadstead.payments.reading import Judged
from roadstead.payments.store import Batch, UndecodableRecord
from roadstead.payments.verdicts import BalanceClaim, IncomingPayment, PaymentKind, Undecodable
from roadstead.stellar.horizon import Horizon, HorizonFault

log = structlog.get_logger()

TRIES_MAX = 5
"""How often the effects of one operation are asked for; after that it is stored with what is known."""


class Completion:
    """Completes what was judged. One instance serves one observer."""

    def __init__(self, database: Database) -> None:
        """Bind the database, in which claimable balances are looked up."""
        self._database = database
        self._tries: Counter[int] = Counter()

    async def complete(self, judged: Judged, horizon: Horizon) -> Batch:
        """Return what is to be stored of a page.

        Raises:
            HorizonFault: The effects of an operation could not be had now; nothing of the page may be stored yet. Only
                so often, so that one operation never holds up the others.
        """
        payments = [await self._merge(payment, horizon) for payment in judged.payments]
        undecodable = list(judged.undecodable)
        claims: dict[int, str] = {}
        for claim, record in judged.claims:
            match await self._claim(claim, horizon):
                case IncomingPayment() as payment:
                    payments.append(payment)
                    claims[claim.operation_id] = claim.balance_id
                case Undecodable(reason=reason):
                    position = str(claim.operation_id)
                    undecodable.append(UndecodableRecord(position=position, record=record, reason=reason))
        payments.sort(key=lambda payment: payment.operation_id)
        return Batch(
            payments=payments,
            clawbacks=judged.clawbacks,
            outgoing=judged.outgoing,
            undecodable=undecodable,
            claims=claims,
        )

    async def _merge(self, payment: IncomingPayment, horizon: Horizon) -> IncomingPayment:
        if payment.kind is not PaymentKind.ACCOUNT_MERGE:
            return payment
        return merge_completed(payment, await self._effects(payment.operation_id, horizon))

    async def _claim(self, claim: BalanceClaim, horizon: Horizon) -> IncomingPayment | Undecodable:
        content = balance_content(claim, await self._effects(claim.operation_id, horizon))
        if content is None or content.sponsor is None:
            async with self._database.connection() as connection:
                content = await stored_content(connection, claim.balance_id) or content
        return claimed(claim, content)

    async def _effects(self, operation_id: int, horizon: Horizon) -> tuple[bytes, ...]:
        self._tries[operation_id] += 1
        try:
            page = await horizon.effects(operation_id)
        except HorizonFault as error:
            if self._tries[operation_id] < TRIES_MAX:
                raise
            log.warning("effects_unknown", operation_id=operation_id, reason=error.reason)
            del self._tries[operation_id]
            return ()
        del self._tries[operation_id]
        return page.records
