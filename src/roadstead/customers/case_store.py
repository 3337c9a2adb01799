"""All SQL about cases: who is verified under which type, how far, and by whom."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from roadstead.customers.cases import Case, CaseStatus, CaseView, FieldDecision, Say
from roadstead.customers.requirements import FieldStatus, Received
from roadstead.database.pool import Connection, Row
from roadstead.errors import Conflict

CAUSE_CHARACTERS_MAX = 200

_COLUMNS = """c.id, c.customer_id, c.customer_type, c.status, c.status_at, c.submission_id, c.verifier, c.digest,
c.reference, c.tries"""

VIEWS_OF = """(SELECT jsonb_object_agg(customer_type, jsonb_build_object('status', status, 'decisions', decisions,
    'valid_until', valid_until)) FROM verification_cases WHERE customer_id = {customer})::text"""
"""An expression for all cases of a customer by type, to be read with `read_views`; `{customer}` names a column."""

_views = msgspec.json.Decoder(dict[str, CaseView])
_encoder = msgspec.json.Encoder()


def read_views(text: str | None) -> dict[str, CaseView]:
    """Read what the expression `VIEWS_OF` returned."""
    return {} if text is None else _views.decode(text)


async def views(connection: Connection, customer_id: UUID) -> dict[str, CaseView]:
    """Return how the cases of a customer stand, by type."""
    return read_views(await connection.fetchval("SELECT " + VIEWS_OF.format(customer="$1"), customer_id))


async def begin(connection: Connection, customer_id: UUID, customer_type: str, now: datetime) -> bool:
    """Begin the case of a customer under a type, due at once; False when there is one already. Safe to repeat."""
    done = await connection.execute(
        """
        INSERT INTO verification_cases (id, customer_id, customer_type, status, status_cause, status_at, due_at)
        VALUES (gen_random_uuid(), $1, $2, 'collecting', 'begun', $3, now())
        ON CONFLICT (customer_id, customer_type) DO NOTHING
        """,
        customer_id,
        customer_type,
        now,
    )
    return bool(done == "INSERT 0 1")


async def lock_of_customer(connection: Connection, customer_id: UUID) -> list[Case]:
    """Lock all cases of a customer, in one order. The customer has to be locked before."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM verification_cases AS c WHERE customer_id = $1 ORDER BY id FOR UPDATE",  # noqa: S608
        customer_id,
    )
    return [_case(row) for row in rows]


