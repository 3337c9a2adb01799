"""Holds: decisions that wait for people. Each is bound to the digest of what is decided, and the database counts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from roadstead.database.pool import Connection, Row
from roadstead.errors import BadInput, Conflict, InvariantViolated

APPROVALS_MAX = 5
"""Most people that one decision may need."""
CONTENT_ENTRIES_MAX = 50
CONTENT_TEXT_MAX = 1000
REASON_MAX = 1000


class HoldKind(StrEnum):
    """What people decide about; the subject is the id of the thing."""

    PAYOUT_RELEASE = "payout_release"
    """Whether a payout goes out."""
    PAYOUT_UNKNOWN = "payout_unknown"
    """What became of a payout that the rail cannot tell of."""
    REFUND_RELEASE = "refund_release"
    """Whether a refund goes out."""
    MANUAL_MATCH = "manual_match"
    """Whether a payment belongs to the remittance that somebody named; the subject is the operation id."""
    REMITTANCE_REFUND = "remittance_refund"
    """Whether the payer of a remittance gets the money back."""
    VERIFICATION = "verification"
    """Whether a customer's data are confirmed; the subject is the submission."""
    SCREENING_HIT = "screening_hit"
    """Whether a customer is not whom a sanctions list names (release) or is (refuse); the subject is the customer."""
    STATEMENT_LINE = "statement_line"
    """What a bank's line in suspense is, or that this was decided wrongly; the subject is the line's number."""
    RESUME = "resume"
    """Whether money goes out again after an emergency stop."""


class HoldStatus(StrEnum):
    """Where a hold stands."""

    OPEN = "open"
    """Nobody has proposed a decision."""
    PROPOSED = "proposed"
    """A decision was proposed and needs more people."""
    DECIDED = "decided"
    """Enough people agree; the part of the house that placed it acts next."""
    APPLIED = "applied"
    """What was decided was done."""
    WITHDRAWN = "withdrawn"
    """It is no longer needed."""


