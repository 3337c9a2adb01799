"""Delivering callbacks to real receivers on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
from tests.fixtures.callbacks import Outbox
from tests.fixtures.house import House
from tests.fixtures.receiver import Receiver, hang_up, receiving, silence, status

from roadstead.callbacks import retries
from roadstead.callbacks.delivery import Outcome
from roadstead.callbacks.http_client import Answer, SafeClient
from roadstead.callbacks.replay import replay
from roadstead.callbacks.resting import RestingHosts
from roadstead.callbacks.signatures import verify
from roadstead.callbacks.store import ANSWER_CHARACTERS_MAX, CallbackStatus
from roadstead.callbacks.targets import Target
from roadstead.config import examples
from roadstead.config.strkey import public_key_of
from roadstead.database.migrate import READER_ROLE
from roadstead.database.pool import Connection
from roadstead.errors import NotFound
from roadstead.partners.registry import change_callback_hosts
from roadstead.rails.protocol import RailStatus

SIGNING_KEY = public_key_of(examples.SIGNING_SEED)


class TestTheWholeWay:
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

    async def test_what_a_callback_says_is_what_a_get_said_then(self, house: House, outbox: Outbox) -> None:
        from roadstead.sep.sep31 import TransactionAnswer, describe  # noqa: PLC0415

        async with receiving() as receiver:
            remittance_id, memo = await outbox.opened(receiver.url)
            await house.pay(memo)
            await house.match()
            import msgspec  # noqa: PLC0415

            then = msgspec.json.encode(
                TransactionAnswer(transaction=describe(await house.remittance(remittance_id)))
            )
            await house.work()
            await outbox.deliver()
        assert receiver.heard[0].body == then


class TestWhatIsWritten:
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
        with pytest.raises(ZeroDivisionError):
            async with house.database.transaction() as connection:
                await connection.execute(
                    "UPDATE remittances SET status = 'pending_receiver', funded_by = $2 WHERE id = $1",
                    remittance_id,
                    operation_id,
                )
                assert await connection.fetchval("SELECT count(*) FROM callbacks") == 1
                raise ZeroDivisionError
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
                "INSERT INTO callbacks (subject_kind, subject_id, partner_id, event, snapshot) "
                "SELECT subject_kind, subject_id, partner_id, 'completed', '{}' FROM callback_registrations"
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


class TestOrder:
    async def test_a_later_event_waits_until_the_earlier_one_was_taken(
        self, house: House, outbox: Outbox
    ) -> None:
        async with receiving() as receiver:
            receiver.script = [status(503), hang_up, status(404)]
            await outbox.moved(receiver.url)
            for _ in range(3):
                await outbox.deliver()
                await outbox.make_due()
            assert receiver.statuses == ["pending_receiver"] * 3
            await outbox.deliver()
        assert receiver.statuses[3:] == ["pending_receiver", "pending_external"]
        assert {heard.body for heard in receiver.heard[:4]} == {receiver.heard[0].body}

    async def test_many_deliverers_at_once_send_everything_once_and_in_order(
        self, house: House, outbox: Outbox
    ) -> None:
        async with receiving() as receiver:
            remittances = [await outbox.moved(receiver.url) for _ in range(8)]
            deliverers = [outbox.deliverer() for _ in range(3)]
            await asyncio.gather(*(outbox.deliver(deliverer, rounds=60) for deliverer in deliverers))
            await outbox.deliver()
        told: dict[str, list[str]] = {}
        for heard in receiver.heard:
            told.setdefault(heard.transaction["id"], []).append(heard.transaction["status"])
        assert told == {
            str(remittance_id): ["pending_receiver", "pending_external"] for remittance_id in remittances
        }

    async def test_after_one_was_given_up_the_next_is_told(self, house: House, outbox: Outbox) -> None:
        async with receiving() as receiver:
            receiver.script = [status(500)]
            await outbox.moved(receiver.url)
            await house.execute(
                "UPDATE callbacks SET waiting_since = now() - $1::interval WHERE event = 'pending_receiver'",
                retries.AGE_MAX,
            )
            await outbox.deliver()
        assert receiver.statuses == ["pending_receiver", "pending_external"]
        assert await outbox.callbacks() == [
            ("pending_receiver", "given_up"),
            ("pending_external", "delivered"),
        ]
        assert [told.status for told in outbox.told] == [CallbackStatus.GIVEN_UP, CallbackStatus.DELIVERED]


class TestFailing:
    @pytest.mark.parametrize(
        ("code", "outcome"),
        [
            (200, Outcome.DELIVERED),
            (201, Outcome.DELIVERED),
            (299, Outcome.DELIVERED),
            (301, Outcome.REFUSED),
            (308, Outcome.REFUSED),
            (400, Outcome.CALLED_INVALID),
            (401, Outcome.REFUSED),
            (404, Outcome.REFUSED),
            (410, Outcome.REFUSED),
            (500, Outcome.REFUSED),
        ],
    )
    async def test_only_2xx_is_done(self, house: House, outbox: Outbox, code: int, outcome: Outcome) -> None:
        async with receiving() as receiver:
            receiver.always = status(code, b"so it is")
            remittance_id, memo = await outbox.opened(receiver.url)
            await house.pay(memo)
            await house.match()
            await outbox.deliver()
        [entry] = await outbox.tries()
        assert (entry["outcome"], entry["http_status"], entry["answer"]) == (outcome, code, "so it is")
        [(_, state)] = await outbox.callbacks()
        assert state == ("delivered" if outcome is Outcome.DELIVERED else "waiting")

    async def test_a_failed_callback_rests_and_is_not_tried_before(
        self, house: House, outbox: Outbox
    ) -> None:
        async with receiving() as receiver:
            receiver.always = status(500)
            await outbox.moved(receiver.url)
            await outbox.deliver()
            await outbox.deliver()
        assert len(receiver.heard) == 1
        rest = await house.value("SELECT min(due_at) - now() FROM callbacks")
        assert timedelta(0) < rest <= retries.FIRST_PAUSE

    async def test_each_try_signs_anew_and_sends_the_same_bytes(self, house: House, outbox: Outbox) -> None:
        async with receiving() as receiver:
            receiver.script = [status(500)]
            await outbox.moved(receiver.url)
            await outbox.deliver()
            house.clock.advance(timedelta(minutes=10))
            await outbox.make_due()
            await outbox.deliver()
        first, second, _ = receiver.heard
        assert first.body == second.body
        assert first.headers["signature"] != second.headers["signature"]
        assert second.headers["signature"].startswith(f"t={int(house.clock.now().timestamp())}, s=")

    async def test_a_long_strange_answer_is_logged_in_part(self, house: House, outbox: Outbox) -> None:
        async with receiving() as receiver:
            receiver.always = status(500, b"\0\xff" + b"x" * 100_000)
            await outbox.moved(receiver.url)
            await outbox.deliver()
        [entry] = await outbox.tries()
        assert entry["answer"].startswith("\ufffd\ufffdxxx")
        assert len(entry["answer"]) == ANSWER_CHARACTERS_MAX

    async def test_nobody_there_is_a_failed_try(self, house: House, outbox: Outbox) -> None:
        async with receiving() as receiver:
            url = receiver.url
        await outbox.moved(url)
        await outbox.deliver()
        [entry] = await outbox.tries()
        assert (entry["outcome"], entry["http_status"]) == (Outcome.NO_CONNECTION, None)

    async def test_what_cannot_be_written_is_tried_again_and_holds_up_nobody(
        self, house: House, outbox: Outbox
    ) -> None:
        async def broken(connection: Connection, remittance_id: UUID, snapshot: str) -> bytes:
            if str(remittance_id) == broken_id:
                await connection.execute("SELECT 1 / 0")
            return json.dumps({"transaction": {"id": str(remittance_id), "status": "x"}}).encode()

        async with receiving() as receiver:
            broken_id = str(await outbox.moved(receiver.url))
            sound_id = str(await outbox.moved(receiver.url))
            await outbox.deliver(outbox.deliverer(renderer=broken))
            assert {heard.transaction["id"] for heard in receiver.heard} == {sound_id}
            await outbox.make_due()
            await outbox.deliver()
        assert [h.transaction["status"] for h in receiver.heard if h.transaction["id"] == broken_id] == [
            "pending_receiver",
            "pending_external",
        ]
        outcomes = [entry["outcome"] for entry in await outbox.tries()]
        assert outcomes.count(Outcome.NOT_RENDERED) == 1


class TestCrashes:
    async def test_a_crash_between_sending_and_recording_sends_the_same_bytes_again(
        self, house: House, outbox: Outbox
    ) -> None:
        async with receiving() as receiver:
            await outbox.moved(receiver.url)
            dying = outbox.deliverer(DyingClient(outbox.client()))
            await dying.step()
            await dying.finish(5.0)
            assert receiver.statuses == ["pending_receiver"]
            assert await outbox.tries() == []
            await outbox.deliver()
            assert receiver.statuses == ["pending_receiver"], "the lease of the dead one still holds"
            await outbox.make_due()
            await outbox.deliver()
        assert receiver.statuses == ["pending_receiver", "pending_receiver", "pending_external"]
        assert receiver.heard[0].body == receiver.heard[1].body

    async def test_who_lost_the_lease_writes_what_it_did_but_decides_nothing(
        self, house: House, outbox: Outbox
    ) -> None:
        async with receiving() as receiver:
            released = asyncio.Event()

            async def late(writer: asyncio.StreamWriter) -> None:
                await released.wait()
                await status(500)(writer)

            receiver.script = [late]
            await outbox.moved(receiver.url)
            slow = outbox.deliverer()
            await slow.step()
            while not receiver.heard:
                await asyncio.sleep(0.01)
            await outbox.make_due()
            await outbox.deliver()
            released.set()
            await slow.finish(5.0)
        assert await outbox.callbacks() == [
            ("pending_receiver", "delivered"),
            ("pending_external", "delivered"),
        ]
        assert [entry["outcome"] for entry in await outbox.tries()] == [
            Outcome.DELIVERED,
            Outcome.DELIVERED,
            Outcome.REFUSED,
        ]


class DyingClient:
    """Sends, and dies before it hears the answer."""

    def __init__(self, client: SafeClient) -> None:
        self._client = client

    def parse(self, url: str) -> Target:
        return self._client.parse(url)

    async def post(self, target: Target, body: bytes, headers: Mapping[str, str]) -> Answer:
        await self._client.post(target, body, headers)
        raise asyncio.CancelledError


class TestWhereItGoes:
    async def test_a_new_url_takes_over_what_still_waits(self, house: House, outbox: Outbox) -> None:
        async with receiving() as old, receiving() as new:
            old.always = status(500)
            remittance_id = await outbox.moved(old.url)
            await outbox.deliver()
            await outbox.register(remittance_id, new.url)
            await outbox.make_due()
            await outbox.deliver()
        assert old.statuses == ["pending_receiver"]
        assert new.statuses == ["pending_receiver", "pending_external"]
        assert old.heard[0].body == new.heard[0].body
        assert new.heard[0].headers["host"] == new.authority
        assert [entry["url"] for entry in await outbox.tries()] == [old.url, new.url, new.url]

    async def test_a_host_that_was_taken_away_is_not_called(self, house: House, outbox: Outbox) -> None:
        async with receiving() as receiver:
            await outbox.moved(receiver.url)
            await change_callback_hosts(house.database, "Example Sender", "tests", remove=["127.0.0.1"])
            await outbox.deliver()
            assert receiver.connections == 0
            await change_callback_hosts(house.database, "Example Sender", "tests", add=["127.0.0.1"])
            await outbox.make_due()
            await outbox.deliver()
        assert receiver.statuses == ["pending_receiver", "pending_external"]
        assert (await outbox.tries())[0]["outcome"] == Outcome.NOT_PERMITTED

    async def test_a_redirect_is_not_followed(self, house: House, outbox: Outbox) -> None:
        async with receiving() as receiver, receiving() as elsewhere:
            receiver.always = status(307, b"", f"Location: {elsewhere.url}")
            await outbox.moved(receiver.url)
            await outbox.deliver()
        assert elsewhere.connections == 0
        assert [entry["http_status"] for entry in await outbox.tries()] == [307]

    async def test_where_money_is_real_this_machine_is_never_called(
        self, house: House, outbox: Outbox
    ) -> None:
        async with receiving() as receiver:
            await outbox.moved(receiver.url)
            client = SafeClient(private_allowed=False)
            await outbox.deliver(outbox.deliverer(client, private_allowed=False))
            await client.close()
        assert receiver.connections == 0
        assert [entry["outcome"] for entry in await outbox.tries()] == [Outcome.NOT_PERMITTED]


class TestOneReceiverAndTheOthers:
    async def test_a_dead_receiver_does_not_hold_up_the_others(self, house: House, outbox: Outbox) -> None:
        async with receiving() as dead, receiving() as alive:
            dead.always = silence
            for _ in range(12):
                await outbox.moved(dead.url)
            for _ in range(4):
                await outbox.moved(alive.url)
            deliverer = outbox.deliverer(outbox.client(timeout_s=30.0))
            while len(alive.heard) < 8:
                await deliverer.step()
                await asyncio.sleep(0.01)
            assert dead.connections == 4, "one host has four places and no more"
            await deliverer.finish(0.0)

    async def test_a_host_that_fails_again_and_again_rests(self, house: House, outbox: Outbox) -> None:
        seconds = 0.0
        resting = RestingHosts(time_s=lambda: seconds)
        async with receiving() as dead, receiving() as alive:
            dead.always = hang_up
            for _ in range(6):
                await outbox.moved(dead.url)
            await outbox.moved(alive.url)
            deliverer = outbox.deliverer(resting=resting)
            await outbox.deliver(deliverer)
            assert dead.connections == 4
            assert len(alive.heard) == 2
            dead.always = None
            seconds = 2.0
            await outbox.deliver(deliverer)
            await outbox.make_due()
            await outbox.deliver(deliverer)
        assert {state for _, state in await outbox.callbacks()} == {"delivered"}

    async def test_an_idle_deliverer_finishes_at_once(self, outbox: Outbox) -> None:
        deliverer = outbox.deliverer()
        assert await deliverer.step() is False
        await deliverer.finish(0.0)

    async def test_the_end_does_not_wait_for_a_silent_receiver(self, house: House, outbox: Outbox) -> None:
        async with AsyncExitStack() as stack:
            receiver: Receiver = await stack.enter_async_context(receiving())
            receiver.always = silence
            await outbox.moved(receiver.url)
            deliverer = outbox.deliverer(outbox.client(timeout_s=60.0))
            await deliverer.step()
            while not receiver.heard:
                await asyncio.sleep(0.01)
            async with asyncio.timeout(20.0):
                await deliverer.finish(0.05)
        assert await outbox.tries() == []


class TestReplaying:
    async def test_what_was_given_up_is_sent_again_with_the_same_bytes(
        self, house: House, outbox: Outbox
    ) -> None:
        async with receiving() as receiver:
            receiver.script = [status(500)]
            remittance_id, memo = await outbox.opened(receiver.url)
            await house.pay(memo)
            await house.match()
            await house.execute("UPDATE callbacks SET waiting_since = now() - interval '2 days'")
            await outbox.deliver()
            assert await outbox.callbacks() == [("pending_receiver", "given_up")]
            callback_id = await house.value("SELECT id FROM callbacks")
            again = await replay(house.database, callback_id, "olga")
            assert (again.status, again.tries) == (CallbackStatus.WAITING, 0)
            await outbox.deliver()
        assert receiver.heard[0].body == receiver.heard[1].body
        assert await outbox.callbacks() == [("pending_receiver", "delivered")]
        assert await house.value("SELECT actor FROM audit_log WHERE action = 'callback.replayed'") == "olga"

    async def test_what_was_delivered_can_be_sent_again(self, house: House, outbox: Outbox) -> None:
        async with receiving() as receiver:
            await outbox.moved(receiver.url)
            await outbox.deliver()
            first_id = await house.value("SELECT min(id) FROM callbacks")
            await replay(house.database, first_id, "olga")
            await outbox.deliver()
        assert receiver.statuses == ["pending_receiver", "pending_external", "pending_receiver"]

    async def test_what_rests_is_tried_at_once(self, house: House, outbox: Outbox) -> None:
        async with receiving() as receiver:
            receiver.script = [status(500)]
            await outbox.moved(receiver.url)
            await outbox.deliver()
            again = await replay(house.database, await house.value("SELECT min(id) FROM callbacks"), "olga")
            assert again.tries == 1
            await outbox.deliver()
        assert receiver.statuses == ["pending_receiver", "pending_receiver", "pending_external"]

    async def test_what_never_was_cannot_be_sent_again(self, house: House) -> None:
        with pytest.raises(NotFound):
            await replay(house.database, 404, "olga")
