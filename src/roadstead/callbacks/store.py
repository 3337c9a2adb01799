"""The SQL of callbacks: registrations, the outbox, and the log of tries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from roadstead.callbacks.targets import Target
from roadstead.database.pool import Connection, Row

ANSWER_CHARACTERS_MAX = 2000


class SubjectKind(StrEnum):
    """What a callback can be about."""

    REMITTANCE = "remittance"
    CUSTOMER = "customer"


class CallbackStatus(StrEnum):
    """Where a callback stands."""

    WAITING = "waiting"
    """It is tried, or waits for its turn or its next try."""
    DELIVERED = "delivered"
    """Its receiver said so with a status of 2xx."""
    GIVEN_UP = "given_up"
    """Its receiver did not take it for a day; an operator may send it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a callback is about."""

    kind: SubjectKind
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A callback that this process has leased, and all that it needs to be sent."""

    id: int
    subject: Subject
    event: str
    snapshot: str
    body: bytes | None
    """None until it has been rendered."""
    url: str
    host: str
    permitted_hosts: Sequence[str]
    tries: int
    age: timedelta
    lease_token: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """How one try ended."""

    url: str
    ended_at: datetime
    duration_ms: int
    outcome: str
    http_status: int | None
    answer: str
    """The first characters of what the receiver said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """A callback as it stands."""

    id: int
    subject_kind: SubjectKind
    subject_id: UUID
    partner: str
    event: str
    status: CallbackStatus
    occurred_at: datetime
    due_at: datetime
    tries: int
    ended_at: datetime | None
    url: str
    body: bytes | None


async def permitted_hosts(connection: Connection, partner_id: UUID) -> list[str]:
    """List the hosts at which a partner may be called."""
    rows = await connection.fetch(
        "SELECT host FROM partner_callback_hosts WHERE partner_id = $1 AND removed_at IS NULL ORDER BY host",
        partner_id,
    )
    return [row["host"] for row in rows]


async def set_url(connection: Connection, subject: Subject, partner_id: UUID, target: Target) -> None:
    """Register where to call about a subject, in a transaction; the URL before it is not called any more."""
    await connection.execute(
        """
        INSERT INTO callback_registrations (subject_kind, subject_id, partner_id, url, host) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (subject_kind, subject_id)
        DO UPDATE SET url = EXCLUDED.url, host = EXCLUDED.host, registered_at = now()
        """,
        subject.kind,
        subject.id,
        partner_id,
        target.url,
        target.authority,
    )
    await connection.execute(
        """
        UPDATE callbacks SET host = $3
        WHERE subject_kind = $1 AND subject_id = $2 AND status = 'waiting' AND host <> $3
        """,
        subject.kind,
        subject.id,
        target.authority,
    )


# Host by host: a walk over the index finds the hosts, and of each the few earliest callbacks that may be sent now.
_CLAIM = """
WITH RECURSIVE hosts AS (
    (SELECT host FROM callbacks WHERE status = 'waiting' ORDER BY host LIMIT 1)
    UNION ALL
    SELECT (SELECT c.host FROM callbacks AS c WHERE c.status = 'waiting' AND c.host > hosts.host
            ORDER BY c.host LIMIT 1)
    FROM hosts WHERE hosts.host IS NOT NULL
), chosen AS (
    SELECT first.id
    FROM hosts LEFT JOIN unnest($4::text[], $5::integer[]) AS known (host, free) ON known.host = hosts.host
    CROSS JOIN LATERAL (
        SELECT c.id, c.due_at FROM callbacks AS c
        WHERE c.status = 'waiting' AND c.host = hosts.host AND c.due_at <= now()
            AND (c.lease_until IS NULL OR c.lease_until < now())
            AND NOT EXISTS (
                SELECT FROM callbacks AS earlier
                WHERE earlier.subject_kind = c.subject_kind AND earlier.subject_id = c.subject_id
                    AND earlier.id < c.id AND earlier.status = 'waiting')
        ORDER BY c.due_at LIMIT COALESCE(known.free, $6)
    ) AS first
    ORDER BY first.due_at, first.id LIMIT $3
), locked AS (
    SELECT c.id FROM callbacks AS c JOIN chosen ON chosen.id = c.id
    WHERE c.status = 'waiting' AND (c.lease_until IS NULL OR c.lease_until < now())
    FOR UPDATE OF c SKIP LOCKED
)
UPDATE callbacks AS c SET lease_token = $1, lease_until = now() + $2::interval
FROM callback_registrations AS r
WHERE c.id IN (SELECT id FROM locked) AND r.subject_kind = c.subject_kind AND r.subject_id = c.subject_id
RETURNING c.id, c.subject_kind, c.subject_id, c.event, c.snapshot, c.body, r.url, r.host, c.tries,
    now() - c.waiting_since AS age,
    ARRAY(SELECT h.host FROM partner_callback_hosts AS h WHERE h.partner_id = c.partner_id AND h.removed_at IS NULL)
        AS permitted_hosts