class Decision(StrEnum):
    """What people may decide."""

    RELEASE = "release"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A hold that is decided and not applied yet."""

    hold_id: UUID
    subject: str
    decision: Decision
    content: Mapping[str, str]
    digest: str
    reason: str
    """What the proposer gave as the reason of the decision."""
    proposer: UUID
    approvers: tuple[UUID, ...]
    """Who else agreed; empty where one person decides."""


def canonical(content: Mapping[str, str]) -> str:
    """Write content as JSON in the one way that its digest is taken of: sorted, without spaces, in ASCII.

    Raises:
        BadInput: There is too much of it.
    """
    if len(content) > CONTENT_ENTRIES_MAX or any(
        len(name) > CONTENT_TEXT_MAX or len(text) > CONTENT_TEXT_MAX for name, text in content.items()
    ):
        raise BadInput(
            f"A hold has at most {CONTENT_ENTRIES_MAX} entries of {CONTENT_TEXT_MAX} characters: hold less at once."
        )
    return json.dumps(dict(content), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def digest_of(content: Mapping[str, str]) -> str:
    """Return the SHA-256 of the canonical content in hexadecimal: what people approve.

    Before it acts, a part of the house takes it of the thing as it stands now and refuses where it differs.
    """
    return hashlib.sha256(canonical(content).encode()).hexdigest()


async def place_hold(
    connection: Connection,
    *,
    kind: HoldKind,
    subject: str,
    content: Mapping[str, str],
    reason: str,
    approvals: int = 1,
    actor: str = "system",
) -> UUID:
    """Let a decision wait for people and return the hold's id; safe to repeat.

    There is one open hold per kind and subject. The same content, or one that is decided and not applied yet, keeps it;
    other content withdraws it and places a new one, so that nobody approves what is no longer so. Content is ids, codes
    and amounts as texts, never personal data.

    Raises:
        BadInput: The content is too much, or `approvals` is not between 1 and 5.
    """
    if not 1 <= approvals <= APPROVALS_MAX:
        raise BadInput(f"A hold needs 1 to {APPROVALS_MAX} people, not {approvals}.")
    text = canonical(content)
    digest = hashlib.sha256(text.encode()).hexdigest()
    while True:
        standing = await _lock_open(connection, kind, subject)
        if standing is not None:
            if standing["status"] == HoldStatus.DECIDED or standing["digest"] == digest:
                found: UUID = standing["id"]
                return found
            await _withdraw(connection, standing["id"], "what it was about changed")
        placed: UUID | None = await connection.fetchval(
            """
            INSERT INTO holds (id, kind, subject, content, digest, reason, approvals, placed_by)
            VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (kind, subject) WHERE status NOT IN ('applied', 'withdrawn') DO NOTHING RETURNING id
            """,
            kind,
            subject,
            text,
            digest,
            reason[:REASON_MAX],
            approvals,
            actor,
        )
        if placed is not None:
            return placed
        # Somebody placed one between the two statements: that one is looked at.


async def decided(connection: Connection, kind: HoldKind, limit: int) -> list[Decided]:
    """Lock the holds of a kind that are decided and wait to be applied, oldest first, and that nobody else has in hand.

    The caller acts on each, or withdraws it where the thing changed, and calls `applied` in the same transaction.
    """
    rows = await connection.fetch(
        """
        SELECT h.id, h.subject, h.decision, h.content, h.digest, h.round FROM holds AS h
        WHERE h.kind = $1 AND h.status = 'decided' ORDER BY h.status_at, h.id LIMIT $2 FOR UPDATE SKIP LOCKED
        """,
        kind,
        limit,
    )
    return [await _decided(connection, row) for row in rows]


async def applied(connection: Connection, hold_id: UUID) -> None:
    """Note that what was decided was done; call it in the transaction that does it.

    Raises:
        Conflict: The hold is not decided, or was applied already.
    """
    moved = await connection.fetchval(
        "UPDATE holds SET status = 'applied', status_at = now() WHERE id = $1 AND status = 'decided' RETURNING true",
        hold_id,
    )
    if not moved:
        raise Conflict(
            f"Hold {hold_id} does not wait to be applied: it is not decided, or it was applied already."
        )


async def withdraw_hold(connection: Connection, kind: HoldKind, subject: str, *, reason: str) -> None:
    """Withdraw the open hold of a kind and subject, decided or not; nothing happens when there is none."""
    standing = await _lock_open(connection, kind, subject)
    if standing is not None:
        await _withdraw(connection, standing["id"], reason)


async def is_open(connection: Connection, kind: HoldKind, subject: str) -> bool:
    """Whether a hold of this kind and subject waits to be decided or applied."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM holds WHERE kind = $1 AND subject = $2 AND status NOT IN ('applied', 'withdrawn'))",
        kind,
        subject,
    )
    return found


async def _lock_open(connection: Connection, kind: HoldKind, subject: str) -> Row | None:
    return await connection.fetchrow(
        """
        SELECT id, digest, status FROM holds
        WHERE kind = $1 AND subject = $2 AND status NOT IN ('applied', 'withdrawn') FOR UPDATE
        """,
        kind,
        subject,
    )


async def _withdraw(connection: Connection, hold_id: UUID, reason: str) -> None:
    await connection.execute(
        "UPDATE holds SET status = 'withdrawn', withdrawn_reason = $2, status_at = now() WHERE id = $1",
        hold_id,
        reason[:REASON_MAX],
    )


async def _decided(connection: Connection, row: Row) -> Decided:
    votes = await connection.fetch(
        """
        SELECT operator_id, act, reason FROM hold_votes
        WHERE hold_id = $1 AND round = $2 AND act <> 'object' ORDER BY id
        """,
        row["id"],
        row["round"],
    )
    proposal = next((vote for vote in votes if vote["act"] == "propose"), None)
    if proposal is None:
        raise InvariantViolated(f"Hold {row['id']} is decided and nobody proposed it: do not act on it.")
    return Decided(
        hold_id=row["id"],
        subject=row["subject"],
        decision=Decision(row["decision"]),
        content=json.loads(row["content"]),
        digest=row["digest"],
        reason=proposal["reason"],
        proposer=proposal["operator_id"],
        approvers=tuple(vote["operator_id"] for vote in votes if vote["act"] == "approve"),
    )
