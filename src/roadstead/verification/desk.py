"""The worker's step: puts cases before verifiers, asks what they decided, and writes it down. The row is the job.

What is submitted is noted first and sent after. A worker that dies anywhere leaves a row that says how far it came;
when its lease is over, another sends the very same case again, which its verifier recognises.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar, assert_never
from uuid import UUID

import structlog

from roadstead.clock import Clock
from roadstead.config.anchor import CustomerType
from roadstead.config.effective import Configuration
from roadstead.config.verifier_terms import IMPLICIT
from roadstead.customers import case_store
from roadstead.customers import store as customers
from roadstead.customers.cases import Case, CaseStatus, judged_fields
from roadstead.customers.judged import Judged, read_judged
from roadstead.customers.reopening import current_digest, reopen
from roadstead.customers.requirements import CustomerStatus, customer_status, in_date
from roadstead.customers.vault import KeyProvider, Vault
from roadstead.database.pool import Connection, Database
from roadstead.errors import Conflict, InvariantViolated, RoadsteadError, Unavailable
from roadstead.randomness import Randomness, new_id
from roadstead.verification.consequences import Consequences, follow
from roadstead.verification.protocol import (
    Decision,
    IdentityVerifier,
    Refused,
    Started,
    Unknown,
    Verification,
    VerificationCase,
)
from roadstead.verification.reading import OPEN_AT_ONCE_MAX, DocumentReader
from roadstead.verification.words import verdict_of

log = structlog.get_logger()

CLAIMS_MAX = 16
LEASE = timedelta(seconds=60)
"""Longer than everything that the calls of one step may take."""
CALL_S = 45.0
"""How long one call of a verifier may take, whatever it promises: less than the lease."""
PAUSE_FIRST_S = 2
PAUSE_MAX_S = 900
"""The longest pause between two questions about a case that is not decided."""
RECHECK_AFTER = timedelta(hours=24)
"""How long a decision rests before it is asked about again, because the bell that took it back may be lost."""

_OPEN = frozenset({CaseStatus.SUBMITTED, CaseStatus.IN_REVIEW})
_COUNTRY = "address_country_code"

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationDesk:
    """Where customers' cases are carried on."""

    configuration: Configuration
    database: Database
    keys: KeyProvider
    verifiers: Mapping[str, IdentityVerifier]
    clock: Clock
    randomness: Randomness
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(OPEN_AT_ONCE_MAX))
    """How many documents of customers may be open at once."""

    @property
    def consequences(self) -> Consequences:
        """What a decision has to be followed by."""
        return Consequences(
            anchor=self.configuration.anchor, verified_types=self.configuration.verified_types
        )


async def verify_due(desk: VerificationDesk) -> int:
    """Claim what is due and carry each case one step on; return how many were claimed.

    Safe to run anywhere, at any time, by any number of workers.
    """
    if not desk.verifiers:
        return 0
    token = new_id(desk.randomness)
    async with desk.database.connection() as connection:
        cases = await case_store.claim_due(connection, token=token, lease=LEASE, limit=CLAIMS_MAX)
    await asyncio.gather(*(_carry_on(desk, case, token) for case in cases))
    return len(cases)


async def _carry_on(desk: VerificationDesk, case: Case, token: UUID) -> None:
    try:
        vault = await _open_vault(desk, case)
        kind = _kind(desk, case)
        if vault is None:
            await _rest(desk, case, token, None)
        elif kind is None:
            # The type may be offered again, as soon as anchor.toml is put right: then the case goes on.
            await _rest(desk, case, token, timedelta(seconds=PAUSE_MAX_S))
        elif case.status in {CaseStatus.COLLECTING, CaseStatus.EXPIRED}:
            await _submit(desk, case, token, kind, vault)
        elif case.reference is None:
            await _start_again(desk, case, token, kind, vault)
        else:
            await _ask(desk, case, token, vault)
    except Conflict as conflict:
        log.info("verification_overtaken", case_id=str(case.id), detail=conflict.message)
    except Unavailable as error:
        log.warning("verification_step_unavailable", case_id=str(case.id), error=error.message)
    except Exception:
        # One case that fails must not hold up the others; when its lease is over it is looked at again.
        log.exception("verification_step_failed", case_id=str(case.id), status=str(case.status))