"""


async def claim_due(
    connection: Connection,
    *,
    token: UUID,
    lease: timedelta,
    limit: int,
    free_by_host: Mapping[str, int],
    per_host_max: int,
) -> list[Claimed]:
    """Lease the callbacks that are due, so that nobody else sends them meanwhile.

    Of each subject only the earliest that waits is taken, of each host at most `per_host_max`, or as many as
    `free_by_host` says. A lease that ran out is claimed again.
    """
    rows = await connection.fetch(
        _CLAIM, token, lease, limit, list(free_by_host.keys()), list(free_by_host.values()), per_host_max
    )
    return [
        Claimed(
            id=row["id"],
            subject=Subject(kind=SubjectKind(row["subject_kind"]), id=row["subject_id"]),
            event=row["event"],
            snapshot=row["snapshot"],
            body=row["body"],
            url=row["url"],
            host=row["host"],
            permitted_hosts=row["permitted_hosts"],
            tries=row["tries"],
            age=row["age"],
            lease_token=token,
        )
        for row in rows
    ]


async def fix_body(connection: Connection, callback_id: int, body: bytes) -> bytes:
    """Store the bytes of a callback before they are sent, and return those that count: the first ones stored."""
    kept: bytes = await connection.fetchval(
        "UPDATE callbacks SET body = COALESCE(body, $2) WHERE id = $1 RETURNING body", callback_id, body
    )
    return kept


async def insert_try(
    connection: Connection,
    callback_id: int,
    *,
    url: str,
    duration_ms: int,
    outcome: str,
    http_status: int | None,
    answer: str,
) -> None:
    """Write a try into the log."""
    await connection.execute(
        """
        INSERT INTO callback_tries (callback_id, url, duration_ms, outcome, http_status, answer)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        callback_id,
        url,
        duration_ms,
        outcome,
        http_status,
        # PostgreSQL holds no NUL in a text.
        answer.replace("\0", "\ufffd")[:ANSWER_CHARACTERS_MAX],
    )


async def end(connection: Connection, claimed: Claimed, status: CallbackStatus) -> bool:
    """End a callback, and let the next of its subject go; False when the lease was lost and nothing was changed."""
    await _lock_subject(connection, claimed.subject)
    done = await connection.execute(
        """
        UPDATE callbacks
        SET status = $3, ended_at = now(), tries = tries + 1, lease_token = NULL, lease_until = NULL
        WHERE id = $1 AND lease_token = $2
        """,
        claimed.id,
        claimed.lease_token,
        status,
    )
    if done != "UPDATE 1":
        return False
    await connection.execute(
        """
        UPDATE callbacks SET due_at = now()
        WHERE subject_kind = $1 AND subject_id = $2 AND status = 'waiting' AND due_at > now()
        """,
        claimed.subject.kind,
        claimed.subject.id,
    )
    return True


