"""Delivering callbacks to real receivers on loopback: order, failures, crashes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from tests.fixtures.callbacks import Outbox
from tests.fixtures.house import House
from tests.fixtures.receiver import hang_up, receiving, status

from roadstead.callbacks import retries
from roadstead.callbacks.delivery import Outcome
from roadstead.callbacks.http_client import Answer, SafeClient
from roadstead.callbacks.store import ANSWER_CHARACTERS_MAX, CallbackStatus, claim_due
from roadstead.callbacks.targets import Target
from roadstead.database.pool import Connection


class TestOrder:
    @pytest.mark.clause("SEP-31/callback/order")
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

    @pytest.mark.clause("SEP-31/callback/order")
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
    @pytest.mark.clause("SEP-31/callback/done")
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
            _, memo = await outbox.opened(receiver.url)
            await house.pay(memo)
            await house.match()
            await outbox.deliver()
        [entry] = await outbox.tries()
        assert (entry["outcome"], entry["http_status"], entry["answer"]) == (outcome, code, "so it is")
        [(_, state)] = await outbox.callbacks()
        assert state == ("delivered" if outcome is Outcome.DELIVERED else "waiting")
        assert [(told.outcome, told.status) for told in outbox.told] == [(outcome, state)]

    @pytest.mark.clause("SEP-31/callback/retries")
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

    @pytest.mark.clause("SEP-31/callback/timestamp")
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

    @pytest.mark.parametrize(
        ("late_code", "code", "state"),
        [(500, 204, "delivered"), (204, 500, "waiting"), (500, 503, "waiting")],
    )
    async def test_who_lost_the_lease_writes_what_it_did_but_decides_nothing(
        self, house: House, outbox: Outbox, late_code: int, code: int, state: str
    ) -> None:
        async with receiving() as receiver:
            released = asyncio.Event()

            async def late(writer: asyncio.StreamWriter) -> None:
                await released.wait()
                await status(late_code)(writer)

            receiver.script = [late, status(code)]
            _, memo = await outbox.opened(receiver.url)
            await house.pay(memo)
            await house.match()
            slow = outbox.deliverer()
            await slow.step()
            await receiver.arrived.wait()
            await outbox.make_due()
            await outbox.deliver()
            before = await house.value("SELECT callbacks::text FROM callbacks")
            released.set()
            await slow.finish(5.0)
        assert await outbox.callbacks() == [("pending_receiver", state)]
        assert await house.value("SELECT callbacks::text FROM callbacks") == before
        assert [entry["http_status"] for entry in await outbox.tries()] == [code, late_code]

    async def test_who_claims_at_the_same_time_does_not_wait(self, house: House, outbox: Outbox) -> None:
        for _ in range(6):
            await outbox.moved("http://127.0.0.1:9/")
        async with house.database.transaction() as first, house.database.transaction() as second:
            for connection in (first, second):
                await connection.execute("SET LOCAL lock_timeout = '200ms'")
            taken = await claim(first, limit=4)
            assert len(taken) == 4
            assert await claim(second, limit=4) == []

    async def test_nothing_is_claimed_twice_however_many_claim(self, house: House, outbox: Outbox) -> None:
        for _ in range(60):
            await outbox.opened("http://127.0.0.1:9/")
        await house.execute(
            "UPDATE remittances SET status = 'expired', status_cause = 'x' WHERE status = 'pending_sender'"
        )
        drained = await asyncio.gather(*(self._drain(house) for _ in range(5)))
        claimed = [callback_id for ids in drained for callback_id in ids]
        assert len(claimed) == len(set(claimed)) == 60

    async def _drain(self, house: House) -> list[int]:
        ids: list[int] = []
        while True:
            async with house.database.connection() as connection:
                claimed = await claim(connection, limit=2)
            if not claimed:
                return ids
            ids.extend(claimed)


async def claim(connection: Connection, *, limit: int) -> list[int]:
    claimed = await claim_due(
        connection, token=uuid4(), lease=timedelta(minutes=1), limit=limit, free_by_host={}, per_host_max=4
    )
    return [callback.id for callback in claimed]


class DyingClient:
    """Sends, and dies before it hears the answer."""

    def __init__(self, client: SafeClient) -> None:
        self._client = client

    def parse(self, url: str) -> Target:
        return self._client.parse(url)

    async def post(self, target: Target, body: bytes, headers: Mapping[str, str]) -> Answer:
        await self._client.post(target, body, headers)
        raise asyncio.CancelledError
