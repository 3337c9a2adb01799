"""All SQL about telling verifiers to forget erased customers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from roadstead.database.pool import Connection


class Outcome(StrEnum):
    """How telling a verifier ended."""

    FORGOTTEN = "forgotten"
    """It says that it keeps nothing of the customer any more."""
    KEEPS_NOTHING = "keeps_nothing"
    """It is one that keeps nothing at all, and cannot be told."""
    BY_HAND = "by_hand"
    """People told it, and wrote that down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """A verifier that has to be told to forget a customer."""

    customer_id: UUID
    verifier: str
    tries: int
    case_ids: Sequence[UUID]
    """Everything that was put before it, by the ids under which it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingErasure:
    """A verifier that was not told yet, or has not answered."""

    customer_id: UUID
    verifier: str
    ordered_at: datetime
    tries: int


async def claim_due(connection: Connection, *, token: UUID, lease: timedelta, limit: int) -> list[Erasure]:
    """Lease what is due, oldest first, so that no other worker takes it meanwhile."""
    rows = await connection.fetch(
        """
        UPDATE verifier_erasures AS e SET lease_token = $1, lease_until = now() + $2, due_at = now() + $2
        WHERE (e.customer_id, e.verifier) IN (
            SELECT customer_id, verifier FROM verifier_erasures
            WHERE due_at <= now() AND (lease_until IS NULL OR lease_until < now())
            ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
        RETURNING e.customer_id, e.verifier, e.tries, ARRAY(
            SELECT DISTINCT h.submission_id FROM verification_history AS h
            JOIN verification_cases AS c ON c.id = h.case_id
            WHERE c.customer_id = e.customer_id AND h.verifier = e.verifier AND h.submission_id IS NOT NULL
            ORDER BY h.submission_id) AS case_ids
        """,
        token,
        lease,
        limit,
    )
    return [Erasure(**row) for row in rows]


async def put_off(connection: Connection, erasure: Erasure, token: UUID, pause: timedelta) -> None:
    """Give a lease back and let the verifier be told again after a pause; nothing where the lease is over."""
    await connection.execute(
        """
        UPDATE verifier_erasures
        SET lease_token = NULL, lease_until = NULL, due_at = now() + $4, tries = least(tries + 1, 1000)
        WHERE customer_id = $1 AND verifier = $2 AND lease_token = $3
        """,
        erasure.customer_id,
        erasure.verifier,
        token,
        pause,
    )


async def end(connection: Connection, erasure: Erasure, token: UUID, outcome: Outcome) -> bool:
    """Write that it is over; False where the lease is, and another says so."""
    tag = await connection.execute(
        """
        UPDATE verifier_erasures
        SET lease_token = NULL, lease_until = NULL, due_at = NULL, outcome = $4, ended_at = now()
        WHERE customer_id = $1 AND verifier = $2 AND lease_token = $3
        """,
        erasure.customer_id,
        erasure.verifier,
        token,
        outcome,
    )
    return bool(tag == "UPDATE 1")


async def end_by_hand(connection: Connection, customer_id: UUID, verifier: str) -> bool:
    """Write that people told a verifier; False where it does not wait to be told."""
    tag = await connection.execute(
        """
        UPDATE verifier_erasures
        SET lease_token = NULL, lease_until = NULL, due_at = NULL, outcome = $3, ended_at = now()
        WHERE customer_id = $1 AND verifier = $2 AND outcome IS NULL
        """,
        customer_id,
        verifier,
        Outcome.BY_HAND,
    )
    return bool(tag == "UPDATE 1")


async def waiting(connection: Connection, limit: int) -> list[WaitingErasure]:
    """List the verifiers that were not told yet, those first that wait longest."""
    rows = await connection.fetch(
        """
        SELECT customer_id, verifier, ordered_at, tries FROM verifier_erasures WHERE outcome IS NULL
        ORDER BY ordered_at, customer_id, verifier LIMIT $1
        """,
        limit,
    )
    return [WaitingErasure(**row) for row in rows]


async def late(connection: Connection, before: datetime) -> dict[str, int]:
    """Count for each verifier the customers that it was to forget before a moment, and did not."""
    rows = await connection.fetch(
        """
        SELECT verifier, count(*) AS customers FROM verifier_erasures WHERE outcome IS NULL AND ordered_at < $1
        GROUP BY verifier
        """,
        before,
    )
    return {row["verifier"]: row["customers"] for row in rows}
