"""The SQL of screening customers: who is due, what was found, and whether somebody is clear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from roadstead.database.pool import Connection, Row
from roadstead.errors import Conflict
from roadstead.screening.protocol import Hit


class HitStatus(StrEnum):
    """Where a hit stands."""

    OPEN = "open"
    """People have to decide."""
    CLEARED = "cleared"
    """People decided that the customer is not whom the list names."""
    CONFIRMED = "confirmed"
    """People decided that it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A customer that has to be screened."""

    customer_id: UUID
    changes: int
    """How often its data had changed when it was claimed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredHit:
    """A hit as the database has it."""

    list: str
    entry_id: str
    entry_version: str
    digest: str
    score: int
    list_version: str
    status: HitStatus
    found_at: datetime
    decided_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far the screening of a customer is."""

    customer_id: UUID
    is_blocked: bool
    """People have to decide about a hit, or confirmed one."""
    is_current: bool
    """It was screened as it is now, with the lists as they are now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a screening found, ready to be written."""

    digest: str
    edition: str
    algorithm: str
    hits: Sequence[Hit]


async def claim_due(connection: Connection, *, token: UUID, lease: timedelta, limit: int) -> list[Due]:
    """Lease customers that have to be screened: first those that a payout waits for, then changed ones, then the rest.

    A lease that ran out is claimed again: whoever held it cannot write any more.
    """
    found: list[Due] = []
    for selection in _DUE:
        if len(found) < limit:
            rows = await connection.fetch(
                f"""
                UPDATE screening_subjects SET lease_token = $1, lease_until = now() + $2
                WHERE customer_id IN (SELECT customer_id FROM screening_subjects
                    WHERE {selection} AND (lease_until IS NULL OR lease_until < now())
                    LIMIT $3 FOR UPDATE SKIP LOCKED)
                RETURNING customer_id, changes
                """,  # noqa: S608 - composed of constants
                token,
                lease,
                limit - len(found),
            )
            found += [Due(**row) for row in rows]
    return found


_DUE = (
    "awaited AND (changes <> screened_changes OR edition IS DISTINCT FROM screening_edition())",
    "changes <> screened_changes",
    "edition < screening_edition()",
    "edition > screening_edition()",
)


async def lock_leased(connection: Connection, customer_id: UUID, token: UUID) -> None:
    """Lock a customer's screening whose lease this worker took.

    Raises:
        Conflict: The lease ran out and another worker has it now; nothing may be written.
    """
    found = await connection.fetchval(
        "SELECT true FROM screening_subjects WHERE customer_id = $1 AND lease_token = $2 FOR UPDATE",
        customer_id,
        token,
    )
    if not found:
        raise Conflict(
            f"The lease of the screening of customer {customer_id} ran out: another worker does it."
        )


async def lock(connection: Connection, customer_id: UUID) -> bool:
    """Lock a customer's screening; False when there is no such customer."""
    return bool(
        await connection.fetchval(
            "SELECT true FROM screening_subjects WHERE customer_id = $1 FOR UPDATE", customer_id
        )
    )


async def write_hits(
    connection: Connection, customer_id: UUID, digest: str, hits: Sequence[Hit], now: datetime
) -> None:
    """Let exactly these hits be current; what people decided of one that is found again stands."""
    await connection.execute(
        "UPDATE screening_hits SET is_current = false WHERE customer_id = $1 AND is_current", customer_id
    )
    await connection.executemany(
        """
        INSERT INTO screening_hits
            (customer_id, list, entry_id, entry_version, digest, score, list_version, found_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (customer_id, list, entry_id, entry_version, digest) DO UPDATE
        SET is_current = true, score = EXCLUDED.score, list_version = EXCLUDED.list_version
        """,
        [
            (
                *(customer_id, hit.list_name, hit.entry_id, hit.entry_version, digest, hit.score),
                *(hit.list_version, now),
            )
            for hit in hits
        ],
    )


async def finish(
    connection: Connection, due: Due, result: Result | None, now: datetime, *, edition: str = ""
) -> None:
    """Note that a customer was screened, and give the lease back; the database writes the history.

    Without a result there is nobody to screen any more: the customer was erased.
    """
    await connection.execute(
        """
        UPDATE screening_subjects SET screened_changes = $2, edition = $3, digest = $4, algorithm = $5,
            screened_at = $6, awaited = false, lease_token = NULL, lease_until = NULL
        WHERE customer_id = $1
        """,
        due.customer_id,
        due.changes,
        edition if result is None else result.edition,
        None if result is None else result.digest,
        None if result is None else result.algorithm,
        now,
    )


async def current_hits(connection: Connection, customer_id: UUID) -> list[StoredHit]:
    """List what a customer is like at present, the most alike first."""
    rows = await connection.fetch(
        """
        SELECT list, entry_id, entry_version, digest, score, list_version, status, found_at, decided_at
        FROM screening_hits WHERE customer_id = $1 AND is_current ORDER BY score DESC, list, entry_id
        """,
        customer_id,
    )
    return [_hit(row) for row in rows]


async def decide_hits(
    connection: Connection, customer_id: UUID, status: HitStatus, hold_id: UUID, now: datetime
) -> None:
    """Write what people decided about all open hits of a customer. The database refuses it without their hold."""
    await connection.execute(
        """
        UPDATE screening_hits SET status = $2, decided_by = $3, decided_at = $4
        WHERE customer_id = $1 AND is_current AND status = 'open'
        """,
        customer_id,
        status,
        hold_id,
        now,
    )


async def reopen_hits(connection: Connection, customer_id: UUID) -> None:
    """Forget what people decided about a customer's hits, so that they decide anew."""
    await connection.execute(
        """
        UPDATE screening_hits SET status = 'open', decided_by = NULL, decided_at = NULL
        WHERE customer_id = $1 AND status <> 'open'
        """,
        customer_id,
    )


async def edition(connection: Connection) -> str:
    """Return the lists and versions that are searched now, as one text."""
    found: str = await connection.fetchval("SELECT screening_edition()")
    return found


async def standings(connection: Connection, customer_ids: Sequence[UUID]) -> list[Standing]:
    """Tell how far the screening of customers is."""
    rows = await connection.fetch(
        """
        SELECT id AS customer_id, screening_blocks(id) AS is_blocked, screening_is_current(id) AS is_current
        FROM unnest($1::uuid[]) AS id
        """,
        list(customer_ids),
    )
    return [Standing(**row) for row in rows]


async def await_screening(connection: Connection, customer_ids: Sequence[UUID]) -> None:
    """Let customers be screened before all others, because a payout waits for them."""
    await connection.execute(
        "UPDATE screening_subjects SET awaited = true WHERE customer_id = ANY($1) AND NOT awaited",
        list(customer_ids),
    )


async def screen_again(connection: Connection, customer_id: UUID | None) -> int:
    """Let one customer, or every one, be screened again; return how many."""
    tag = await connection.execute(
        """
        UPDATE screening_subjects SET changes = changes + 1, changed_at = now()
        WHERE $1::uuid IS NULL OR customer_id = $1
        """,
        customer_id,
    )
    return int(tag.rpartition(" ")[2])


def _hit(row: Row) -> StoredHit:
    return StoredHit(**{**row, "status": HitStatus(row["status"])})