async def _submit(desk: VerificationDesk, case: Case, token: UUID, kind: CustomerType, vault: Vault) -> None:
    """Note what is submitted to whom, and put it before the verifier; what is not complete waits for data."""
    async with desk.database.transaction() as connection:
        may_go = await case_store.hold_to_submit(connection, case.customer_id)
        locked = await case_store.lock_leased(connection, case.id, token)
        if not may_go:
            await case_store.rest(connection, case.id)
            return
        judged = await _complete(connection, kind, vault, case.customer_id, desk.clock.now())
        if judged is None:
            if locked.status is CaseStatus.EXPIRED:
                await reopen(connection, locked, "incomplete", desk.clock.now())
                await case_store.rest(connection, case.id)
            else:
                await case_store.release(connection, case.id, token, None)
            return
        submission = _submission(desk, case, vault, judged, submission_id=new_id(desk.randomness))
        verifier = _verifier_for(desk, kind, judged.values.get(_COUNTRY))
        await case_store.submit(
            connection,
            locked,
            submission_id=submission.id,
            verifier=verifier.name,
            digest=submission.digest,
            now=desk.clock.now(),
        )
    await _start(desk, case.id, token, verifier, submission)


async def _start_again(
    desk: VerificationDesk, case: Case, token: UUID, kind: CustomerType, vault: Vault
) -> None:
    """Put the very same case before its verifier once more: nobody knows whether it has it."""
    async with desk.database.transaction() as connection:
        may_go = await case_store.hold_to_submit(connection, case.customer_id)
        locked = await case_store.lock_leased(connection, case.id, token)
        if not may_go:
            await case_store.rest(connection, case.id)
            return
        judged = await _complete(connection, kind, vault, case.customer_id, desk.clock.now())
        if judged is None or judged.digest(vault) != locked.digest or locked.submission_id is None:
            await reopen(connection, locked, "data changed", desk.clock.now())
            return
        submission = _submission(desk, case, vault, judged, submission_id=locked.submission_id)
    await _start(desk, case.id, token, _verifier_of(desk, locked), submission)


def _submission(
    desk: VerificationDesk, case: Case, vault: Vault, judged: Judged, *, submission_id: UUID
) -> VerificationCase:
    reader = DocumentReader(
        database=desk.database, vault=vault, customer_id=case.customer_id, places=desk.places
    )
    return VerificationCase(
        id=submission_id,
        customer_id=case.customer_id,
        customer_type=case.customer_type,
        fields=judged.values,
        documents=reader.documents(judged.documents),
        digest=judged.digest(vault),
    )


async def _start(
    desk: VerificationDesk,
    case_id: UUID,
    token: UUID,
    verifier: IdentityVerifier,
    submission: VerificationCase,
) -> None:
    outcome = await in_time(verifier, verifier.start(submission))
    async with desk.database.transaction() as connection:
        locked = await case_store.lock_leased(connection, case_id, token)
        due_in = timedelta()
        match outcome:
            case Started(reference=reference):
                await case_store.note_reference(connection, case_id, reference, desk.clock.now())
            case Refused(reason=reason):
                log.warning("verification_refused", case_id=str(case_id), verifier=verifier.name, code=reason)
                due_in = await _let_people_decide(connection, locked, verifier.name)
            case Unknown(detail=detail):
                log.warning("verification_unknown", case_id=str(case_id), detail=detail)
                await case_store.note_silence(connection, case_id)
                due_in = pause_after(locked.tries)
            case _:
                assert_never(outcome)
        await case_store.release(connection, case_id, token, due_in)


async def _let_people_decide(connection: Connection, case: Case, refused_by: str) -> timedelta:
    """Hand over to people what a verifier will not judge; people themselves refuse nothing."""
    if refused_by == IMPLICIT:
        await case_store.note_silence(connection, case.id)
        return pause_after(case.tries)
    await case_store.hand_over(connection, case.id, IMPLICIT)
    return timedelta()


async def _ask(desk: VerificationDesk, case: Case, token: UUID, vault: Vault) -> None:
    verifier = _verifier_of(desk, case)
    said = await in_time(verifier, verifier.fetch(case.reference or ""))
    async with desk.database.transaction() as connection:
        await case_store.hold_customer(connection, case.customer_id)
        locked = await case_store.lock_leased(connection, case.id, token)
        match said:
            case Verification():
                due_in = await _write_down(desk, connection, locked, said, vault)
            case Refused(reason=reason):
                log.warning(
                    "verification_not_known", case_id=str(case.id), verifier=verifier.name, code=reason
                )
                due_in = await _forget_reference(connection, locked)
            case Unknown(detail=detail):
                log.warning("verification_unknown", case_id=str(case.id), detail=detail)
                await case_store.note_silence(connection, case.id)
                due_in = pause_after(locked.tries)
            case _:
                assert_never(said)
        await case_store.release(connection, case.id, token, due_in)


