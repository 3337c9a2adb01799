"""The SQL of envelopes, and of the leases of the accounts that sign them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from roadstead.database.pool import Connection, Row
from roadstead.errors import Conflict


class EnvelopeStatus(StrEnum):
    """Where an envelope stands."""

    OPEN = "open"
    """It may be applied."""
    SUCCEEDED = "succeeded"
    """It stands in a closed ledger and did what it says."""
    FAILED = "failed"
    """It stands in a closed ledger and did nothing but take its sequence number and its fee."""
    DEAD = "dead"
    """It was not applied and never will be; that is proven."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A signed transaction as it stands."""

    id: UUID
    kind: str
    """What it is for: `refund`, ..."""
    subject_id: UUID
    hash: str
    content: bytes
    """The envelope in XDR."""
    account: str
    sequence: int
    fee_stroops: int
    valid_until: datetime
    """The last close time of a ledger that may apply it."""
    signed_ledger: int
    """It can only be in ledgers after this one."""
    status: EnvelopeStatus
    reason: str | None
    submissions: int
    signed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Bump:
    """The same transaction with a higher fee."""

    hash: str
    envelope_id: UUID
    content: bytes
    fee_stroops: int


async def claim_account(connection: Connection, account: str, token: UUID, lease: timedelta) -> bool:
    """Take the lease of an account, so that nobody else signs for it meanwhile; False when another holds it."""
    await connection.execute(
        "INSERT INTO signing_accounts (account) VALUES ($1) ON CONFLICT (account) DO NOTHING", account
    )
    claimed = await connection.fetchval(
        """
        UPDATE signing_accounts SET lease_token = $2, lease_until = now() + $3
        WHERE account = $1 AND (lease_until IS NULL OR lease_until < now()) RETURNING true
        """,
        account,
        token,
        lease,
    )
    return claimed is not None


async def confirm_lease(connection: Connection, account: str, token: UUID) -> None:
    """Make sure, inside a transaction, that the account's lease is ours, and keep it so until the transaction ends.

    Raises:
        Conflict: The lease ran out and another worker goes on; nothing may be written.
    """
    held = await connection.fetchval(
        "SELECT true FROM signing_accounts WHERE account = $1 AND lease_token = $2 FOR UPDATE", account, token
    )
    if held is None:
        raise Conflict(f"The lease of account {account} ran out: another worker signs for it now.")


async def release_account(connection: Connection, account: str, token: UUID) -> None:
    """Give the lease of an account back."""
    await connection.execute(
        "UPDATE signing_accounts SET lease_token = NULL, lease_until = NULL WHERE account = $1 AND lease_token = $2",
        account,
        token,
    )


_COLUMNS = """
e.id, e.kind, e.subject_id, e.hash, e.content, e.account, e.sequence, e.fee_stroops, e.valid_until, e.signed_ledger,
e.status, e.reason, e.submissions, e.signed_at
"""


async def is_due(connection: Connection, account: str) -> bool | None:
    """Tell whether the open envelope of an account is due; None when it has none."""
    due: bool | None = await connection.fetchval(
        "SELECT due_at <= now() FROM envelopes WHERE account = $1 AND status = 'open'", account
    )
    return due


async def open_envelope(connection: Connection, account: str) -> Envelope | None:
    """Return the open envelope of an account: it has one at most."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM envelopes AS e WHERE account = $1 AND status = 'open'",  # noqa: S608
        account,
    )
    return None if row is None else _envelope(row)


async def of_subject(connection: Connection, kind: str, subject_id: UUID) -> list[Envelope]:
    """List the envelopes of a subject, oldest first."""
    rows = await connection.fetch(
        f"""
        SELECT {_COLUMNS} FROM envelopes AS e WHERE kind = $1 AND subject_id = $2
        ORDER BY signed_at, status IN ('open', 'succeeded'), id
        """,  # noqa: S608 - composed of constants
        kind,
        subject_id,
    )
    return [_envelope(row) for row in rows]


async def last_sequence(connection: Connection, account: str) -> int:
    """Return the highest sequence number that an envelope of ours took, or may take; 0 before the first."""
    found: int | None = await connection.fetchval(
        "SELECT max(sequence) FROM envelopes WHERE account = $1 AND status <> 'dead'", account
    )
    return found or 0


async def insert(connection: Connection, envelope: Envelope) -> None:
    """Store an envelope before it is submitted for the first time.

    The database refuses it while another of its subject or its account is open, once one of its subject succeeded, and
    with a sequence number that is taken.
    """
    await connection.execute(
        """
        INSERT INTO envelopes (id, kind, subject_id, hash, content, account, sequence, fee_stroops, valid_until,
            signed_ledger, signed_at, status_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
        """,
        envelope.id,
        envelope.kind,
        envelope.subject_id,
        envelope.hash,
        envelope.content,
        envelope.account,
        envelope.sequence,
        envelope.fee_stroops,
        envelope.valid_until,
        envelope.signed_ledger,
        envelope.signed_at,
    )


async def insert_bump(connection: Connection, bump: Bump, now: datetime) -> None:
    """Store a fee bump before it is submitted for the first time."""
    await connection.execute(
        """
        INSERT INTO envelope_bumps (hash, envelope_id, content, fee_stroops, signed_at) VALUES ($1, $2, $3, $4, $5)
        """,
        bump.hash,
        bump.envelope_id,
        bump.content,
        bump.fee_stroops,
        now,
    )


async def last_bump(connection: Connection, envelope_id: UUID) -> Bump | None:
    """Return the bump of an envelope with the highest fee; None when it has none."""
    row = await connection.fetchrow(
        """
        SELECT hash, envelope_id, content, fee_stroops FROM envelope_bumps
        WHERE envelope_id = $1 ORDER BY fee_stroops DESC LIMIT 1
        """,
        envelope_id,
    )
    return None if row is None else Bump(**row)


async def end(
    connection: Connection,
    envelope_id: UUID,
    status: EnvelopeStatus,
    now: datetime,
    *,
    reason: str | None = None,
    ledger: int | None = None,
) -> None:
    """End an open envelope, for good.

    Raises:
        Conflict: It is not open any more.
    """
    done: str = await connection.execute(
        """
        UPDATE envelopes SET status = $2, reason = COALESCE($3, reason), ledger = $4, status_at = $5
        WHERE id = $1 AND status = 'open'
        """,
        envelope_id,
        status,
        reason,
        ledger,
        now,
    )
    if done != "UPDATE 1":
        raise Conflict(f"Envelope {envelope_id} is not open any more: look again.")


async def postpone(
    connection: Connection, envelope_id: UUID, due_in: timedelta, *, reason: str | None, is_submitted: bool
) -> None:
    """Note what was heard of an open envelope, and when it is due again."""
    await connection.execute(
        """
        UPDATE envelopes SET due_at = now() + $2::interval, reason = $3, submissions = submissions + $4
        WHERE id = $1 AND status = 'open'
        """,
        envelope_id,
        due_in,
        reason,
        int(is_submitted),
    )


def _envelope(row: Row) -> Envelope:
    return Envelope(**{**row, "status": EnvelopeStatus(row["status"])})
