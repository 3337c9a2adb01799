"""What is written when a remittance moves, and what a partner is told of it."""

from __future__ import annotations

from datetime import timedelta

import asyncpg
import msgspec
import pytest
from tests.fixtures.callbacks import Outbox
from tests.fixtures.house import House
from tests.fixtures.receiver import receiving

from roadstead.callbacks.signatures import verify
from roadstead.config import examples
from roadstead.config.strkey import public_key_of
from roadstead.database.migrate import READER_ROLE
from roadstead.rails.protocol import RailStatus
from roadstead.sep.transactions import shown

SIGNING_KEY = public_key_of(examples.SIGNING_SEED)


class TestTheWholeWay:
    @pytest.mark.clause("SEP-31/callback/changes")
    @pytest.mark.clause("SEP-31/callback/signature")
    async def test_a_completed_remittance_was_told_step_by_step(self, house: House, outbox: Outbox) -> None:
        async with receiving() as receiver:
            remittance_id, memo = await outbox.opened(receiver.url)
            await house.pay(memo)
            await house.match()
            house.clock.advance(timedelta(seconds=1))
            await house.work()
            house.clock.advance(timedelta(seconds=1))
            house.rail.tell(house.rail.submissions[0].key, RailStatus.SETTLED)
            await house.hear()
            await outbox.deliver()
        assert receiver.statuses == ["pending_receiver", "pending_external", "completed"]
        for heard in receiver.heard:
            assert heard.method == "POST"
            assert heard.resource == "/callbacks?of=roadstead"
            assert heard.headers["content-type"] == "application/json"
            assert heard.headers["host"] == receiver.authority
            assert heard.headers["signature"] == heard.headers["x-stellar-signature"]
            made_at = verify(
                heard.headers["signature"],
                host=receiver.authority,
                body=heard.body,
                signing_key=SIGNING_KEY,
                now=house.clock.now(),
            )
            assert made_at == house.clock.now()
            assert heard.transaction["id"] == str(remittance_id)
            assert len(heard.transaction["stellar_transaction_id"]) == 64
        assert [heard.transaction["updated_at"] for heard in receiver.heard] == [
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:01Z",
            "2026-01-01T00:00:02Z",
        ]
        assert "completed_at" not in receiver.heard[0].transaction
        assert receiver.heard[2].transaction["completed_at"] == "2026-01-01T00:00:02Z"

    @pytest.mark.clause("SEP-31/callback/content")
    async def test_the_callback_says_what_the_remittance_was_and_not_what_it_is(
        self, house: House, outbox: Outbox
    ) -> None:
        async with receiving() as receiver:
            remittance_id, memo = await outbox.opened(receiver.url)
            await house.pay(memo)
            await house.match()
            await house.execute("UPDATE remittances SET reference = 'LATER' WHERE id = $1", remittance_id)
            await outbox.deliver()
        assert receiver.statuses == ["pending_receiver"]
        assert "external_transaction_id" not in receiver.heard[0].transaction

    @pytest.mark.clause("SEP-31/callback/content")
    async def test_what_a_callback_says_is_what_a_get_said_then(self, house: House, outbox: Outbox) -> None:
        async with receiving() as receiver:
            remittance_id, memo = await outbox.opened(receiver.url)
            await house.pay(memo)
            await house.match()
            remittance = await house.remittance(remittance_id)
            async with house.database.connection() as connection:
                anchor, now = house.configuration.anchor, remittance.status_at
                then = msgspec.json.encode(await shown(connection, anchor, remittance, now=now))
            await house.work()
            await outbox.deliver()
        assert receiver.heard[0].body == then


class TestWhatIsWritten:
    @pytest.mark.clause("SEP-31/callback/initial")
    async def test_the_initial_status_is_not_told(self, house: House, outbox: Outbox) -> None:
        await outbox.opened("http://127.0.0.1:9/")
        assert await outbox.callbacks() == []

    async def test_nothing_is_written_where_nobody_wants_to_be_called(
        self, house: House, outbox: Outbox
    ) -> None:
        opened = await house.open()
        await house.pay(opened.memo)
        await house.match()
        assert await outbox.callbacks() == []

    async def test_it_comes_and_goes_with_the_change_of_status(self, house: House, outbox: Outbox) -> None:
        remittance_id, memo = await outbox.opened("http://127.0.0.1:9/")
        operation_id = await house.pay(memo)

        async def move_and_die() -> None:
            async with house.database.transaction() as connection:
                await connection.execute(
                    "UPDATE remittances SET status = 'pending_receiver', funded_by = $2 WHERE id = $1",
                    remittance_id,
                    operation_id,
                )
                assert await connection.fetchval("SELECT count(*) FROM callbacks") == 1
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await move_and_die()
        assert await outbox.callbacks() == []

    async def test_a_statement_typed_by_hand_is_told_too(self, house: House, outbox: Outbox) -> None:
        await outbox.opened("http://127.0.0.1:9/")
        await house.execute("UPDATE remittances SET status = 'expired', status_cause = 'by hand'")
        assert await outbox.callbacks() == [("expired", "waiting")]

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE callbacks SET event = 'completed'",
            "UPDATE callbacks SET snapshot = '{}'",
            "UPDATE callbacks SET body = 'other'",
            "DELETE FROM callbacks",
            "UPDATE callback_tries SET outcome = 'delivered'",
            "DELETE FROM callback_tries",
            "TRUNCATE callback_tries",
        ],
    )
    async def test_what_happened_is_not_rewritten_even_by_the_owner(
        self, house: House, outbox: Outbox, database_url: str, statement: str
    ) -> None:
        async with receiving() as receiver:
            await outbox.moved(receiver.url)
            await outbox.deliver()
        owner = await asyncpg.connect(database_url, timeout=10)
        try:
            with pytest.raises(asyncpg.RestrictViolationError):
                await owner.execute(statement)
        finally:
            await owner.close()

    async def test_the_server_cannot_make_a_callback_by_itself(self, house: House, outbox: Outbox) -> None:
        await outbox.moved("http://127.0.0.1:9/")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await house.execute(
                "INSERT INTO callbacks (subject_kind, subject_id, partner_id, host, event, snapshot) "
                "SELECT subject_kind, subject_id, partner_id, host, 'completed', '{}' FROM callback_registrations"
            )

    async def test_a_reader_of_reports_sees_hosts_but_no_urls(
        self, house: House, outbox: Outbox, database_url: str
    ) -> None:
        await outbox.moved("http://127.0.0.1:9/?key=secret")
        reader = await asyncpg.connect(f"{database_url}?role={READER_ROLE}", timeout=10)
        try:
            assert await reader.fetchval("SELECT host FROM callback_registrations") == "127.0.0.1:9"
            for column, table in (("url", "callback_registrations"), ("answer", "callback_tries")):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await reader.fetch(f"SELECT {column} FROM {table}")
        finally:
            await reader.close()
