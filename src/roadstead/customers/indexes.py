"""Blind indexes: keyed digests by which a customer is found from an address or a number, without reading any value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from roadstead.customers.vault import BlindDigest, KeyProvider
from roadstead.database.pool import Connection

FOUND_MAX = 100
"""Most customers that one search returns."""

_NOT_TELLING = re.compile(r"[^0-9a-z]")


class IndexKind(StrEnum):
    """What a customer can be found by."""

    EMAIL = "email"
    PHONE = "phone"
    TAX_ID = "tax_id"
    ID_NUMBER = "id_number"
    ACCOUNT_NUMBER = "account_number"


_BASES = {
    "email_address": IndexKind.EMAIL,
    "mobile_number": IndexKind.PHONE,
    "mobile_money_number": IndexKind.PHONE,
    "tax_id": IndexKind.TAX_ID,
    "id_number": IndexKind.ID_NUMBER,
    "bank_account_number": IndexKind.ACCOUNT_NUMBER,
    "clabe_number": IndexKind.ACCOUNT_NUMBER,
    "cbu_number": IndexKind.ACCOUNT_NUMBER,
}
INDEXED: Mapping[str, IndexKind] = {
    **_BASES,
    "organization.email": IndexKind.EMAIL,
    "organization.phone": IndexKind.PHONE,
    "organization.VAT_number": IndexKind.TAX_ID,
    "organization.registration_number": IndexKind.ID_NUMBER,
    **{f"organization.{name}": kind for name, kind in _BASES.items() if kind is IndexKind.ACCOUNT_NUMBER},
}
"""The fields that are indexed, and what each is found by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One index entry of a customer, ready to be written."""

    field: str
    kind: IndexKind
    digest: BlindDigest


def normalised(kind: IndexKind, value: str) -> str:
    """Return the form in which values are compared: without case, and but for email addresses without punctuation."""
    lowered = value.strip().casefold()
    return lowered if kind is IndexKind.EMAIL else _NOT_TELLING.sub("", lowered)


def digests(keys: KeyProvider, kind: IndexKind, value: str) -> tuple[BlindDigest, ...]:
    """Return the digests under which a value may be found; that of the newest key comes first."""
    return keys.blind(kind, normalised(kind, value))


def entries(keys: KeyProvider, values: Mapping[str, str]) -> list[Entry]:
    """Return the entries of those values that are indexed."""
    return [
        Entry(field=name, kind=kind, digest=digests(keys, kind, value)[0])
        for name, value in values.items()
        if (kind := INDEXED.get(name)) is not None and normalised(kind, value)
    ]


async def write(connection: Connection, customer_id: UUID, found: list[Entry]) -> None:
    """Write entries, over what was there for the same fields. The customer must be locked or new."""
    await connection.execute(
        """
        INSERT INTO customer_indexes (customer_id, field, kind, digest, key_version)
        SELECT $1, * FROM unnest($2::text[], $3::text[], $4::bytea[], $5::integer[])
        ON CONFLICT (customer_id, field) DO UPDATE
        SET kind = EXCLUDED.kind, digest = EXCLUDED.digest, key_version = EXCLUDED.key_version
        """,
        customer_id,
        [entry.field for entry in found],
        [entry.kind for entry in found],
        [entry.digest.digest for entry in found],
        [entry.digest.version for entry in found],
    )


async def find(connection: Connection, keys: KeyProvider, kind: IndexKind, value: str) -> list[UUID]:
    """Find the customers of whom a value is known, at most `FOUND_MAX`; restricted ones too."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT customer_id FROM customer_indexes WHERE kind = $1 AND digest = ANY($2)
        ORDER BY customer_id LIMIT $3
        """,
        kind,
        [digest.digest for digest in digests(keys, kind, value)],
        FOUND_MAX,
    )
    return [row["customer_id"] for row in rows]
