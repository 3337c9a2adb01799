"""What operators see of screening, and what they may ask for beside decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from roadstead.customers import store as customers
from roadstead.customers.vault import KeyProvider, Vault
from roadstead.database.pool import Database
from roadstead.errors import NotFound
from roadstead.operations import audit
from roadstead.operations.operators import Operator, require
from roadstead.operations.roles import Right
from roadstead.screening import store
from roadstead.screening.store import HitStatus
from roadstead.screening.subjects import SCREENED_FIELDS


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownHit:
    """An entry that a customer is like, with what the list says of it."""

    list: str
    entry_id: str
    entry_version: str
    list_version: str
    score: int
    status: HitStatus
    found_at: datetime
    names: tuple[str, ...]
    """Empty where somebody else's screener keeps the list."""
    births: tuple[str, ...]
    countries: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """How the screening of a customer stands."""

    customer_id: UUID
    screened_at: datetime | None
    edition: str | None
    algorithm: str | None
    is_current: bool
    is_blocked: bool
    hits: tuple[ShownHit, ...]

    @property
    def sentence(self) -> str:
        """How it stands, in words."""
        if self.screened_at is None:
            return "was not screened yet."
        stands = "may be on a list" if self.is_blocked else "is clear"
        current = "" if self.is_current else "; it has to be screened again"
        lists = self.edition or "no list"
        return f"{stands}: screened at {self.screened_at:%Y-%m-%d %H:%M:%S} UTC against {lists}{current}."


async def record_of(database: Database, customer_id: UUID) -> Record:
    """Show how the screening of a customer stands; nothing of it is the customer's own data.

    Raises:
        NotFound: There is no such customer.
        Unavailable: The database does not answer.
    """
    async with database.connection() as connection:
        row = await connection.fetchrow(
            """
            SELECT customer_id, screened_at, edition, algorithm, screening_is_current(customer_id) AS is_current,
                screening_blocks(customer_id) AS is_blocked
            FROM screening_subjects WHERE customer_id = $1
            """,
            customer_id,
        )
        if row is None:
            raise NotFound(f"There is no customer {customer_id}.")
        hits = await connection.fetch(
            """
            SELECT DISTINCT ON (h.score, h.list, h.entry_id)
                h.list, h.entry_id, h.entry_version, h.list_version, h.score, h.status, h.found_at,
                coalesce(e.names || e.weak_names, '{}') AS names, coalesce(e.births, '{}') AS births,
                coalesce(e.countries, '{}') AS countries
            FROM screening_hits AS h LEFT JOIN screening_entries AS e
                ON e.list = h.list AND e.entry_id = h.entry_id AND e.entry_version = h.entry_version
            WHERE h.customer_id = $1 AND h.is_current ORDER BY h.score DESC, h.list, h.entry_id, e.since DESC
            """,
            customer_id,
        )
    return Record(
        **row,
        hits=tuple(
            ShownHit(
                **{
                    **hit,
                    "status": HitStatus(hit["status"]),
                    **{name: tuple(hit[name]) for name in ("names", "births", "countries")},
                }
            )
            for hit in hits
        ),
    )


async def reveal_subject(
    database: Database, keys: KeyProvider, customer_id: UUID, *, by: Operator
) -> Mapping[str, str]:
    """Decrypt what was compared of a customer, so that a person can compare it; the audit log notes who looked.

    Raises:
        Forbidden: The person's role does not let them.
        NotFound: There is no such customer, or it was erased.
        Unavailable: The database or the keeper of the keys does not answer.
    """
    require(by, Right.PROPOSE)
    async with database.transaction() as connection:
        await audit.record(
            connection,
            actor=by.actor,
            action="customer.compared",
            subject=f"customer {customer_id}",
            detail={"for": "screening"},
        )
        sealed = await customers.read_sealed(connection, customer_id, SCREENED_FIELDS)
    if sealed is None:
        raise NotFound(f"Customer {customer_id} is not known or was erased, so nothing can be read of it.")
    wrapped_key, ciphertexts = sealed
    vault = Vault(customer_id, await keys.unwrap(wrapped_key, customer_id=customer_id))
    return {name: vault.open(name, ciphertext) for name, ciphertext in ciphertexts.items()}


async def rescreen(database: Database, customer_id: UUID | None, *, anew: bool, actor: str) -> int:
    """Let one customer, or all, be screened again, and return how many; with `anew` people decide again about one.

    Raises:
        NotFound: There is no such customer.
        Unavailable: The database does not answer.
    """
    async with database.transaction() as connection:
        count = await store.screen_again(connection, customer_id)
        if not count and customer_id is not None:
            raise NotFound(f"There is no customer {customer_id}.")
        if anew and customer_id is not None:
            await store.reopen_hits(connection, customer_id)
        await audit.record(
            connection,
            actor=actor,
            action="screening.repeated",
            subject=f"customer {customer_id}" if customer_id else "every customer",
            detail={"anew": str(anew).lower()},
        )
    return count
