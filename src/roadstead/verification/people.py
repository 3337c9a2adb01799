"""What people do with cases: look, ask for data, let one begin anew. What they see and do is in the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from roadstead.config.anchor import Anchor, CustomerType
from roadstead.customers import case_store, files_store
from roadstead.customers import store as customers
from roadstead.customers.cases import MOVES, Case, CaseStatus, FieldDecision, Say, judged_fields
from roadstead.customers.files import open_file
from roadstead.customers.files_store import StoredFile
from roadstead.customers.reopening import reopen
from roadstead.customers.requirements import FieldStatus
from roadstead.customers.submissions import Document, is_document
from roadstead.customers.vault import KeyProvider, Vault
from roadstead.database.pool import Connection, Database
from roadstead.errors import BadInput, Conflict, NotFound
from roadstead.operations import audit
from roadstead.operations.holds import REASON_MAX, HoldKind, withdraw_hold
from roadstead.operations.operators import Operator, require
from roadstead.operations.roles import Right
from roadstead.verification.consequences import Consequences, follow

HISTORY_MAX = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A case as lists show it: ids and codes."""

    id: UUID
    customer_id: UUID
    customer_type: str
    status: CaseStatus
    status_at: datetime
    status_cause: str
    verifier: str | None
    reasons: Sequence[str]
    valid_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLine:
    """One move of a case."""

    status_from: str
    status_to: str
    cause: str
    verifier: str | None
    reasons: Sequence[str]
    reached_at: datetime


async def latest(connection: Connection, *, status: CaseStatus | None, limit: int) -> list[Listed]:
    """List cases, those first that moved last."""
    rows = await connection.fetch(
        """
        SELECT id, customer_id, customer_type, status, status_at, status_cause, verifier, reasons, valid_until
        FROM verification_cases WHERE $1::text IS NULL OR status = $1 ORDER BY status_at DESC, id LIMIT $2
        """,
        status,
        limit,
    )
    return [Listed(**{**row, "status": CaseStatus(row["status"])}) for row in rows]


async def history(connection: Connection, case_id: UUID) -> list[HistoryLine]:
    """Tell how a case came to where it is, oldest first; of very many moves the last ones."""
    rows = await connection.fetch(
        """
        SELECT status_from, status_to, cause, verifier, reasons, reached_at FROM verification_history
        WHERE case_id = $1 ORDER BY id DESC LIMIT $2
        """,
        case_id,
        HISTORY_MAX,
    )
    return [HistoryLine(**row) for row in reversed(rows)]


async def documents_of(connection: Connection, anchor: Anchor, case_id: UUID) -> list[StoredFile]:
    """List the documents that a case is about, by their field; nothing of what is in them.

    Raises:
        NotFound: There is no such case, or its type is gone.
    """
    case = await _known(connection, case_id)
    held = await files_store.keys_of(connection, case.customer_id, judged_fields(_kind(anchor, case)))
    return [known.file for known in held.values()]


async def fetch_document(
    database: Database,
    keys: KeyProvider,
    anchor: Anchor,
    case_id: UUID,
    field: str,
    *,
    reason: str,
    by: Operator,
) -> Document:
    """Return a document that a case is about, for a person who decides; that they have it is written down first.

    It is personal data, and may be a hostile file: nothing here has decoded it.

    Raises:
        BadInput: No reason was given.
        Forbidden: The person's role does not let them.
        InvariantViolated: It cannot be decrypted.
        NotFound: There is no such case or document, or its customer was erased.
        Unavailable: The database or the keeper of the keys does not answer.
    """
    require(by, Right.PROPOSE)
    async with database.transaction() as connection:
        case = await _known(connection, case_id)
        wrapped = await customers.read_key(connection, case.customer_id)
        judged = field in judged_fields(_kind(anchor, case))
        held = judged and await files_store.keys_of(connection, case.customer_id, [field])
        if wrapped is None or not held:
            raise NotFound(
                f"Case {case_id} has no document {field[:60]!r}: see roadstead verifications documents."
            )
        await _write_audit(connection, case, "verification.document_fetched", reason, by, field=field)
    vault = Vault(case.customer_id, await keys.unwrap(wrapped, customer_id=case.customer_id))
    async with database.connection() as connection:
        return await open_file(connection, vault, case.customer_id, field)


