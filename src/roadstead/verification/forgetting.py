"""Telling verifiers to forget customers that were erased here: the row is the job, and may be done any number of times.

The transaction that erases a customer writes a row for each verifier that was ever given something of it. The worker
tells them a little later, when no submission can be on its way any more, and again until they say that it is done.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import assert_never
from uuid import UUID

import structlog

from roadstead.database.pool import Database
from roadstead.errors import BadInput, NotFound
from roadstead.operations import audit
from roadstead.operations.alerts import AlertKind, keep_alerts
from roadstead.operations.holds import REASON_MAX
from roadstead.operations.operators import Operator, require
from roadstead.operations.roles import Right
from roadstead.randomness import new_id
from roadstead.verification import forgetting_store as store
from roadstead.verification.desk import LEASE, VerificationDesk, in_time
from roadstead.verification.forgetting_store import Erasure, Outcome
from roadstead.verification.protocol import ForgettingVerifier, Forgotten, Unknown

log = structlog.get_logger()

CLAIMS_MAX = 16
PAUSE_FIRST = timedelta(seconds=10)
PAUSE_MAX = timedelta(hours=6)
LATE_AFTER = timedelta(days=1)
"""How long a verifier does not forget a customer before people are told."""

ACTOR = "worker"


async def forget_due(desk: VerificationDesk) -> int:
    """Tell the verifiers that are due to be told; return how many were claimed.

    Safe to run anywhere, at any time, by any number of workers.

    Raises:
        Unavailable: The database does not answer; what was told and could not be written down is told again.
    """
    token = new_id(desk.randomness)
    async with desk.database.connection() as connection:
        erasures = await store.claim_due(connection, token=token, lease=LEASE, limit=CLAIMS_MAX)
    await asyncio.gather(*(_tell(desk, erasure, token) for erasure in erasures))
    return len(erasures)


async def _tell(desk: VerificationDesk, erasure: Erasure, token: UUID) -> None:
    outcome = await _outcome(desk, erasure)
    match outcome:
        case Forgotten():
            await _end(desk.database, erasure, token, Outcome.FORGOTTEN)
        case None:
            await _end(desk.database, erasure, token, Outcome.KEEPS_NOTHING)
        case Unknown(detail=detail):
            log.warning("verifier_has_not_forgotten", customer_id=str(erasure.customer_id), detail=detail)
            async with desk.database.connection() as connection:
                await store.put_off(connection, erasure, token, pause_after(erasure.tries))
        case _:
            assert_never(outcome)


async def _outcome(desk: VerificationDesk, erasure: Erasure) -> Forgotten | Unknown | None:
    verifier = desk.verifiers.get(erasure.verifier)
    if verifier is None:
        return Unknown(detail=f"The verifier {erasure.verifier} is not named in anchor.toml any more.")
    if not isinstance(verifier, ForgettingVerifier):
        return None
    return await in_time(verifier, verifier.forget(erasure.customer_id, erasure.case_ids))


async def _end(database: Database, erasure: Erasure, token: UUID, outcome: Outcome) -> None:
    async with database.transaction() as connection:
        if not await store.end(connection, erasure, token, outcome):
            return
        await audit.record(
            connection,
            actor=ACTOR,
            action="customer.forgotten_by_verifier",
            subject=f"customer {erasure.customer_id}",
            detail={"verifier": erasure.verifier, "outcome": outcome},
        )
    log.info("verifier_forgot", customer_id=str(erasure.customer_id), verifier=erasure.verifier)


def pause_after(tries: int) -> timedelta:
    """Return how long to wait before a verifier is told again: twice as long each time, up to a limit."""
    return min(PAUSE_FIRST * (1 << min(tries, 20)), PAUSE_MAX)


async def note_told(
    database: Database, customer_id: UUID, verifier: str, *, reason: str, by: Operator
) -> None:
    """Write down that people told a verifier which cannot be told otherwise. Audited.

    Raises:
        BadInput: No reason was given.
        Forbidden: The person's role does not let them.
        NotFound: The verifier does not wait to be told of such a customer.
        Unavailable: The database does not answer.
    """
    require(by, Right.APPROVE)
    reason = reason.strip()
    if not 1 <= len(reason) <= REASON_MAX:
        raise BadInput(f"Give the reason in 1 to {REASON_MAX} characters: who was told, and how.")
    async with database.transaction() as connection:
        if not await store.end_by_hand(connection, customer_id, verifier):
            raise NotFound(
                f"The verifier {verifier[:40]!r} does not wait to be told of customer {customer_id}: see roadstead "
                "verifications erasures."
            )
        await audit.record(
            connection,
            actor=by.actor,
            action="customer.forgotten_by_verifier",
            subject=f"customer {customer_id}",
            detail={"verifier": verifier, "outcome": Outcome.BY_HAND, "reason": reason},
        )


async def watch_erasures(database: Database, now: datetime) -> None:
    """Keep an alert open for each verifier that has not forgotten a customer for too long.

    Raises:
        Unavailable: The database does not answer.
    """
    async with database.transaction() as connection:
        late = await store.late(connection, now - LATE_AFTER)
        messages = {
            verifier: (
                f"The verifier {verifier} has not said that it forgot {customers} erased customer(s). It is told again "
                "and again; where it cannot be, tell it yourself: roadstead verifications erasures."
            )
            for verifier, customers in late.items()
        }
        await keep_alerts(
            connection, AlertKind.VERIFIER_REMEMBERS, messages, over="The verifier forgot the customers."
        )