async def in_time(verifier: IdentityVerifier, call: Awaitable[Answer]) -> Answer | Unknown:
    """Wait for a verifier, but never for longer than the lease holds: one that hangs holds up nobody else's case.

    Raises:
        RoadsteadError: What the house itself raised while a document was read.
    """
    try:
        async with asyncio.timeout(CALL_S):
            return await call
    except RoadsteadError:
        raise
    except TimeoutError:
        return Unknown(detail=f"The verifier {verifier.name} gave no answer in {CALL_S:g} s.")
    except Exception as error:  # noqa: BLE001 - a verifier's bug may quote the customer; its type says enough
        return Unknown(detail=f"The verifier {verifier.name} failed ({type(error).__name__}).")


async def _forget_reference(connection: Connection, case: Case) -> timedelta:
    """Start once more what the verifier does not know; what it decided before stands until it says otherwise."""
    await case_store.note_silence(connection, case.id)
    if case.status is CaseStatus.SUBMITTED:
        await case_store.forget_reference(connection, case.id)
    return pause_after(case.tries)


async def _write_down(
    desk: VerificationDesk, connection: Connection, case: Case, said: Verification, vault: Vault
) -> timedelta:
    """Write what a verifier said, if it said it of the data that are there, and let its consequences follow."""
    now = desk.clock.now()
    if said.case_id != case.submission_id:
        log.error("verification_of_another_case", case_id=str(case.id), verifier=case.verifier)
        await case_store.note_silence(connection, case.id)
        return pause_after(case.tries)
    is_current = await current_digest(connection, desk.configuration.anchor, vault, case) == case.digest
    if not is_current and said.decision is not Decision.REJECTED:
        await reopen(connection, case, "data changed", now)
        return timedelta()
    verdict = verdict_of(said, case.status, now)
    await case_store.record(connection, case.id, verdict, cause=f"{case.verifier}: {said.decision}", now=now)
    if verdict.status is not case.status or said.fields:
        await follow(connection, desk.consequences, case.customer_id, now)
    if verdict.status is not case.status:
        log.info("verification_moved", case_id=str(case.id), status=verdict.status, verifier=case.verifier)
    return pause_after(case.tries) if verdict.status in _OPEN else RECHECK_AFTER


def pause_after(tries: int) -> timedelta:
    """Return how long to wait after so many questions without a decision: twice as long each time, up to a limit."""
    return timedelta(seconds=min(PAUSE_MAX_S, PAUSE_FIRST_S * 2 ** min(tries, 20)))


async def _complete(
    connection: Connection, kind: CustomerType, vault: Vault, customer_id: UUID, now: datetime
) -> Judged | None:
    """Read all that is judged; None while something that is required is not there, out of date, or was turned down."""
    judged = await read_judged(connection, vault, customer_id, judged_fields(kind))
    statuses = in_date(kind, judged.received, now)
    return judged if customer_status(kind, statuses) is CustomerStatus.ACCEPTED else None


async def _open_vault(desk: VerificationDesk, case: Case) -> Vault | None:
    """Open the data of a case; None where they are gone, or kept for the law alone."""
    async with desk.database.connection() as connection:
        wrapped = await customers.read_key(connection, case.customer_id)
        may_go = await case_store.hold_to_submit(connection, case.customer_id)
    if wrapped is None or not may_go:
        return None
    return Vault(case.customer_id, await desk.keys.unwrap(wrapped, customer_id=case.customer_id))


def _kind(desk: VerificationDesk, case: Case) -> CustomerType | None:
    types = desk.configuration.anchor.customer_types
    return next((kind for kind in types if kind.name == case.customer_type), None)


def _verifier_for(desk: VerificationDesk, kind: CustomerType, country: str | None) -> IdentityVerifier:
    """Choose who verifies a customer: the first of anchor.toml that serves the type and the country."""
    for configured in desk.configuration.verifiers:
        if configured.serves.serves(kind.name, country):
            return desk.verifiers[configured.name]
    return desk.verifiers[IMPLICIT]


def _verifier_of(desk: VerificationDesk, case: Case) -> IdentityVerifier:
    verifier = desk.verifiers.get(case.verifier or "")
    if verifier is None:
        raise InvariantViolated(
            f"Case {case.id} was put before the verifier {case.verifier}, which anchor.toml does not name any more: "
            "name it again, or let the case begin anew (roadstead verifications again)."
        )
    return verifier


async def _rest(desk: VerificationDesk, case: Case, token: UUID, due_in: timedelta | None) -> None:
    async with desk.database.connection() as connection:
        await case_store.release(connection, case.id, token, due_in)
