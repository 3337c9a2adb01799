"""Deleting customers as a regulated business may: restricted at once, erased when the law allows, and told honestly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from roadstead.clock import Clock
from roadstead.config.anchor import Anchor
from roadstead.customers import files_store, store
from roadstead.customers.reopening import close_cases
from roadstead.customers.retention import Standing, Verdict, judge
from roadstead.database.pool import Connection, Database, Row
from roadstead.errors import BadInput, NotFound
from roadstead.operations import audit
from roadstead.randomness import Randomness, new_id

log = structlog.get_logger()

PAGE: Final = 200
"""Restricted customers that are looked at with one statement."""
ERASED_AT_ONCE_MAX: Final = 500
"""Most customers that one round erases, so that it ends."""
REASON_MAX: Final = 500
SCHEDULER: Final = "scheduler"

_STANDING = """
    SELECT c.id, c.restricted_at,
        (SELECT count(*) FROM remittances AS r WHERE (r.sender_id = c.id OR r.receiver_id = c.id)
            AND r.status NOT IN ('completed', 'refunded', 'expired', 'error')) AS open_remittances,
        (SELECT max(r.status_at) FROM remittances AS r WHERE (r.sender_id = c.id OR r.receiver_id = c.id)
            AND r.funded_by IS NOT NULL) AS served_until,
        EXISTS (SELECT FROM legal_holds AS h WHERE h.customer_id = c.id AND h.lifted_at IS NULL) AS is_held
    FROM customers AS c WHERE c.restricted_at IS NOT NULL AND c.erased_at IS NULL"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """What became of a customer that was to be deleted."""

    customer_id: UUID
    verdict: Verdict

    @property
    def is_erased(self) -> bool:
        """Whether the data are gone; otherwise they are restricted."""
        return self.verdict.cause is None


async def delete(
    connection: Connection,
    anchor: Anchor,
    customer_id: UUID,
    *,
    actor: str,
    now: datetime,
    detail: Mapping[str, str] | None = None,
) -> Deletion | None:
    """Restrict a living customer, and erase it at once where nothing has to be kept; None when there is none.

    Call it in a transaction. Restricted, a customer is read and changed by nobody through the API, and takes part in
    no new remittance; those under way are brought to their end. Both steps are written to the audit log.
    """
    if not await store.restrict(connection, customer_id, now):
        return None
    about = {"subject": f"customer {customer_id}", "actor": actor}
    await audit.record(connection, action="customer.restrict", detail=dict(detail or {}), **about)
    standing = await _standing(connection, customer_id)
    if standing is None:
        return None
    verdict = judge(standing, anchor.retention, now)
    if verdict.cause is None:
        await _erase(connection, customer_id, actor=actor)
    return Deletion(customer_id=customer_id, verdict=verdict)


async def erase_due(database: Database, anchor: Anchor, clock: Clock) -> int:
    """Erase the restricted customers whose data need not be kept any longer, and return how many. Safe to repeat.

    Raises:
        Unavailable: The database does not answer; who was erased until then is erased.
    """
    erased = 0
    after = UUID(int=0)
    while erased < ERASED_AT_ONCE_MAX:
        async with database.connection() as connection:
            rows = await connection.fetch(f"{_STANDING} AND c.id > $1 ORDER BY c.id LIMIT {PAGE}", after)
        if not rows:
            break
        after = rows[-1]["id"]
        for row in rows:
            if judge(_read(row), anchor.retention, clock.now()).cause is None:
                erased += await _erase_if_due(database, anchor, row["id"], clock)
    return erased


async def _erase_if_due(database: Database, anchor: Anchor, customer_id: UUID, clock: Clock) -> bool:
    async with database.transaction() as connection:
        if not await store.lock_restricted(connection, customer_id):
            return False
        standing = await _standing(connection, customer_id)
        if standing is None or judge(standing, anchor.retention, clock.now()).cause is not None:
            return False
        await _erase(connection, customer_id, actor=SCHEDULER)
    log.info("customer_erased", customer_id=str(customer_id))
    return True


async def _erase(connection: Connection, customer_id: UUID, *, actor: str) -> None:
    await files_store.delete_of(connection, customer_id)
    await store.erase(connection, customer_id)
    await close_cases(connection, customer_id)
    await audit.record(
        connection, actor=actor, action="customer.erase", subject=f"customer {customer_id}", detail={}
    )


async def _standing(connection: Connection, customer_id: UUID) -> Standing | None:
    row = await connection.fetchrow(f"{_STANDING} AND c.id = $1", customer_id)
    return None if row is None else _read(row)


def _read(row: Row) -> Standing:
    return Standing(
        restricted_at=row["restricted_at"],
        open_remittances=row["open_remittances"],
        served_until=row["served_until"],
        is_held=row["is_held"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalHold:
    """What keeps a customer's data from being erased, whatever retention says."""

    id: UUID
    customer_id: UUID
    reason: str
    placed_by: str
    placed_at: datetime
    lifted_reason: str | None
    lifted_by: str | None
    lifted_at: datetime | None


