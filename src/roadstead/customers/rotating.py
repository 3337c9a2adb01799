"""Moving customers' keys to a new master key: in small steps that may be repeated, so that a kill loses nothing.

Only data keys are wrapped anew; no value is encrypted again. What customers are found by is made with a key derived
from the master key, so its digests are made anew on the way. When nothing hangs on the old version any more it is
retired, and the database takes no key of it ever after.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from roadstead.boundaries import boundary
from roadstead.customers import indexes
from roadstead.customers.indexes import INDEXED
from roadstead.customers.vault import KeyProvider, Vault, WrappedKey
from roadstead.database.pool import Connection, Database
from roadstead.errors import ConfigurationError
from roadstead.operations import audit

BATCH: Final = 100
"""Keys that are moved in one transaction."""

SEALED_TABLES: Final = ("customer_files", "batches", "received_files", "verifier_events")
"""Tables besides that of customers whose rows have keys that a master key wraps, each bound to the row's id."""

_OLD = "wrapped_key IS NOT NULL AND key_version < $1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """What a rotation has moved, and whether it came to the end."""

    customers: int
    files: int
    """Documents without a customer, files of banks, and what verifiers rang with: each has a key of its own."""
    version: int
    """The version under which everything is wrapped now."""


async def rotate_keys(
    database: Database,
    keys: KeyProvider,
    *,
    actor: str,
    observe: Callable[[int], None] = lambda _: None,
    batch: int = BATCH,
) -> Rotated:
    """Wrap every customer's key with the newest master key, then retire those before it. Safe to repeat and to kill.

    Servers may run meanwhile, if all of them have both keys. `observe` hears after each batch how many were moved.

    Raises:
        InvariantViolated: A key was wrapped by a master key that this process does not have.
        Unavailable: The database or the keeper of the keys does not answer; what was moved stays moved.
    """
    customers = files = 0
    while moved := await _move_customers(database, keys, batch):
        customers += moved
        observe(customers + files)
    while moved := await _move_sealed(database, keys, batch):
        files += moved
        observe(customers + files)
    await _retire(database, keys, actor)
    return Rotated(customers=customers, files=files, version=keys.newest_version)


async def require_current_key(database: Database, keys: KeyProvider) -> None:
    """Refuse to start with a master key that was retired.

    Raises:
        ConfigurationError: The newest key of this process is one that wraps nothing any more.
        Unavailable: The database does not answer.
    """
    async with database.connection() as connection:
        retired = await connection.fetchval("SELECT max(version) FROM key_retirements")
    if retired is not None and retired >= keys.newest_version:
        raise ConfigurationError(
            f"ROADSTEAD_DATA_KEY is version {keys.newest_version}, and version {retired} is retired already. Set it to "
            f"the newest key, and ROADSTEAD_DATA_KEY_VERSION to its number, at least {retired + 1}."
        )


async def _move_customers(database: Database, keys: KeyProvider, batch: int) -> int:
    async with database.connection() as connection:
        rows = await connection.fetch(
            f"SELECT id, wrapped_key, key_version FROM customers WHERE {_OLD} ORDER BY key_version, id LIMIT $2",  # noqa: S608
            keys.newest_version,
            batch,
        )
    found = [
        (row["id"], WrappedKey(ciphertext=row["wrapped_key"], version=row["key_version"])) for row in rows
    ]
    # The keeper of the keys may be a service, so it is asked outside the transaction.
    opened = [
        (customer_id, old, await keys.unwrap(old, customer_id=customer_id)) for customer_id, old in found
    ]
    wrapped = [
        (customer_id, old, data_key, await keys.wrap(data_key, customer_id=customer_id))
        for customer_id, old, data_key in opened
    ]
    boundary("keys.rotate.before")
    async with database.transaction() as connection:
        for customer_id, old, data_key, new in wrapped:
            await _move_customer(connection, keys, customer_id, data_key, old=old, new=new)
    boundary("keys.rotate.after")
    return len(found)


async def _move_customer(
    connection: Connection,
    keys: KeyProvider,
    customer_id: UUID,
    data_key: bytes,
    *,
    old: WrappedKey,
    new: WrappedKey,
) -> None:
    """Write a customer's key as it is wrapped now, with its index entries; nothing where it moved or died meanwhile."""
    tag = await connection.execute(
        """
        UPDATE customers SET wrapped_key = $3, key_version = $4
        WHERE id = $1 AND key_version = $2 AND wrapped_key IS NOT NULL
        """,
        customer_id,
        old.version,
        new.ciphertext,
        new.version,
    )
    if tag != "UPDATE 1":
        return
    rows = await connection.fetch(
        "SELECT name, ciphertext FROM customer_fields WHERE customer_id = $1 AND name = ANY($2)",
        customer_id,
        list(INDEXED),
    )
    vault = Vault(customer_id, data_key)
    values = {row["name"]: vault.open(row["name"], row["ciphertext"]) for row in rows}
    if found := indexes.entries(keys, values):
        await indexes.write(connection, customer_id, found)


async def _move_sealed(database: Database, keys: KeyProvider, batch: int) -> int:
    """Move the keys of what is sealed under a key of its own: the next rows of the first table that has old ones."""
    for table in SEALED_TABLES:
        async with database.connection() as connection:
            rows = await connection.fetch(
                f"SELECT id, wrapped_key, key_version FROM {table} WHERE {_OLD} LIMIT $2",  # noqa: S608
                keys.newest_version,
                batch,
            )
        for row in rows:
            old = WrappedKey(ciphertext=row["wrapped_key"], version=row["key_version"])
            new = await keys.wrap(await keys.unwrap(old, customer_id=row["id"]), customer_id=row["id"])
            async with database.connection() as connection:
                await connection.execute(
                    f"""
                    UPDATE {table} SET wrapped_key = $3, key_version = $4
                    WHERE id = $1 AND key_version = $2 AND wrapped_key IS NOT NULL
                    """,  # noqa: S608
                    row["id"],
                    old.version,
                    new.ciphertext,
                    new.version,
                )
        if rows:
            return len(rows)
    return 0


async def _retire(database: Database, keys: KeyProvider, actor: str) -> None:
    """Retire the version before the newest, if nothing hangs on it; who wrote with it meanwhile is moved first."""
    before = keys.newest_version - 1
    tables = ("customers", *SEALED_TABLES)
    left_in = " OR ".join(f"EXISTS (SELECT FROM {table} WHERE {_OLD})" for table in tables)
    while before:
        async with database.transaction() as connection:
            # Nobody writes a key between the look and the retirement.
            await connection.execute(f"LOCK TABLE {', '.join(tables)} IN SHARE ROW EXCLUSIVE MODE")
            if not await connection.fetchval(f"SELECT {left_in}", keys.newest_version):
                await _note_retired(connection, before, actor)
                return
        await _move_customers(database, keys, BATCH)
        await _move_sealed(database, keys, BATCH)


async def _note_retired(connection: Connection, version: int, actor: str) -> None:
    tag = await connection.execute(
        "INSERT INTO key_retirements (version, retired_by) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        version,
        actor,
    )
    if tag == "INSERT 0 1":
        await audit.record(
            connection, actor=actor, action="key.retire", subject=f"data key version {version}", detail={}
        )
