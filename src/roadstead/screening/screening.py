"""Screening who is due: a worker's step. Claim, read, search outside any transaction, record; the row is the job.

A worker that dies anywhere leaves a row that is still due: when its lease is over, another one screens it again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from roadstead.boundaries import boundary
from roadstead.clock import Clock
from roadstead.customers import store as customers
from roadstead.customers.vault import KeyProvider, Vault
from roadstead.database.pool import Database
from roadstead.errors import Conflict, Unavailable
from roadstead.randomness import Randomness, new_id
from roadstead.screening import lists_store, store
from roadstead.screening.builtin import BuiltInScreener
from roadstead.screening.cases import follow_hits
from roadstead.screening.protocol import ListState, Screener, Screening
from roadstead.screening.store import Due
from roadstead.screening.subjects import SCREENED_FIELDS, Subject, subject_digest, subject_of

log = structlog.get_logger()

CLAIMS_MAX = 20
LEASE = timedelta(seconds=20)
SCREEN_TIMEOUT_S = 10.0
"""How long a screener may take for one customer; shorter than the lease."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreeningOffice:
    """What a worker needs to screen customers."""

    database: Database
    keys: KeyProvider
    screener: Screener
    clock: Clock
    randomness: Randomness
    approvals: int
    """How many people decide about a customer's hits."""


def edition_of(lists: tuple[ListState, ...]) -> str:
    """Write lists and their versions as one text, as `screening_edition()` does in SQL."""
    return ",".join(f"{one.name}={one.version}" for one in sorted(lists, key=lambda state: state.name))


async def follow_lists(office: ScreeningOffice) -> None:
    """Note which lists a screener of somebody else's searches now; payouts go by that. The built-in one notes its own.

    Raises:
        Unavailable: The screener or the database does not answer.
    """
    if isinstance(office.screener, BuiltInScreener):
        return
    found = await asyncio.wait_for(office.screener.lists(), SCREEN_TIMEOUT_S)
    async with office.database.transaction() as connection:
        await lists_store.lock_imports(connection)
        await lists_store.write_states(connection, found)


async def screen_due(office: ScreeningOffice) -> int:
    """Screen some of those who are due; return how many were claimed. Safe to run anywhere, by any number of workers.

    Raises:
        Unavailable: The database does not answer.
    """
    token = new_id(office.randomness)
    async with office.database.transaction() as connection:
        claimed = await store.claim_due(connection, token=token, lease=LEASE, limit=CLAIMS_MAX)
    for due in claimed:
        await _screen(office, due, token)
    return len(claimed)


async def _screen(office: ScreeningOffice, due: Due, token: UUID) -> None:
    try:
        await _screen_one(office, due, token)
    except Conflict as conflict:
        log.warning("screening_lease_lost", customer_id=str(due.customer_id), detail=conflict.message)
    except (Unavailable, TimeoutError) as error:
        # Nothing is known then, and nobody is clear; when the lease is over it is tried again.
        detail = error.message if isinstance(error, Unavailable) else "the screener did not answer in time"
        log.warning("screening_unavailable", customer_id=str(due.customer_id), error=detail)
    except Exception:
        # One customer who cannot be screened must not hold up the others.
        log.exception("screening_failed", customer_id=str(due.customer_id))


async def _screen_one(office: ScreeningOffice, due: Due, token: UUID) -> None:
    read = await _read(office, due.customer_id)
    if read is None:
        await _nobody(office, due, token)
        return
    subject, digest = read
    boundary("screening.screen.before")
    screening = await asyncio.wait_for(office.screener.screen(subject), SCREEN_TIMEOUT_S)
    boundary("screening.screen.after")
    await _record(office, due, token, screening, digest)


async def _read(office: ScreeningOffice, customer_id: UUID) -> tuple[Subject, str] | None:
    """Decrypt whom to screen, into memory only; None when the customer was erased."""
    async with office.database.connection() as connection:
        sealed = await customers.read_sealed(connection, customer_id, SCREENED_FIELDS)
    if sealed is None:
        return None
    wrapped_key, ciphertexts = sealed
    data_key = await office.keys.unwrap(wrapped_key, customer_id=customer_id)
    vault = Vault(customer_id, data_key)
    subject = subject_of({name: vault.open(name, ciphertext) for name, ciphertext in ciphertexts.items()})
    return subject, subject_digest(subject, data_key)


async def _nobody(office: ScreeningOffice, due: Due, token: UUID) -> None:
    async with office.database.transaction() as connection:
        await store.lock_leased(connection, due.customer_id, token)
        await store.finish(connection, due, None, office.clock.now(), edition=await store.edition(connection))


async def _record(office: ScreeningOffice, due: Due, token: UUID, screening: Screening, digest: str) -> None:
    now = office.clock.now()
    result = store.Result(
        digest=digest,
        edition=edition_of(screening.lists),
        algorithm=screening.algorithm,
        hits=screening.hits,
    )
    async with office.database.transaction() as connection:
        await store.lock_leased(connection, due.customer_id, token)
        await store.write_hits(connection, due.customer_id, digest, screening.hits, now)
        await store.finish(connection, due, result, now)
        await follow_hits(connection, due.customer_id, approvals=office.approvals)
    log.info("customer_screened", customer_id=str(due.customer_id), hits=len(screening.hits))
