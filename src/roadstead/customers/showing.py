"""Customers for the people who look after them: found by digest, shown masked, and in clear only for a reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from roadstead.config.sep9 import STANDARD_FIELDS, Sensitivity
from roadstead.customers import indexes
from roadstead.customers.erasing import LegalHold, holds_of
from roadstead.customers.indexes import IndexKind
from roadstead.customers.vault import KeyProvider, Vault, WrappedKey
from roadstead.database.pool import Database
from roadstead.errors import BadInput, NotFound
from roadstead.operations import audit

MASKED = "•••"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownField:
    """One field of a customer."""

    name: str
    status: str
    value: str
    """In clear or masked, as was asked for."""
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCustomer:
    """What a person sees of a customer."""

    id: UUID
    account: str
    memo: str | None
    registered_type: str | None
    created_at: datetime
    restricted_at: datetime | None
    erased_at: datetime | None
    fields: tuple[ShownField, ...]
    holds: tuple[LegalHold, ...]


def masked(name: str, value: str) -> str:
    """Return what is shown of a value to who need not know it: its first character at most, of secrets nothing."""
    standard = STANDARD_FIELDS.get(name)
    if standard is None or standard.sensitivity is Sensitivity.SECRET:
        return MASKED
    return value[:1] + MASKED


async def show(
    database: Database, keys: KeyProvider, customer_id: UUID, *, actor: str, reason: str | None = None
) -> ShownCustomer:
    """Show a customer, restricted and erased ones too: with a `reason` in clear, else masked. Every look is audited.

    The look is written down before anything is decrypted.

    Raises:
        BadInput: The reason is empty.
        InvariantViolated: A value cannot be decrypted.
        NotFound: There is no such customer.
        Unavailable: The database or the keeper of the keys does not answer.
    """
    if reason is not None and not reason.strip():
        raise BadInput("Say why you need to see the data: the reason is kept.")
    async with database.transaction() as connection:
        row = await connection.fetchrow(
            """
            SELECT id, account, memo, wrapped_key, key_version, registered_type, created_at, restricted_at, erased_at
            FROM customers WHERE id = $1
            """,
            customer_id,
        )
        if row is None:
            raise NotFound(
                f"There is no customer {customer_id}: look the id up with roadstead customers find."
            )
        fields = await connection.fetch(
            "SELECT name, status, ciphertext, updated_at FROM customer_fields WHERE customer_id = $1 ORDER BY name",
            customer_id,
        )
        holds = await holds_of(connection, customer_id)
        await audit.record(
            connection,
            actor=actor,
            action="customer.show" if reason is None else "customer.reveal",
            subject=f"customer {customer_id}",
            detail={} if reason is None else {"reason": reason.strip()[:500]},
        )
    shown: list[ShownField] = []
    if fields:
        wrapped = WrappedKey(ciphertext=row["wrapped_key"], version=row["key_version"])
        vault = Vault(customer_id, await keys.unwrap(wrapped, customer_id=customer_id))
        for field in fields:
            name, value = field["name"], vault.open(field["name"], field["ciphertext"])
            shown.append(
                ShownField(
                    name=name,
                    status=field["status"],
                    value=masked(name, value) if reason is None else value,
                    updated_at=field["updated_at"],
                )
            )
    return ShownCustomer(
        id=row["id"],
        account=row["account"],
        memo=row["memo"],
        registered_type=row["registered_type"],
        created_at=row["created_at"],
        restricted_at=row["restricted_at"],
        erased_at=row["erased_at"],
        fields=tuple(shown),
        holds=tuple(holds),
    )


async def find(
    database: Database, keys: KeyProvider, kind: IndexKind, value: str, *, actor: str
) -> list[UUID]:
    """Find customers by an address or a number, restricted ones too. Audited, without what was looked for.

    Raises:
        BadInput: There is nothing to look for.
        Unavailable: The database does not answer.
    """
    if not indexes.normalised(kind, value):
        raise BadInput(f"There is nothing to look for: give the {kind.replace('_', ' ')}.")
    async with database.transaction() as connection:
        found = await indexes.find(connection, keys, kind, value)
        await audit.record(
            connection,
            actor=actor,
            action="customer.find",
            subject=f"customers by {kind}",
            detail={"found": str(len(found))},
        )
    return found
