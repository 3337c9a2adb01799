"""All SQL about customers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from roadstead.config.anchor import CustomerRole
from roadstead.customers.identity import Identity, MemoKind
from roadstead.customers.requirements import DOCUMENT_END, DOCUMENT_FIELDS, FieldStatus, Received
from roadstead.customers.vault import WrappedKey
from roadstead.database.pool import Connection, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCustomer:
    """A living customer as the database has it; no value is readable in here."""

    id: UUID
    identity: Identity
    wrapped_key: WrappedKey
    registered_type: str | None
    received: Mapping[str, Received]
    """The received fields, how each stands and how old it is."""


_COLUMNS = """
    SELECT id, account, memo_kind, memo, wrapped_key, key_version, registered_type,
           ARRAY(SELECT name FROM customer_fields WHERE customer_id = id ORDER BY name) AS names,
           ARRAY(SELECT status FROM customer_fields WHERE customer_id = id ORDER BY name) AS statuses,
           ARRAY(SELECT received_at FROM customer_fields WHERE customer_id = id ORDER BY name) AS received_ats,
           ARRAY(SELECT valid_until FROM customer_fields WHERE customer_id = id ORDER BY name) AS valid_untils
    FROM customers
    WHERE restricted_at IS NULL"""
_CUSTOMER = f"{_COLUMNS} AND account = $1"
_LIVING = f"{_COLUMNS} AND id = $1"

_BY_ID = f"{_CUSTOMER} AND id = $2"
# IS NOT DISTINCT FROM would say both of these in one, but no index serves it.
_BY_MEMO = f"{_CUSTOMER} AND memo_kind = $2 AND memo = $3"
_WITHOUT_MEMO = f"{_CUSTOMER} AND memo_kind IS NULL AND memo IS NULL"

_ROLE_COLUMNS = {CustomerRole.SENDER: "sender_id", CustomerRole.RECEIVER: "receiver_id"}


async def find_by_id(connection: Connection, account: str, customer_id: UUID) -> StoredCustomer | None:
    """Find a customer that this account registered."""
    row = await connection.fetchrow(_BY_ID, account, customer_id)
    return _stored(row) if row else None


async def find_living(connection: Connection, customer_id: UUID) -> StoredCustomer | None:
    """Find a living customer by its id, whoever asks: for what the house does by itself."""
    row = await connection.fetchrow(_LIVING, customer_id)
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
        ON CONFLICT (account, memo_kind, memo) WHERE restricted_at IS NULL DO NOTHING""",
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
    """Hold a living customer until the transaction ends and note the type, if one is given; False when deleted."""
    tag = await connection.execute(
        """
        UPDATE customers SET registered_type = coalesce($2, registered_type)
        WHERE id = $1 AND restricted_at IS NULL""",
        customer_id,
        registered_type,
    )
    return bool(tag == "UPDATE 1")


async def write_fields(
    connection: Connection,
    customer_id: UUID,
    ciphertexts: Mapping[str, bytes],
    status: FieldStatus,
    *,
    received_at: datetime,
    unchecked: Collection[str] = (),
) -> None:
    """Write fields, over what was there under the same names. The customer must be locked or new."""
    names = list(ciphertexts)
    await connection.execute(
        """
        INSERT INTO customer_fields (customer_id, name, ciphertext, status, received_at, unchecked)
        SELECT $1, name, ciphertext, $4, $5, unchecked
        FROM unnest($2::text[], $3::bytea[], $6::boolean[]) AS given (name, ciphertext, unchecked)
        ON CONFLICT (customer_id, name) DO UPDATE
        SET ciphertext = EXCLUDED.ciphertext, status = EXCLUDED.status, received_at = EXCLUDED.received_at,
            unchecked = EXCLUDED.unchecked, valid_until = NULL, updated_at = now()""",
        customer_id,
        names,
        list(ciphertexts.values()),
        status,
        received_at,
        [name in unchecked for name in names],
    )


async def receive_again(
    connection: Connection, customer_id: UUID, names: Collection[str], received_at: datetime
) -> None:
    """Note that values which stand as they are were sent again, so that they are as young as others."""
    await connection.execute(
        "UPDATE customer_fields SET received_at = $3 WHERE customer_id = $1 AND name = ANY($2)",
        customer_id,
        list(names),
        received_at,
    )