async def by_id(connection: Connection, case_id: UUID, *, lock: bool = False) -> Case | None:
    """Look a case up; with `lock` nobody else moves it until the transaction ends."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM verification_cases AS c WHERE id = $1" + (" FOR UPDATE" if lock else ""),  # noqa: S608
        case_id,
    )
    return None if row is None else _case(row)


async def reopen(connection: Connection, case_id: UUID, cause: str, now: datetime) -> None:
    """Take a locked case back to where data are collected, because other data are there; it is due at once.

    Whoever has a lease of it can write nothing any more, and no word about the former submission counts.
    """
    await connection.execute(
        """
        UPDATE verification_cases
        SET status = 'collecting', status_cause = $2, status_at = $3, submission_id = NULL, verifier = NULL,
            digest = NULL, reference = NULL, decisions = '{}', say = NULL, reasons = '{}', evidence = '{}',
            valid_until = NULL, submitted_at = NULL, heard_at = NULL, tries = 0, due_at = now(), lease_token = NULL,
            lease_until = NULL
        WHERE id = $1
        """,
        case_id,
        cause[:CAUSE_CHARACTERS_MAX],
        now,
    )


async def make_due(connection: Connection, case_id: UUID) -> None:
    """Let a locked case be looked at now."""
    await connection.execute("UPDATE verification_cases SET due_at = now() WHERE id = $1", case_id)


async def ring(connection: Connection, verifier: str, references: Collection[str]) -> int:
    """Let the cases that a verifier rang about be asked about now; return how many there are."""
    done = await connection.execute(
        """
        UPDATE verification_cases SET due_at = now(), tries = 0
        WHERE verifier = $1 AND reference = ANY($2::text[]) AND status <> 'collecting'
        """,
        verifier,
        list(references),
    )
    return int(done.rpartition(" ")[2])


async def claim_due(connection: Connection, *, token: UUID, lease: timedelta, limit: int) -> list[Case]:
    """Lease the cases that are due, oldest first, so that no other worker takes them meanwhile."""
    rows = await connection.fetch(
        f"""
        UPDATE verification_cases AS c SET lease_token = $1, lease_until = now() + $2, due_at = now() + $2
        WHERE c.id IN (
            SELECT id FROM verification_cases
            WHERE due_at <= now() AND (lease_until IS NULL OR lease_until < now())
            ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
        RETURNING {_COLUMNS}
        """,  # noqa: S608 - composed of constants
        token,
        lease,
        limit,
    )
    return [_case(row) for row in rows]


async def lock_leased(connection: Connection, case_id: UUID, token: UUID) -> Case:
    """Lock a case whose lease this worker took.

    Raises:
        Conflict: The lease ran out, or the case was reopened: nothing may be written.
    """
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM verification_cases AS c WHERE id = $1 AND lease_token = $2 FOR UPDATE",  # noqa: S608
        case_id,
        token,
    )
    if row is None:
        raise Conflict(
            f"The lease of case {case_id} is over: another worker goes on with it, or its data changed."
        )
    return _case(row)


async def release(connection: Connection, case_id: UUID, token: UUID, due_in: timedelta | None) -> None:
    """Give a lease back and say when the case is due again; None means that nothing is to be done by itself.

    A bell that rang meanwhile is not lost: what is due already stays so.
    """
    await connection.execute(
        """
        UPDATE verification_cases
        SET lease_token = NULL, lease_until = NULL,
            due_at = CASE WHEN due_at < lease_until THEN due_at ELSE now() + $3::interval END
        WHERE id = $1 AND lease_token = $2
        """,
        case_id,
        token,
        due_in,
    )


async def submit(
    connection: Connection, case: Case, *, submission_id: UUID, verifier: str, digest: str, now: datetime
) -> None:
    """Write that data are put before a verifier, before they are."""
    await connection.execute(
        """
        UPDATE verification_cases
        SET status = 'submitted', status_cause = 'submitted', status_at = $5, submission_id = $2, verifier = $3,
            digest = $4, reference = NULL, decisions = '{}', say = NULL, reasons = '{}', evidence = '{}',
            valid_until = NULL, submitted_at = $5, heard_at = NULL, tries = 0
        WHERE id = $1
        """,
        case.id,
        submission_id,
        verifier,
        digest,
        now,
    )


async def note_reference(connection: Connection, case_id: UUID, reference: str, now: datetime) -> None:
    """Note under which reference the verifier has the data."""
    await connection.execute(
        "UPDATE verification_cases SET reference = $2, heard_at = $3, tries = 0 WHERE id = $1",
        case_id,
        reference,
        now,
    )


async def forget_reference(connection: Connection, case_id: UUID) -> None:
    """Forget a reference that the verifier does not know; the case is started again."""
    await connection.execute("UPDATE verification_cases SET reference = NULL WHERE id = $1", case_id)


async def rest(connection: Connection, case_id: UUID) -> None:
    """Let a locked case wait until somebody changes its data; whoever has a lease of it can write nothing any more."""
    await connection.execute(
        "UPDATE verification_cases SET due_at = NULL, lease_token = NULL, lease_until = NULL WHERE id = $1",
        case_id,
    )


async def note_silence(connection: Connection, case_id: UUID) -> None:
    """Count one more question that got no answer, or no decision."""
    await connection.execute(
        "UPDATE verification_cases SET tries = least(tries + 1, 1000) WHERE id = $1", case_id
    )


async def hand_over(connection: Connection, case_id: UUID, verifier: str) -> None:
    """Let another verifier judge the same submission."""
    await connection.execute(
        "UPDATE verification_cases SET verifier = $2, reference = NULL, tries = 0 WHERE id = $1",
        case_id,
        verifier,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a verifier said of a submission, fit for being kept."""

    status: CaseStatus
    decisions: Mapping[str, FieldDecision] = field(default_factory=dict)
    say: Say | None = None
    reasons: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    valid_until: datetime | None = None


async def record(
    connection: Connection, case_id: UUID, verdict: Verdict, *, cause: str, now: datetime
) -> None:
    """Write what a verifier said of a locked case; the database refuses a move that is not in the table."""
    await connection.execute(
        """
        UPDATE verification_cases
        SET status = $2, status_cause = CASE WHEN status = $2 THEN status_cause ELSE $3 END,
            status_at = CASE WHEN status = $2 THEN status_at ELSE $4::timestamptz END, decisions = $5::jsonb, say = $6,
            reasons = $7, evidence = $8, valid_until = $9, heard_at = $4,
            tries = CASE WHEN status = $2 THEN tries + 1 ELSE 0 END
        WHERE id = $1
        """,
        case_id,
        verdict.status,
        cause[:CAUSE_CHARACTERS_MAX],
        now,
        _encoder.encode(verdict.decisions).decode(),
        verdict.say,
        list(verdict.reasons),
        list(verdict.evidence),
        verdict.valid_until,
    )


async def expire_due(connection: Connection, now: datetime, limit: int) -> list[UUID]:
    """Let confirmations whose time is over be over, due at once; return whose they were."""
    rows = await connection.fetch(
        """
        UPDATE verification_cases
        SET status = 'expired', status_cause = 'valid_until is over', status_at = $1, due_at = now(), tries = 0,
            lease_token = NULL, lease_until = NULL
        WHERE id IN (SELECT id FROM verification_cases WHERE status = 'accepted' AND valid_until <= $1
            ORDER BY valid_until LIMIT $2 FOR UPDATE SKIP LOCKED)
        RETURNING customer_id
        """,
        now,
        limit,
    )
    return [row["customer_id"] for row in rows]


async def read_values(
    connection: Connection, customer_id: UUID, names: Collection[str]
) -> tuple[dict[str, bytes], dict[str, Received]]:
    """Read the ciphertexts of a customer's fields by name, and how each field stands by itself."""
    rows = await connection.fetch(
        """
        SELECT name, ciphertext, status, received_at, valid_until FROM customer_fields
        WHERE customer_id = $1 AND name = ANY($2) ORDER BY name
        """,
        customer_id,
        list(names),
    )
    received = {
        row["name"]: Received(
            status=FieldStatus(row["status"]), received_at=row["received_at"], valid_until=row["valid_until"]
        )
        for row in rows
    }
    return {row["name"]: row["ciphertext"] for row in rows}, received


async def hold_customer(connection: Connection, customer_id: UUID) -> bool:
    """Keep a living customer's data from changing until the transaction ends; False when it was erased."""
    return bool(
        await connection.fetchval(
            "SELECT true FROM customers WHERE id = $1 AND erased_at IS NULL FOR SHARE", customer_id
        )
    )


async def hold_to_submit(connection: Connection, customer_id: UUID) -> bool:
    """Keep a customer's data from changing until the transaction ends; False when they may be given to nobody.

    Those of an erased customer are gone. Those of a restricted one are used for money under way, and for nothing else.
    """
    return bool(
        await connection.fetchval(
            """
            SELECT true FROM customers AS c WHERE c.id = $1 AND c.erased_at IS NULL AND (c.restricted_at IS NULL
                OR EXISTS (SELECT FROM remittances AS r WHERE (r.sender_id = c.id OR r.receiver_id = c.id)
                    AND r.status NOT IN ('completed', 'refunded', 'expired', 'error')))
            FOR SHARE OF c
            """,
            customer_id,
        )
    )


async def order_forgetting(connection: Connection, customer_id: UUID, after: timedelta) -> None:
    """Write that every verifier which was ever given something of an erased customer has to be told. Safe to repeat."""
    await connection.execute(
        """
        INSERT INTO verifier_erasures (customer_id, verifier, due_at)
        SELECT DISTINCT c.customer_id, h.verifier, now() + $2::interval
        FROM verification_cases AS c JOIN verification_history AS h ON h.case_id = c.id
        WHERE c.customer_id = $1 AND h.verifier IS NOT NULL
        ON CONFLICT DO NOTHING
        """,
        customer_id,
        after,
    )


def _case(row: Row) -> Case:
    return Case(**{**row, "status": CaseStatus(row["status"])})