async def reveal_data(
    database: Database, keys: KeyProvider, anchor: Anchor, case_id: UUID, *, reason: str, by: Operator
) -> dict[str, str]:
    """Return the data that a case is about, for a person who decides; that they looked is written down first.

    Documents are not among them: see `documents_of` and `fetch_document`.

    Raises:
        BadInput: No reason was given.
        Forbidden: The person's role does not let them.
        NotFound: There is no such case, or its customer was erased.
        Unavailable: The database or the keeper of the keys does not answer.
    """
    require(by, Right.PROPOSE)
    async with database.transaction() as connection:
        case = await _known(connection, case_id)
        wrapped = await customers.read_key(connection, case.customer_id)
        if wrapped is None:
            raise NotFound(f"Nothing can be read for case {case_id}: its customer was erased.")
        texts = [name for name in judged_fields(_kind(anchor, case)) if not is_document(name)]
        sealed, _ = await case_store.read_values(connection, case.customer_id, texts)
        await _write_audit(connection, case, "verification.revealed", reason, by)
    vault = Vault(case.customer_id, await keys.unwrap(wrapped, customer_id=case.customer_id))
    return {name: vault.open(name, value) for name, value in sealed.items()}


async def ask_for(
    database: Database,
    rules: Consequences,
    case_id: UUID,
    fields: Sequence[str],
    *,
    say: Say,
    reason: str,
    by: Operator,
    now: datetime,
) -> None:
    """Ask for some fields of a customer anew, in place of a decision; what was proposed about the case is withdrawn.

    Raises:
        BadInput: No reason was given, or a field is not among those that are judged.
        Conflict: Nothing was submitted, so there is nothing to ask about.
        Forbidden: The person's role does not let them.
        NotFound: There is no such case.
        Unavailable: The database does not answer.
    """
    require(by, Right.PROPOSE)
    async with database.transaction() as connection:
        case = await _known(connection, case_id, lock=True)
        kind = rules.anchor.customer_type(case.customer_type)
        unknown = [name[:60] for name in fields if name not in judged_fields(kind)]
        if unknown or not fields:
            raise BadInput(
                f"{', '.join(unknown) or 'Nothing'} is not judged for {kind.name}: name its fields of SEP-9."
            )
        if case.status is not CaseStatus.NEEDS_INFO and (case.status, CaseStatus.NEEDS_INFO) not in MOVES:
            raise Conflict(f"Case {case_id} is {case.status}: there is nothing to ask about.")
        if case.reference is None:
            raise Conflict(f"Nobody knows yet whether {case.verifier} has case {case_id}: ask again later.")
        if case.submission_id is not None:
            await withdraw_hold(
                connection, HoldKind.VERIFICATION, str(case.submission_id), reason="other data were asked for"
            )
        decision = FieldDecision(status=FieldStatus.REJECTED, say=say)
        verdict = case_store.Verdict(
            status=CaseStatus.NEEDS_INFO,
            decisions=dict.fromkeys(fields, decision),
            reasons=("ASKED_BY_PEOPLE",),
        )
        await case_store.record(connection, case.id, verdict, cause="asked by operators", now=now)
        await case_store.rest(connection, case.id)
        await _write_audit(connection, case, "verification.asked", reason, by)
        await follow(connection, rules, case.customer_id, now)


async def begin_anew(
    database: Database, rules: Consequences, case_id: UUID, *, reason: str, by: Operator, now: datetime
) -> None:
    """Let a case be put before its verifier once more, whatever was decided: a confirmation or a rejection ends.

    Raises:
        BadInput: No reason was given.
        Conflict: It has not been put before anybody yet.
        Forbidden: The person's role does not let them.
        NotFound: There is no such case.
        Unavailable: The database does not answer.
    """
    require(by, Right.APPROVE)
    async with database.transaction() as connection:
        case = await _known(connection, case_id, lock=True)
        if case.status is CaseStatus.COLLECTING:
            raise Conflict(
                f"Case {case_id} collects data, and is put before its verifier when they are complete."
            )
        await reopen(connection, case, "begun anew by operators", now)
        await _write_audit(connection, case, "verification.begun_anew", reason, by)
        await follow(connection, rules, case.customer_id, now)


async def _known(connection: Connection, case_id: UUID, *, lock: bool = False) -> Case:
    case = await case_store.by_id(connection, case_id, lock=lock)
    if case is None:
        raise NotFound(f"There is no case {case_id}: see roadstead verifications list.")
    return case


def _kind(anchor: Anchor, case: Case) -> CustomerType:
    kind = next((kind for kind in anchor.customer_types if kind.name == case.customer_type), None)
    if kind is None:
        raise NotFound(
            f"Case {case.id} is about the type {case.customer_type}, which anchor.toml does not offer any more."
        )
    return kind


async def _write_audit(
    connection: Connection, case: Case, action: str, reason: str, by: Operator, **more: str
) -> None:
    reason = reason.strip()
    if not 1 <= len(reason) <= REASON_MAX:
        raise BadInput(f"Give the reason in 1 to {REASON_MAX} characters: others have to judge it.")
    await audit.record(
        connection,
        actor=by.actor,
        action=action,
        subject=f"verification {case.id}",
        detail={"customer": str(case.customer_id), "type": case.customer_type, "reason": reason, **more},
    )
