"""All SQL about customers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from roadstead.config.anchor import CustomerRole
from roadstead.customers.identity import Identity, MemoKind
from roadstead.customers.requirements import FieldStatus
from roadstead.customers.vault import WrappedKey
from roadstead.database.pool import Connection, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCustomer:
    """A living customer as the database has it; no value is readable in here."""

    id: UUID
    identity: Identity
    wrapped_key: WrappedKey
    registered_type: str | None
    statuses: Mapping[str, FieldStatus]
    """The received fields and how each stands."""


_CUSTOMER = """
    SELECT id, account, memo_kind, memo, wrapped_key, key_version, registered_type,
           ARRAY(SELECT name FROM customer_fields WHERE customer_id = id ORDER BY name) AS names,
           ARRAY(SELECT status FROM customer_fields WHERE customer_id = id ORDER BY name) AS statuses
    FROM customers
    WHERE erased_at IS NULL AND account = $1"""

_BY_ID = f"{_CUSTOMER} AND id = $2"
# IS NOT DISTINCT FROM would say both of these in one, but no index serves it.
_BY_MEMO = f"{_CUSTOMER} AND memo_kind = $2 AND memo = $3"
_WITHOUT_MEMO = f"{_CUSTOMER} AND memo_kind IS NULL AND memo IS NULL"

_ROLE_COLUMNS = {CustomerRole.SENDER: "sender_id", CustomerRole.RECEIVER: "receiver_id"}


async def find_by_id(connection: Connection, account: str, customer_id: UUID) -> StoredCustomer | None:
    """Find a customer that this account registered."""
    row = await connection.fetchrow(_BY_ID, account, customer_id)
    return _stored(row) if row else None


async def find_by_identity(connection: Connection, identity: Identity) -> StoredCustomer | None:
    """Find the living customer of an identity."""
    if identity.memo is None:
        row = await connection.fetchrow(_WITHOUT_MEMO, identity.account)
    else:
        row = await connection.fetchrow(_BY_MEMO, identity.account, identity.memo_kind, identity.memo)
    return _stored(row) if row else None


async def find_party(
    connection: Connection, account: str, remittance_id: UUID, role: CustomerRole
) -> UUID | None:
    """Find who stands on one side of a remittance that this account opened."""
    party: UUID | None = await connection.fetchval(
        f"SELECT {_ROLE_COLUMNS[role]} FROM remittances WHERE id = $1 AND account = $2",  # noqa: S608 - our own column names
        remittance_id,
        account,
    )
    return party


async def insert(
    connection: Connection,
    customer_id: UUID,
    identity: Identity,
    wrapped_key: WrappedKey,
    registered_type: str | None,
) -> bool:
    """Write a new customer; False when another living one has the identity, also when it was written at this moment."""
    tag = await connection.execute(
        """
        INSERT INTO customers (id, account, memo_kind, memo, wrapped_key, key_version, registered_type)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (account, memo_kind, memo) WHERE erased_at IS NULL DO NOTHING""",
        customer_id,
        identity.account,
        identity.memo_kind,
        identity.memo,
        wrapped_key.ciphertext,
        wrapped_key.version,
        registered_type,
    )
    return bool(tag == "INSERT 0 1")


async def lock(connection: Connection, customer_id: UUID, registered_type: str | None) -> bool:
    """Hold a living customer until the transaction ends and note the type, if one is given; False when erased."""
    tag = await connection.execute(
        """
        UPDATE customers SET registered_type = coalesce($2, registered_type)
        WHERE id = $1 AND erased_at IS NULL""",
        customer_id,
        registered_type,
    )
    return bool(tag == "UPDATE 1")


async def write_fields(
    connection: Connection, customer_id: UUID, ciphertexts: Mapping[str, bytes], status: FieldStatus
) -> None:
    """Write fields, over what was there under the same names. The customer must be locked or new."""
    await connection.execute(
        """
        INSERT INTO customer_fields (customer_id, name, ciphertext, status)
        SELECT $1, name, ciphertext, $4 FROM unnest($2::text[], $3::bytea[]) AS given (name, ciphertext)
        ON CONFLICT (customer_id, name) DO UPDATE
        SET ciphertext = EXCLUDED.ciphertext, status = EXCLUDED.status, updated_at = now()""",
        customer_id,
        list(ciphertexts),
        list(ciphertexts.values()),
        status,
    )


async def read_rejected(
    connection: Connection, customer_id: UUID, names: Collection[str]
) -> dict[str, bytes]:
    """Read the ciphertexts of rejected fields. The customer must be locked."""
    rows = await connection.fetch(
        """
        SELECT name, ciphertext FROM customer_fields
        WHERE customer_id = $1 AND name = ANY($2) AND status = 'REJECTED'""",
        customer_id,
        list(names),
    )
    return {row["name"]: row["ciphertext"] for row in rows}


async def reject_fields(connection: Connection, customer_id: UUID, seen: Mapping[str, bytes]) -> bool:
    """Reject accepted fields that still hold what was seen of them; False when one was changed meanwhile."""
    done = await connection.fetch(
        """
        UPDATE customer_fields AS f SET status = 'REJECTED', updated_at = now()
        FROM unnest($2::text[], $3::bytea[]) AS seen (name, ciphertext)
        WHERE f.customer_id = $1 AND f.name = seen.name AND f.ciphertext = seen.ciphertext RETURNING f.name
        """,
        customer_id,
        list(seen),
        list(seen.values()),
    )
    return len(done) == len(seen)


async def lock_for_erasure(connection: Connection, customer_id: UUID) -> bool:
    """Hold a living customer so firmly that no remittance can be opened for it meanwhile; False when erased."""
    return bool(
        await connection.fetchval(
            "SELECT true FROM customers WHERE id = $1 AND erased_at IS NULL FOR UPDATE", customer_id
        )
    )


async def count_open_remittances(connection: Connection, customer_id: UUID) -> int:
    """Count the remittances that still need this customer, on either side."""
    count: int = await connection.fetchval(
        """
        SELECT count(*) FROM remittances
        WHERE (sender_id = $1 OR receiver_id = $1)
          AND status NOT IN ('completed', 'refunded', 'expired', 'error')""",
        customer_id,
    )
    return count


async def erase(connection: Connection, customer_id: UUID) -> None:
    """Destroy a customer's key, fields and memo; the bare id stays. The customer must be locked."""
    await connection.execute("DELETE FROM customer_fields WHERE customer_id = $1", customer_id)
    await connection.execute(
        """
        UPDATE customers
        SET wrapped_key = NULL, key_version = NULL, memo_kind = NULL, memo = NULL, registered_type = NULL,
            erased_at = now()
        WHERE id = $1 AND erased_at IS NULL""",
        customer_id,
    )


