"""What a person does with a hold: look, propose, approve, turn down. The database judges every voice once more."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import asyncpg

from roadstead.database.pool import Connection, Database, Row
from roadstead.errors import BadInput, Conflict, NotFound
from roadstead.operations import audit
from roadstead.operations.holds import REASON_MAX, Decision, HoldKind, HoldStatus
from roadstead.operations.operators import Operator, require
from roadstead.operations.roles import Right

DIGEST_CHARACTERS_MIN = 12
"""Fewest characters of a digest by which a person says what they have read."""


class Voice(StrEnum):
    """What somebody said about a hold."""

    PROPOSE = "propose"
    APPROVE = "approve"
    OBJECT = "object"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A hold as it stands."""

    id: UUID
    kind: str
    subject: str
    content: Mapping[str, str]
    digest: str
    reason: str
    approvals: int
    placed_by: str
    placed_at: datetime
    status: HoldStatus
    round: int
    decision: Decision | None
    status_at: datetime
    withdrawn_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One voice about a hold."""

    round: int
    operator: str
    act: Voice
    decision: Decision | None
    reason: str
    at: datetime


async def latest(
    connection: Connection, *, status: HoldStatus | None, kind: HoldKind | None, limit: int
) -> list[Hold]:
    """List holds, newest first; without a status, those that are not over."""
    rows = await connection.fetch(
        """
        SELECT * FROM holds
        WHERE CASE WHEN $1::text IS NULL THEN status NOT IN ('applied', 'withdrawn') ELSE status = $1 END
            AND ($2::text IS NULL OR kind = $2)
        ORDER BY placed_at DESC, id LIMIT $3
        """,
        status,
        kind,
        limit,
    )
    return [_hold(row) for row in rows]


async def by_id(connection: Connection, hold_id: UUID) -> Hold:
    """Look a hold up.

    Raises:
        NotFound: There is none.
    """
    row = await connection.fetchrow("SELECT * FROM holds WHERE id = $1", hold_id)
    if row is None:
        raise NotFound(f"There is no hold {hold_id}: roadstead holds list shows them.")
    return _hold(row)


async def votes(connection: Connection, hold_id: UUID) -> list[Vote]:
    """List what people said about a hold, oldest first."""
    rows = await connection.fetch(
        """
        SELECT v.round, o.name AS operator, v.act, v.decision, v.reason, v.at
        FROM hold_votes AS v JOIN operators AS o ON o.id = v.operator_id WHERE v.hold_id = $1 ORDER BY v.id
        """,
        hold_id,
    )
    return [
        Vote(
            **{
                **row,
                "act": Voice(row["act"]),
                "decision": None if row["decision"] is None else Decision(row["decision"]),
            }
        )
        for row in rows
    ]


async def propose(
    database: Database, hold_id: UUID, *, decision: Decision, reason: str, digest: str, by: Operator
) -> Hold:
    """Propose a decision about an open hold; where one person is enough, it is decided.

    `digest` is that of the content which the person has read, or its first characters.

    Raises:
        BadInput: No reason was given.
        Conflict: Another digest, a proposal that stands already, or a hold that is over; nothing was changed.
        Forbidden: The person's role does not let them.
        NotFound: There is no such hold.
        Unavailable: The database does not answer.
    """
    async with database.transaction() as connection:
        hold = await by_id(connection, hold_id)
        require(by, Right.APPROVE if hold.approvals == 1 else Right.PROPOSE)
        return await _say(
            connection, hold, Voice.PROPOSE, decision, reason=_required(reason), digest=digest, by=by
        )


async def approve(database: Database, hold_id: UUID, *, digest: str, by: Operator, reason: str = "") -> Hold:
    """Agree to the decision that another person proposed; with enough people it is decided.

    Raises:
        Conflict: Another digest, no proposal, an own proposal, a second voice of one person, or a hold that is over.
        Forbidden: The person's role does not let them.
        NotFound: There is no such hold.
        Unavailable: The database does not answer.
    """
    require(by, Right.APPROVE)
    async with database.transaction() as connection:
        hold = await by_id(connection, hold_id)
        return await _say(connection, hold, Voice.APPROVE, hold.decision, reason=reason, digest=digest, by=by)


async def turn_down(database: Database, hold_id: UUID, *, reason: str, by: Operator) -> Hold:
    """Turn down what was proposed, one's own proposal too: the hold is open again and everybody may speak anew.

    Raises:
        BadInput: No reason was given.
        Conflict: Nothing is proposed, or the hold is over.
        Forbidden: The person's role does not let them.
        NotFound: There is no such hold.
        Unavailable: The database does not answer.
    """
    require(by, Right.PROPOSE)
    async with database.transaction() as connection:
        hold = await by_id(connection, hold_id)
        return await _say(
            connection, hold, Voice.OBJECT, None, reason=_required(reason), digest=hold.digest, by=by
        )


async def _say(
    connection: Connection,
    hold: Hold,
    act: Voice,
    decision: Decision | None,
    *,
    reason: str,
    digest: str,
    by: Operator,
) -> Hold:
    if len(digest) < DIGEST_CHARACTERS_MIN or not hold.digest.startswith(digest.lower()):
        raise Conflict(
            f"The digest of hold {hold.id} is another one: read it again (roadstead holds show {hold.id}), then give "
            f"the first {DIGEST_CHARACTERS_MIN} characters or more of its digest."
        )
    try:
        # A savepoint, so that the caller's transaction survives the refusal.
        async with connection.transaction():
            await connection.execute(
                """
                INSERT INTO hold_votes (hold_id, operator_id, act, decision, digest, reason)
                VALUES ($1, $2, $3, $4, $5, $6)
                """,
                hold.id,
                by.id,
                act,
                decision,
                hold.digest,
                reason[:REASON_MAX],
            )
    except asyncpg.RestrictViolationError as error:
        raise Conflict(str(error)) from error
    now = await by_id(connection, hold.id)
    await audit.record(
        connection,
        actor=by.actor,
        action=f"hold.{_DONE[act]}",
        subject=f"hold {hold.id}",
        detail={
            "kind": hold.kind,
            "about": hold.subject,
            "decision": str(decision or hold.decision or ""),
            "digest": hold.digest,
            "reason": reason[:REASON_MAX],
            "status": now.status,
        },
    )
    return now


_DONE = {Voice.PROPOSE: "proposed", Voice.APPROVE: "approved", Voice.OBJECT: "turned_down"}


def _required(reason: str) -> str:
    reason = reason.strip()
    if not 1 <= len(reason) <= REASON_MAX:
        raise BadInput(f"Give the reason in 1 to {REASON_MAX} characters: others have to judge it.")
    return reason


def _hold(row: Row) -> Hold:
    return Hold(
        **{
            **row,
            "content": json.loads(row["content"]),
            "status": HoldStatus(row["status"]),
            "decision": None if row["decision"] is None else Decision(row["decision"]),
        }
    )