async def place_hold(
    database: Database, customer_id: UUID, *, reason: str, actor: str, randomness: Randomness
) -> LegalHold:
    """Keep a customer's data from being erased until the hold is lifted; several may stand at once. Audited.

    Raises:
        BadInput: The reason is empty or too long.
        NotFound: There is no such customer, or it is erased already.
        Unavailable: The database does not answer.
    """
    reason = _checked(reason)
    async with database.transaction() as connection:
        if not await store.lock_kept(connection, customer_id):
            raise NotFound(f"There is no customer {customer_id} whose data could be kept.")
        row = await connection.fetchrow(
            "INSERT INTO legal_holds (id, customer_id, reason, placed_by) VALUES ($1, $2, $3, $4) RETURNING *",
            new_id(randomness),
            customer_id,
            reason,
            actor,
        )
        await audit.record(
            connection,
            actor=actor,
            action="customer.hold",
            subject=f"customer {customer_id}",
            detail={"reason": reason},
        )
    return LegalHold(**dict(row or {}))


async def lift_holds(database: Database, customer_id: UUID, *, reason: str, actor: str) -> list[LegalHold]:
    """Lift every legal hold of a customer. Audited.

    Raises:
        BadInput: The reason is empty or too long.
        NotFound: None stands.
        Unavailable: The database does not answer.
    """
    reason = _checked(reason)
    async with database.transaction() as connection:
        rows = await connection.fetch(
            """
            UPDATE legal_holds SET lifted_at = now(), lifted_by = $2, lifted_reason = $3
            WHERE customer_id = $1 AND lifted_at IS NULL RETURNING *
            """,
            customer_id,
            actor,
            reason,
        )
        if not rows:
            raise NotFound(f"No legal hold stands for customer {customer_id}.")
        await audit.record(
            connection,
            actor=actor,
            action="customer.lift",
            subject=f"customer {customer_id}",
            detail={"reason": reason},
        )
    return [LegalHold(**dict(row)) for row in rows]


async def holds_of(connection: Connection, customer_id: UUID) -> list[LegalHold]:
    """List the legal holds of a customer, the oldest first, lifted ones too."""
    rows = await connection.fetch(
        "SELECT * FROM legal_holds WHERE customer_id = $1 ORDER BY placed_at LIMIT 100", customer_id
    )
    return [LegalHold(**dict(row)) for row in rows]


async def restricted(
    connection: Connection, anchor: Anchor, now: datetime, limit: int
) -> list[tuple[UUID, Standing, Verdict]]:
    """List customers that wait to be erased, each with why and until when."""
    rows = await connection.fetch(f"{_STANDING} ORDER BY c.restricted_at LIMIT $1", limit)
    standings = [(row["id"], _read(row)) for row in rows]
    return [(customer_id, found, judge(found, anchor.retention, now)) for customer_id, found in standings]


def _checked(reason: str) -> str:
    reason = reason.strip()
    if not 1 <= len(reason) <= REASON_MAX or not reason.isprintable():
        raise BadInput(f"Say why in 1 to {REASON_MAX} printable characters, without personal data.")
    return reason