async def write_audit(connection: Connection, *, actor: str, action: str, customer_id: UUID) -> None:
    """Write down who did what to a customer."""
    await connection.execute(
        "INSERT INTO audit_log (actor, action, subject) VALUES ($1, $2, $3)",
        actor,
        action,
        f"customer {customer_id}",
    )


async def read_key(connection: Connection, customer_id: UUID) -> WrappedKey | None:
    """Read a living customer's key; None when there is no such customer, or it was erased."""
    row = await connection.fetchrow(
        "SELECT wrapped_key, key_version FROM customers WHERE id = $1 AND erased_at IS NULL", customer_id
    )
    return None if row is None else _wrapped_key(row)


async def read_sealed(
    connection: Connection, customer_id: UUID, names: Collection[str]
) -> tuple[WrappedKey, dict[str, bytes]] | None:
    """Read a living customer's key and the ciphertexts of accepted fields; None when there is no such customer."""
    row = await connection.fetchrow(
        """
        SELECT wrapped_key, key_version,
               ARRAY(SELECT name FROM customer_fields
                     WHERE customer_id = id AND name = ANY($2) AND status = 'ACCEPTED' ORDER BY name) AS names,
               ARRAY(SELECT ciphertext FROM customer_fields
                     WHERE customer_id = id AND name = ANY($2) AND status = 'ACCEPTED' ORDER BY name) AS ciphertexts
        FROM customers WHERE id = $1 AND erased_at IS NULL""",
        customer_id,
        list(names),
    )
    if row is None:
        return None
    return _wrapped_key(row), dict(zip(row["names"], row["ciphertexts"], strict=True))


def _stored(row: Row) -> StoredCustomer:
    kind = row["memo_kind"]
    return StoredCustomer(
        id=row["id"],
        identity=Identity(
            account=row["account"], memo_kind=MemoKind(kind) if kind else None, memo=row["memo"]
        ),
        wrapped_key=_wrapped_key(row),
        registered_type=row["registered_type"],
        statuses={
            name: FieldStatus(status) for name, status in zip(row["names"], row["statuses"], strict=True)
        },
    )


def _wrapped_key(row: Row) -> WrappedKey:
    return WrappedKey(ciphertext=row["wrapped_key"], version=row["key_version"])
