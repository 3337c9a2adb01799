"""Versions of the master key, their rotation, and finding customers by keyed digests."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import asyncpg
import pytest
from tests.fixtures.customers import PARTNER, SENDER
from tests.fixtures.documents import png

from roadstead.config.sep9 import STANDARD_FIELDS
from roadstead.customers.identity import Reference
from roadstead.customers.indexes import INDEXED, IndexKind, find, normalised
from roadstead.customers.registry import CustomerRegistry, reveal
from roadstead.customers.rotating import SEALED_TABLES, require_current_key, rotate_keys
from roadstead.customers.showing import find as find_audited
from roadstead.customers.showing import show
from roadstead.customers.submissions import SentFile
from roadstead.customers.vault import LocalKeyProvider, WrappedKey
from roadstead.database.pool import Database
from roadstead.errors import BadInput, ConfigurationError, InvariantViolated, NotFound
from roadstead.partners.principal import Principal

CALLER = Principal(account=PARTNER)
FIRST, SECOND = bytes(range(32)), bytes(range(32, 64))
OLD = LocalKeyProvider(FIRST)
BOTH = LocalKeyProvider(SECOND, version=2, previous=FIRST)
NEW = LocalKeyProvider(SECOND, version=2)


async def register_many(registry: CustomerRegistry, count: int) -> list[UUID]:
    return [
        await registry.register(
            CALLER, Reference(memo=str(number)), {**SENDER, "email_address": f"person{number}@example.com"}
        )
        for number in range(count)
    ]


async def first_name(registry: CustomerRegistry, keys: LocalKeyProvider, customer_id: UUID) -> str:
    async with registry.database.connection() as connection:
        return (await reveal(connection, keys, customer_id, ["first_name"]))["first_name"]


async def versions(database: Database, table: str = "customers") -> dict[int, int]:
    query = f"SELECT key_version, count(*) FROM {table} WHERE key_version IS NOT NULL GROUP BY 1"
    async with database.connection() as connection:
        return {row[0]: row[1] for row in await connection.fetch(query)}


SEALED = {
    "batches": """
        INSERT INTO batches (id, rail, asset, message_id, items, opened_at, closes_at, wrapped_key, key_version)
        VALUES ($1, 'rail' || '1', 'iso4217:EUR', 'B' || '1', 1, now(), now(), $2, 1)
    """,
    "received_files": """
        INSERT INTO received_files (id, rail, name, digest, size_bytes, content, wrapped_key, key_version, received_at)
        VALUES ($1, 'sepa', '1', 'x', 1, 'x', $2, 1, now())
    """,
    "verifier_events": """
        INSERT INTO verifier_events (id, verifier, wrapped_key, key_version, body, refs)
        VALUES ($1, 'people', $2, 1, 'x', '{}')
    """,
}
"""A row of each table that is sealed under a key of its own, by its id and the wrapped key."""


class KilledError(Exception):
    """The end of a process, as far as a test can have it."""


class TestRotating:
    async def test_everything_moves_and_the_old_key_opens_nothing_any_more(
        self, registry: CustomerRegistry, database: Database
    ) -> None:
        ids = await register_many(registry, 7)
        await registry.files.upload(CALLER, SentFile(content=png()))
        moved: list[int] = []

        rotated = await rotate_keys(database, BOTH, actor="tests", observe=moved.append, batch=3)

        assert (rotated.customers, rotated.files, rotated.version) == (7, 1, 2)
        assert moved == [3, 6, 7, 8]
        assert await versions(database) == {2: 7}
        assert await versions(database, "customer_files") == {2: 1}
        assert await versions(database, "customer_indexes") == {2: 7}
        assert await first_name(registry, NEW, ids[0]) == "Wilhelmina"
        with pytest.raises(InvariantViolated, match="key version 2"):
            await first_name(registry, OLD, ids[0])

    async def test_a_kill_half_way_loses_nothing_and_the_next_one_goes_on(
        self, registry: CustomerRegistry, database: Database
    ) -> None:
        ids = await register_many(registry, 9)

        def killed(moved: int) -> None:
            if moved == 4:
                raise KilledError

        with pytest.raises(KilledError):
            await rotate_keys(database, BOTH, actor="tests", observe=killed, batch=2)
        assert await versions(database) == {1: 5, 2: 4}
        # Traffic goes on, with both keys.
        busy = replace(registry, keys=BOTH)
        for customer_id in ids:
            assert await first_name(registry, BOTH, customer_id) == "Wilhelmina"
            await busy.register(CALLER, Reference(id=str(customer_id)), {"first_name": "Mina"})
        await busy.register(CALLER, Reference(memo="100"), SENDER)

        rotated = await rotate_keys(database, BOTH, actor="tests", batch=2)

        assert rotated.customers == 5
        assert await versions(database) == {2: 10}
        for customer_id in ids:
            assert await first_name(registry, NEW, customer_id) == "Mina"

    async def test_a_retired_version_is_refused_for_ever(
        self, registry: CustomerRegistry, database: Database
    ) -> None:
        await register_many(registry, 1)
        await require_current_key(database, OLD)
        await rotate_keys(database, BOTH, actor="tests")
        await rotate_keys(database, BOTH, actor="tests")

        with pytest.raises(asyncpg.RestrictViolationError, match="retired"):
            await registry.register(CALLER, Reference(memo="50"), SENDER)
        with pytest.raises(asyncpg.RestrictViolationError, match="retired"):
            await registry.files.upload(CALLER, SentFile(content=png()))
        with pytest.raises(ConfigurationError, match="ROADSTEAD_DATA_KEY_VERSION"):
            await require_current_key(database, OLD)
        await require_current_key(database, NEW)
        async with database.connection() as connection:
            audited = await connection.fetch("SELECT actor FROM audit_log WHERE action = 'key.retire'")
        assert len(audited) == 1

    async def test_without_the_old_key_nothing_is_moved_or_retired(
        self, registry: CustomerRegistry, database: Database
    ) -> None:
        await register_many(registry, 1)
        with pytest.raises(InvariantViolated, match="ROADSTEAD_DATA_KEY_PREVIOUS"):
            await rotate_keys(database, NEW, actor="tests")
        assert await versions(database) == {1: 1}
        await require_current_key(database, OLD)

    async def test_no_table_with_keys_is_forgotten(self, database: Database) -> None:
        async with database.connection() as connection:
            rows = await connection.fetch(
                """
                SELECT table_name FROM information_schema.columns
                WHERE column_name = 'wrapped_key' AND table_schema = 'public'
                """
            )

        assert {row["table_name"] for row in rows} == {"customers", *SEALED_TABLES}

    @pytest.mark.parametrize("table", [table for table in SEALED_TABLES if table != "customer_files"])
    async def test_what_is_sealed_under_a_key_of_its_own_moves_too(
        self, database: Database, table: str
    ) -> None:
        thing_id, data_key = uuid4(), bytes(32)
        wrapped = await OLD.wrap(data_key, customer_id=thing_id)
        async with database.connection() as connection:
            await connection.execute(SEALED[table], thing_id, wrapped.ciphertext)

        rotated = await rotate_keys(database, BOTH, actor="tests")

        assert rotated.files == 1
        async with database.connection() as connection:
            row = await connection.fetchrow(f"SELECT wrapped_key, key_version FROM {table}")
            assert row is not None
            moved = WrappedKey(ciphertext=row["wrapped_key"], version=row["key_version"])
            assert await NEW.unwrap(moved, customer_id=thing_id) == data_key
            with pytest.raises(asyncpg.RestrictViolationError, match="retired"):
                await connection.execute(SEALED[table].replace("'1'", "'2'"), uuid4(), wrapped.ciphertext)

    async def test_the_first_key_retires_nothing(
        self, registry: CustomerRegistry, database: Database
    ) -> None:
        await register_many(registry, 1)
        assert (await rotate_keys(database, OLD, actor="tests")).customers == 0
        await require_current_key(database, OLD)


class TestBlindIndexes:
    def test_only_fields_of_sep9_are_indexed(self) -> None:
        assert set(INDEXED) <= set(STANDARD_FIELDS)

    def test_spelling_makes_no_difference(self) -> None:
        assert normalised(IndexKind.ACCOUNT_NUMBER, "de89 3704-0044") == "de8937040044"
        assert normalised(IndexKind.PHONE, "+49 (30) 123") == "4930123"
        assert normalised(IndexKind.EMAIL, " Ann.Bosun@Example.com ") == "ann.bosun@example.com"

    async def test_a_customer_is_found_by_each_of_its_numbers_and_by_nothing_else(
        self, registry: CustomerRegistry, database: Database
    ) -> None:
        fields = {
            "email_address": "ann@example.com",
            "mobile_number": "+4930123456",
            "tax_id": "AB 123",
            "id_number": "P-99 1",
            "bank_account_number": "DE89370400440532013000",
        }
        customer_id = await registry.register(CALLER, Reference(memo="1"), fields)
        await registry.register(CALLER, Reference(memo="2"), SENDER)
        async with database.connection() as connection:
            for kind, value in (
                (IndexKind.EMAIL, "ANN@example.com"),
                (IndexKind.PHONE, "+49 30 123456"),
                (IndexKind.TAX_ID, "ab123"),
                (IndexKind.ID_NUMBER, "p991"),
                (IndexKind.ACCOUNT_NUMBER, "de89 3704 0044 0532 0130 00"),
            ):
                assert await find(connection, registry.keys, kind, value) == [customer_id]
            assert await find(connection, registry.keys, IndexKind.TAX_ID, "p991") == []
            assert await find(connection, NEW, IndexKind.EMAIL, "ann@example.com") == []
            assert await find(connection, BOTH, IndexKind.EMAIL, "ann@example.com") == [customer_id]

    async def test_a_changed_value_is_not_found_by_the_old_one(
        self, registry: CustomerRegistry, database: Database
    ) -> None:
        await registry.register(CALLER, Reference(memo="1"), {"email_address": "ann@example.com"})
        await registry.register(CALLER, Reference(memo="1"), {"email_address": "bea@example.com"})
        async with database.connection() as connection:
            assert await find(connection, registry.keys, IndexKind.EMAIL, "ann@example.com") == []
            assert len(await find(connection, registry.keys, IndexKind.EMAIL, "bea@example.com")) == 1


class TestShowing:
    async def test_values_are_masked_unless_somebody_says_why(
        self, registry: CustomerRegistry, database: Database
    ) -> None:
        fields = {**SENDER, "bank_account_number": "DE89370400440532013000"}
        customer_id = await registry.register(CALLER, Reference(memo="1"), fields)

        shown = await show(database, registry.keys, customer_id, actor="operator 1")
        revealed = await show(
            database, registry.keys, customer_id, actor="operator 2", reason="The client called"
        )

        assert {field.name: field.value for field in shown.fields} == {
            "first_name": "W•••",
            "last_name": "Q•••",
            "email_address": "m•••",
            "bank_account_number": "•••",
        }
        assert {field.name: field.value for field in revealed.fields} == fields
        async with database.connection() as connection:
            rows = await connection.fetch("SELECT actor, action, detail FROM audit_log ORDER BY id")
        assert [(row["actor"], row["action"]) for row in rows] == [
            ("operator 1", "customer.show"),
            ("operator 2", "customer.reveal"),
        ]
        assert "The client called" in rows[1]["detail"]

    async def test_nothing_is_decrypted_that_is_not_written_down_first(
        self, registry: CustomerRegistry, database: Database
    ) -> None:
        customer_id = await registry.register(CALLER, Reference(memo="1"), SENDER)
        with pytest.raises(InvariantViolated):
            await show(database, NEW, customer_id, actor="operator 1", reason="Why")
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM audit_log") == 1
        with pytest.raises(NotFound):
            await show(database, registry.keys, UUID(int=1), actor="operator 1")
        with pytest.raises(BadInput):
            await show(database, registry.keys, customer_id, actor="operator 1", reason=" ")

    async def test_a_search_is_audited_without_what_was_looked_for(
        self, registry: CustomerRegistry, database: Database
    ) -> None:
        customer_id = await registry.register(CALLER, Reference(memo="1"), SENDER)
        found = await find_audited(
            database, registry.keys, IndexKind.EMAIL, SENDER["email_address"], actor="operator 1"
        )
        assert found == [customer_id]
        async with database.connection() as connection:
            row = await connection.fetchrow("SELECT * FROM audit_log")
        assert row is not None
        assert row["subject"] == "customers by email"
        assert SENDER["email_address"] not in str(dict(row))
        with pytest.raises(BadInput):
            await find_audited(database, registry.keys, IndexKind.PHONE, "+", actor="operator 1")
