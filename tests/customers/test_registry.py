"""The registry by itself: revealing for payouts, lost keys, and what happens at the same moment."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import asyncpg
import pytest
from tests.fixtures.customers import PARTNER, RECEIVER, SENDER, insert_remittance

from roadstead.customers import store
from roadstead.customers.identity import Reference
from roadstead.customers.registry import CustomerRegistry, reveal
from roadstead.customers.requirements import CustomerStatus
from roadstead.customers.retention import Cause
from roadstead.customers.vault import BlindDigest, KeyProvider, LocalKeyProvider, WrappedKey
from roadstead.errors import InvariantViolated, NotFound, Unavailable
from roadstead.partners.principal import Principal

if TYPE_CHECKING:
    from roadstead.database.pool import Database

CALLER = Principal(account=PARTNER)
ANYBODY = Reference()


@dataclass(slots=True)
class InterruptedKeys:
    """A keeper of keys during whose answer something else happens, as it may while a service is asked."""

    keys: KeyProvider
    meanwhile: list[asyncio.Future[None]]
    reached: asyncio.Event

    async def wrap(self, data_key: bytes, *, customer_id: UUID) -> WrappedKey:
        await self._pause()
        return await self.keys.wrap(data_key, customer_id=customer_id)

    async def unwrap(self, wrapped: WrappedKey, *, customer_id: UUID) -> bytes:
        await self._pause()
        return await self.keys.unwrap(wrapped, customer_id=customer_id)

    @property
    def newest_version(self) -> int:
        return self.keys.newest_version

    def blind(self, purpose: str, value: str) -> tuple[BlindDigest, ...]:
        return self.keys.blind(purpose, value)

    async def _pause(self) -> None:
        self.reached.set()
        if self.meanwhile:
            await self.meanwhile.pop(0)


@dataclass(slots=True)
class ContraryKeys:
    """A keeper of keys during whose every answer the customer is erased and registered anew."""

    registry: CustomerRegistry

    async def wrap(self, data_key: bytes, *, customer_id: UUID) -> WrappedKey:
        return await self.registry.keys.wrap(data_key, customer_id=customer_id)

    async def unwrap(self, wrapped: WrappedKey, *, customer_id: UUID) -> bytes:
        await self.registry.delete(CALLER, ANYBODY)
        await self.registry.register(CALLER, ANYBODY, SENDER)
        return await self.registry.keys.unwrap(wrapped, customer_id=customer_id)

    @property
    def newest_version(self) -> int:
        return self.registry.keys.newest_version

    def blind(self, purpose: str, value: str) -> tuple[BlindDigest, ...]:
        return self.registry.keys.blind(purpose, value)


class SilentKeys:
    """A keeper of keys that does not answer."""

    newest_version = 1

    def blind(self, purpose: str, value: str) -> tuple[BlindDigest, ...]:
        raise Unavailable("The keeper of the keys does not answer.")

    async def wrap(self, data_key: bytes, *, customer_id: UUID) -> WrappedKey:
        raise Unavailable("The keeper of the keys does not answer.")

    async def unwrap(self, wrapped: WrappedKey, *, customer_id: UUID) -> bytes:
        raise Unavailable("The keeper of the keys does not answer.")


async def revealed(registry: CustomerRegistry, customer_id: UUID, *names: str) -> dict[str, str]:
    async with registry.database.connection() as connection:
        return await reveal(connection, registry.keys, customer_id, names)


async def execute(database: Database, sql: str, *values: object) -> None:
    async with database.connection() as connection:
        await connection.execute(sql, *values)


class TestRevealing:
    async def test_the_bank_gets_the_values_in_their_kept_form(self, registry: CustomerRegistry) -> None:
        customer_id = await registry.register(CALLER, ANYBODY, RECEIVER)

        assert await revealed(registry, customer_id, "last_name", "bank_account_number", "clabe_number") == {
            "last_name": "Mizzenmast",
            "bank_account_number": "DE89370400440532013000",
        }

    async def test_what_is_not_accepted_is_left_out(
        self, registry: CustomerRegistry, database: Database
    ) -> None:
        customer_id = await registry.register(CALLER, ANYBODY, RECEIVER)
        await execute(
            database, "UPDATE customer_fields SET status = 'REJECTED' WHERE name = 'bank_account_number'"
        )

        assert await revealed(registry, customer_id, "last_name", "bank_account_number") == {
            "last_name": "Mizzenmast"
        }

    async def test_an_unknown_or_erased_customer_is_not_found(self, registry: CustomerRegistry) -> None:
        erased = await registry.register(CALLER, ANYBODY, RECEIVER)
        await registry.delete(CALLER, ANYBODY)

        for customer_id in (erased, uuid4()):
            with pytest.raises(NotFound):
                await revealed(registry, customer_id, "last_name")

    async def test_another_master_key_opens_nothing_and_says_which_setting_is_wrong(
        self, registry: CustomerRegistry
    ) -> None:
        customer_id = await registry.register(CALLER, ANYBODY, RECEIVER)
        mistaken = replace(registry, keys=LocalKeyProvider(bytes(32)))

        with pytest.raises(InvariantViolated, match="ROADSTEAD_DATA_KEY"):
            await revealed(mistaken, customer_id, "last_name")
        with pytest.raises(InvariantViolated, match="ROADSTEAD_DATA_KEY"):
            await mistaken.register(CALLER, ANYBODY, {"city": "Porttown"})


class TestARejectedField:
    async def test_it_is_asked_for_again_and_a_new_value_heals_it(
        self, registry: CustomerRegistry, database: Database
    ) -> None:
        reference = Reference(type="sep31-receiver")
        customer_id = await registry.register(CALLER, reference, RECEIVER)
        await execute(
            database, "UPDATE customer_fields SET status = 'REJECTED' WHERE name = 'bank_account_number'"
        )

        view = await registry.look_up(CALLER, reference)
        assert (view.status, view.required_missing) == (CustomerStatus.NEEDS_INFO, ("bank_account_number",))

        again = await registry.register(CALLER, reference, {"bank_account_number": "GB82WEST12345698765432"})
        assert again == customer_id
        assert (await registry.look_up(CALLER, reference)).status is CustomerStatus.ACCEPTED


class TestAtTheSameMoment:
    async def test_who_comes_second_writes_into_the_customer_of_the_first(
        self, registry: CustomerRegistry
    ) -> None:
        reached, released = asyncio.Event(), asyncio.get_running_loop().create_future()
        slow = replace(registry, keys=InterruptedKeys(registry.keys, [released], reached))
        second = asyncio.create_task(slow.register(CALLER, ANYBODY, {"city": "Porttown"}))
        await reached.wait()
        first = await registry.register(CALLER, ANYBODY, SENDER)
        released.set_result(None)

        assert await second == first
        assert await revealed(registry, first, "city", "first_name") == {
            "city": "Porttown",
            "first_name": "Wilhelmina",
        }

    async def test_a_customer_erased_during_an_update_is_registered_anew(
        self, registry: CustomerRegistry, database: Database
    ) -> None:
        erased = await registry.register(CALLER, ANYBODY, SENDER)
        reached, released = asyncio.Event(), asyncio.get_running_loop().create_future()
        slow = replace(registry, keys=InterruptedKeys(registry.keys, [released], reached))
        update = asyncio.create_task(slow.register(CALLER, ANYBODY, {"city": "Porttown"}))
        await reached.wait()
        await registry.delete(CALLER, ANYBODY)
        released.set_result(None)

        renewed = await update
        assert renewed != erased
        assert await revealed(registry, renewed, "city", "first_name") == {"city": "Porttown"}

    async def test_an_id_erased_during_an_update_is_not_found(self, registry: CustomerRegistry) -> None:
        erased = await registry.register(CALLER, ANYBODY, SENDER)
        reached, released = asyncio.Event(), asyncio.get_running_loop().create_future()
        slow = replace(registry, keys=InterruptedKeys(registry.keys, [released], reached))
        update = asyncio.create_task(slow.register(CALLER, Reference(id=str(erased)), {"city": "Porttown"}))
        await reached.wait()
        await registry.delete(CALLER, ANYBODY)
        released.set_result(None)

        with pytest.raises(NotFound):
            await update

    async def test_a_customer_that_never_stands_still_is_given_up_after_a_few_tries(
        self, registry: CustomerRegistry
    ) -> None:
        await registry.register(CALLER, ANYBODY, SENDER)

        with pytest.raises(Unavailable, match="in a moment"):
            await replace(registry, keys=ContraryKeys(registry)).register(
                CALLER, ANYBODY, {"city": "Porttown"}
            )

    async def test_an_erasure_waits_for_a_transaction_that_is_being_opened(
        self, registry: CustomerRegistry, database: Database
    ) -> None:
        customer_id = await registry.register(CALLER, ANYBODY, SENDER)
        async with database.transaction() as connection:
            await insert_remittance(connection, sender=str(customer_id), receiver=str(customer_id))
            erasure = asyncio.create_task(registry.delete(CALLER, ANYBODY))
            await someone_waits_for_a_lock(database)

        deletion = await erasure
        assert (deletion.is_erased, deletion.verdict.cause) == (False, Cause.UNDER_WAY)
        assert await revealed(registry, customer_id, "first_name") == {"first_name": "Wilhelmina"}


class TestASilentKeeperOfKeys:
    async def test_nothing_is_written(self, registry: CustomerRegistry, database: Database) -> None:
        with pytest.raises(Unavailable):
            await replace(registry, keys=SilentKeys()).register(CALLER, ANYBODY, SENDER)

        async with database.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM customers") == 0

    async def test_customers_can_still_be_asked_about_and_erased(self, registry: CustomerRegistry) -> None:
        await registry.register(CALLER, ANYBODY, SENDER)
        silent = replace(registry, keys=SilentKeys())

        assert (await silent.look_up(CALLER, ANYBODY)).status is CustomerStatus.ACCEPTED
        await silent.delete(CALLER, ANYBODY)


async def someone_waits_for_a_lock(database: Database) -> None:
    waiting = """
        SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE NOT granted AND datname = current_database()"""
    async with asyncio.timeout(20), database.connection() as connection:
        while not await connection.fetchval(waiting):  # noqa: ASYNC110 - PostgreSQL has no event for this
            await asyncio.sleep(0.1)


class TestLookingUp:
    @pytest.mark.parametrize("identity", [(store._BY_MEMO, ("id", "777")), (store._WITHOUT_MEMO, ())])
    async def test_a_customer_is_found_through_the_index_among_many_of_one_account(
        self, database_url: str, identity: tuple[str, tuple[str, ...]]
    ) -> None:
        statement, memo = identity
        connection = await asyncpg.connect(database_url)
        try:
            await connection.execute(
                """
                INSERT INTO customers (id, account, memo_kind, memo, wrapped_key, key_version)
                SELECT gen_random_uuid(), $1, 'id', n::text, '\\x00', 1 FROM generate_series(1, 20000) AS n""",
                PARTNER,
            )
            await connection.execute("ANALYZE customers")
            plan = await connection.fetch(f"EXPLAIN {statement}", PARTNER, *memo)
        finally:
            await connection.close()

        condition = next(line for (line,) in plan if "Index Cond" in line and "account" in line)
        assert "memo_kind" in condition
