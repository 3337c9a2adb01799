"""Which receivers are called, how they share the room, and sending to them again."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from tests.fixtures.callbacks import Outbox
from tests.fixtures.house import House
from tests.fixtures.receiver import Receiver, hang_up, receiving, silence, status

from roadstead.callbacks.delivery import Outcome
from roadstead.callbacks.http_client import SafeClient
from roadstead.callbacks.replay import replay
from roadstead.callbacks.resting import RestingHosts
from roadstead.callbacks.store import CallbackStatus
from roadstead.errors import NotFound
from roadstead.partners.registry import change_callback_hosts


class TestWhereItGoes:
    @pytest.mark.clause("SEP-31/callback/replacement")
    async def test_a_new_url_takes_over_what_still_waits(self, house: House, outbox: Outbox) -> None:
        async with receiving() as old, receiving() as new:
            old.always = status(500)
            remittance_id = await outbox.moved(old.url)
            await outbox.deliver()
            await outbox.register(remittance_id, new.url)
            assert await house.value("SELECT bool_and(host = $1) FROM callbacks", new.authority)
            await outbox.make_due()
            await outbox.deliver()
        assert old.statuses == ["pending_receiver"]
        assert new.statuses == ["pending_receiver", "pending_external"]
        assert old.heard[0].body == new.heard[0].body
        assert new.heard[0].headers["host"] == new.authority
        assert [entry["url"] for entry in await outbox.tries()] == [old.url, new.url, new.url]

    async def test_a_url_can_be_replaced_while_deliveries_end(self, house: House, outbox: Outbox) -> None:
        async with receiving() as first, receiving() as second:
            first.always = second.always = status(500)
            remittance_id = await outbox.moved(first.url)

            async def replace() -> None:
                for number in range(40):
                    await outbox.register(remittance_id, (second if number % 2 else first).url)

            async def deliver() -> None:
                deliverer = outbox.deliverer(resting=RestingHosts(rest_first_s=0.0))
                for _ in range(20):
                    await house.execute("UPDATE callbacks SET due_at = now() WHERE lease_token IS NULL")
                    await outbox.deliver(deliverer, rounds=1)

            await asyncio.gather(replace(), deliver())
        assert len(await outbox.tries()) == len(first.heard) + len(second.heard)

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
            await receiver.arrived.wait()
            async with asyncio.timeout(20.0):
                await deliverer.finish(0.05)
        assert await outbox.tries() == []


class TestReplaying:
    async def test_what_was_given_up_is_sent_again_with_the_same_bytes(
        self, house: House, outbox: Outbox
    ) -> None:
        async with receiving() as receiver:
            receiver.script = [status(500)]
            _, memo = await outbox.opened(receiver.url)
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