async def postpone(connection: Connection, claimed: Claimed, pause: timedelta) -> bool:
    """Let a callback rest, and all of its subject that wait behind it; False when the lease was lost."""
    await _lock_subject(connection, claimed.subject)
    due_at = await connection.fetchval(
        """
        UPDATE callbacks SET due_at = now() + $3::interval, tries = tries + 1, lease_token = NULL, lease_until = NULL
        WHERE id = $1 AND lease_token = $2 RETURNING due_at
        """,
        claimed.id,
        claimed.lease_token,
        pause,
    )
    if due_at is None:
        return False
    await connection.execute(
        """
        UPDATE callbacks SET due_at = $3
        WHERE subject_kind = $1 AND subject_id = $2 AND status = 'waiting' AND due_at < $3
        """,
        claimed.subject.kind,
        claimed.subject.id,
        due_at,
    )
    return True


async def _lock_subject(connection: Connection, subject: Subject) -> None:
    """Keep others from changing several callbacks of a subject at the same time, each in its own order."""
    await connection.execute(
        "SELECT FROM callback_registrations WHERE subject_kind = $1 AND subject_id = $2 FOR NO KEY UPDATE",
        subject.kind,
        subject.id,
    )


_CALLBACKS = """
SELECT c.id, c.subject_kind, c.subject_id, p.name AS partner, c.event, c.status, c.occurred_at, c.due_at, c.tries,
    c.ended_at, r.url, c.body
FROM callbacks AS c
JOIN partners AS p ON p.id = c.partner_id
JOIN callback_registrations AS r ON r.subject_kind = c.subject_kind AND r.subject_id = c.subject_id
"""


async def latest(
    connection: Connection, *, status: CallbackStatus | None, subject_id: UUID | None, limit: int
) -> list[Callback]:
    """List the newest callbacks, newest first: of one status or all, of one subject or all."""
    rows = await connection.fetch(
        f"{_CALLBACKS} WHERE ($1::text IS NULL OR c.status = $1) AND ($2::uuid IS NULL OR c.subject_id = $2) "
        "ORDER BY c.id DESC LIMIT $3",
        status,
        subject_id,
        limit,
    )
    return [_callback(row) for row in rows]


async def by_id(connection: Connection, callback_id: int, *, lock: bool = False) -> Callback | None:
    """Look a callback up; with `lock` nobody else changes it until the transaction ends."""
    row = await connection.fetchrow(
        f"{_CALLBACKS} WHERE c.id = $1" + (" FOR UPDATE OF c" if lock else ""), callback_id
    )
    return None if row is None else _callback(row)


async def tries(connection: Connection, callback_id: int, limit: int) -> list[Try]:
    """List the newest tries of a callback, oldest first."""
    rows = await connection.fetch(
        """
        SELECT url, ended_at, duration_ms, outcome, http_status, answer FROM (
            SELECT * FROM callback_tries WHERE callback_id = $1 ORDER BY id DESC LIMIT $2) AS newest
        ORDER BY id
        """,
        callback_id,
        limit,
    )
    return [Try(**row) for row in rows]


async def wait_again(connection: Connection, callback_id: int) -> None:
    """Make a callback due now; one that had ended begins a new round of tries with the same bytes."""
    await connection.execute(
        """
        UPDATE callbacks SET due_at = now(), status = 'waiting', ended_at = NULL,
            tries = CASE WHEN status = 'waiting' THEN tries ELSE 0 END,
            waiting_since = CASE WHEN status = 'waiting' THEN waiting_since ELSE now() END
        WHERE id = $1
        """,
        callback_id,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits, and what was given up within a week."""

    waiting: int
    oldest_s: float
    given_up: int


async def backlog(connection: Connection) -> Backlog:
    """Count what waits and what was given up lately."""
    row = await connection.fetchrow(
        """
        SELECT count(*) AS waiting,
            COALESCE(extract(epoch FROM now() - min(occurred_at)), 0)::float8 AS oldest_s,
            (SELECT count(*) FROM callbacks WHERE status = 'given_up' AND ended_at > now() - interval '7 days')
                AS given_up
        FROM callbacks WHERE status = 'waiting'
        """
    )
    if row is None:
        return Backlog(waiting=0, oldest_s=0.0, given_up=0)
    return Backlog(**row)


def _callback(row: Row) -> Callback:
    values = dict(row)
    values["subject_kind"] = SubjectKind(values["subject_kind"])
    values["status"] = CallbackStatus(values["status"])
    return Callback(**values)