async def set_document_end(
    connection: Connection, customer_id: UUID, document_ends_at: datetime | None, now: datetime
) -> None:
    """Write down until when an identity document holds, with everything that was received of it and still held.

    What belonged to a document that has expired stays expired. Without an end, what is new gets the one that is known.
    The customer must be locked or new.
    """
    await connection.execute(
        """
        UPDATE customer_fields AS f
        SET valid_until = coalesce($2, (SELECT valid_until FROM customer_fields AS last
            WHERE last.customer_id = $1 AND last.name = $4 AND last.valid_until > $3))
        WHERE f.customer_id = $1 AND f.name = ANY($5) AND (f.valid_until IS NULL OR f.valid_until > $3)""",
        customer_id,
        document_ends_at,
        now,
        DOCUMENT_END,
        list(DOCUMENT_FIELDS),
    )


async def set_unchecked(connection: Connection, customer_id: UUID, checked: Mapping[str, bool]) -> None:
    """Note of fields that are kept whether there is a rule to check them by now. The customer must be locked."""
    await connection.execute(
        """
        UPDATE customer_fields AS f SET unchecked = NOT given.checked
        FROM unnest($2::text[], $3::boolean[]) AS given (name, checked)
        WHERE f.customer_id = $1 AND f.name = given.name""",
        customer_id,
        list(checked),
        list(checked.values()),
    )


async def read_fields(
    connection: Connection, customer_id: UUID, names: Collection[str]
) -> dict[str, tuple[bytes, FieldStatus]]:
    """Read ciphertexts and statuses of fields. The customer must be locked."""
    rows = await connection.fetch(
        "SELECT name, ciphertext, status FROM customer_fields WHERE customer_id = $1 AND name = ANY($2)",
        customer_id,
        list(names),
    )
    return {row["name"]: (row["ciphertext"], FieldStatus(row["status"])) for row in rows}


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


async def restrict(connection: Connection, customer_id: UUID, now: datetime) -> bool:
    """Restrict a living customer for good, and wait for whoever opens a remittance for it; False when there is none."""
    tag = await connection.execute(
        "UPDATE customers SET restricted_at = $2 WHERE id = $1 AND restricted_at IS NULL", customer_id, now
    )
    if tag != "UPDATE 1":
        return False
    # An update alone would not wait for those who hold the row's key.
    await connection.execute("SELECT FROM customers WHERE id = $1 FOR UPDATE", customer_id)
    await connection.execute("DELETE FROM customer_confirmations WHERE customer_id = $1", customer_id)
    await connection.execute(
        "UPDATE customer_watches SET spent_at = now() WHERE customer_id = $1 AND spent_at IS NULL",
        customer_id,
    )
    return True


async def lock_restricted(connection: Connection, customer_id: UUID) -> bool:
    """Hold a restricted customer until the transaction ends; False when it was erased."""
    return bool(
        await connection.fetchval(
            """
            SELECT true FROM customers WHERE id = $1 AND restricted_at IS NOT NULL AND erased_at IS NULL FOR UPDATE
            """,
            customer_id,
        )
    )


async def lock_kept(connection: Connection, customer_id: UUID) -> bool:
    """Hold a customer whose data are still there until the transaction ends; False when there is none."""
    return bool(
        await connection.fetchval(
            "SELECT true FROM customers WHERE id = $1 AND erased_at IS NULL FOR UPDATE", customer_id
        )
    )


async def erase(connection: Connection, customer_id: UUID) -> None:
    """Destroy a restricted customer's key, fields, index entries and memo; the bare id stays. It must be locked."""
    await connection.execute("DELETE FROM customer_fields WHERE customer_id = $1", customer_id)
    await connection.execute("DELETE FROM customer_indexes WHERE customer_id = $1", customer_id)
    await connection.execute(
        """
        UPDATE customers
        SET wrapped_key = NULL, key_version = NULL, memo_kind = NULL, memo = NULL, registered_type = NULL,
            erased_at = now()
        WHERE id = $1 AND erased_at IS NULL""",
        customer_id,
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
        received={
            name: Received(status=FieldStatus(status), received_at=received_at, valid_until=valid_until)
            for name, status, received_at, valid_until in zip(
                row["names"], row["statuses"], row["received_ats"], row["valid_untils"], strict=True
            )
        },
    )


def _wrapped_key(row: Row) -> WrappedKey:
    return WrappedKey(ciphertext=row["wrapped_key"], version=row["key_version"])
