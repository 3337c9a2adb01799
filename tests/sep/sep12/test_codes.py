"""Codes that confirm an address (SEP-12 `*_verification`)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs
from tests.fixtures.asgi import Caller, Reply
from tests.fixtures.customers import CUSTOMER, PARTNER, SENDER, STRANGER, registered, rows
from tests.fixtures.messenger import KeepingMessenger, wrong_code

from roadstead.clock import ManualClock
from roadstead.customers.courier import TRIES_MAX, Courier
from roadstead.customers.messages import NotSent
from roadstead.database.pool import Database
from roadstead.messages.catalogue import Catalogue, shipped_messages
from roadstead.sep.application import build_application
from roadstead.sep.sep12 import ROUTES
from roadstead.sep.sep12_changes import ROUTES as MORE_ROUTES
from roadstead.sep.services import Services

EMAIL = SENDER["email_address"]
CODE = "email_address_verification"
VERIFICATION = f"{CUSTOMER}/verification"


@dataclass(slots=True, kw_only=True)
class Post:
    """The API of an anchor whose senders confirm their email address, and who brings the codes."""

    services: Services
    clock: ManualClock
    partner: Caller
    messenger: KeepingMessenger
    courier: Courier

    async def status(self) -> str:
        return str((await self.partner.get(CUSTOMER, type="sep31-sender")).json["status"])

    async def field(self) -> str:
        state = await self.partner.get(CUSTOMER, type="sep31-sender")
        return str(state.json["provided_fields"]["email_address"]["status"])

    async def put(self, **fields: str) -> Reply:
        return await self.partner.send_json("PUT", CUSTOMER, fields)

    async def sent_code(self) -> str:
        """Register, let the courier go round, and return the code that came."""
        await registered(self.partner, SENDER, type="sep31-sender")
        assert await self.courier.step()
        return self.messenger.code

    async def due_now(self) -> None:
        async with self.services.database.connection() as connection:
            await connection.execute(
                "UPDATE customer_confirmations SET due_at = now(), lease_until = lease_until - interval '1 hour'"
            )


@pytest.fixture
def post(services: Services) -> Post:
    clock = ManualClock()
    configuration = services.configuration
    types = tuple(
        replace(
            kind,
            fields=tuple(replace(field, confirm=field.name == "email_address") for field in kind.fields),
        )
        for kind in configuration.anchor.customer_types
    )
    anchor = replace(configuration.anchor, customer_types=types)
    services = replace(services, configuration=replace(configuration, anchor=anchor), clock=clock)
    messenger = KeepingMessenger()
    return Post(
        services=services,
        clock=clock,
        partner=Caller(application=build_application((*ROUTES, *MORE_ROUTES), services), token=PARTNER),
        messenger=messenger,
        courier=Courier(
            database=services.database,
            keys=services.keys,
            messenger=messenger,
            anchor_name="Example Anchor",
            catalogue=Catalogue(shipped_messages()),
            clock=clock,
            randomness=services.randomness,
        ),
    )


class TestConfirming:
    @pytest.mark.clause("SEP-12/verification/required")
    async def test_the_field_waits_for_its_code_and_is_accepted_with_it(self, post: Post) -> None:
        code = await post.sent_code()
        assert (await post.status(), await post.field()) == ("NEEDS_INFO", "VERIFICATION_REQUIRED")
        assert post.messenger.messages[0].address == EMAIL

        assert (await post.put(**{CODE: code})).status == 202

        assert (await post.status(), await post.field()) == ("ACCEPTED", "ACCEPTED")

    @pytest.mark.clause("SEP-12/verification/legacy")
    async def test_the_older_endpoint_takes_it_and_answers_how_the_customer_stands(self, post: Post) -> None:
        code = await post.sent_code()
        customer_id = (await post.partner.get(CUSTOMER)).json["id"]

        wrong = await post.partner.send_json("PUT", VERIFICATION, {"id": customer_id, CODE: wrong_code(code)})
        right = await post.partner.send_json("PUT", VERIFICATION, {"id": customer_id, CODE: code})

        assert wrong.status == 400
        assert (right.status, right.json["status"]) == (200, "ACCEPTED")
        assert right.json["provided_fields"]["email_address"]["status"] == "ACCEPTED"
        for content, status in (
            ({CODE: code}, 400),
            ({"id": customer_id}, 400),
            ({"id": "x", CODE: code}, 404),
        ):
            assert (await post.partner.send_json("PUT", VERIFICATION, content)).status == status
        stranger = post.partner.with_token(STRANGER)
        assert (await stranger.send_json("PUT", VERIFICATION, {"id": customer_id, CODE: code})).status == 404

    async def test_the_same_request_again_is_taken_again(self, post: Post) -> None:
        code = await post.sent_code()
        for _ in range(2):
            assert (await post.put(**{CODE: code})).status == 202
        assert await post.status() == "ACCEPTED"

    async def test_a_confirmed_value_sent_again_stays_confirmed(self, post: Post) -> None:
        await post.put(**{CODE: await post.sent_code()})
        await registered(post.partner, SENDER)
        assert await post.status() == "ACCEPTED"
        assert not await post.courier.step()

    async def test_another_value_has_to_be_confirmed_anew(self, post: Post) -> None:
        await post.put(**{CODE: await post.sent_code()})
        await post.put(email_address="other@example.com")

        assert await post.field() == "VERIFICATION_REQUIRED"
        assert await post.courier.step()
        assert post.messenger.messages[-1].address == "other@example.com"
        await post.put(**{CODE: post.messenger.code})
        assert await post.status() == "ACCEPTED"

    async def test_the_message_is_in_the_language_of_the_request(self, post: Post) -> None:
        await registered(post.partner, SENDER, lang="es")
        await post.courier.step()
        message = post.messenger.messages[0]
        assert message.language == "es"
        assert "Su código" in message.text
        assert "15" in message.text


class TestWrongCodes:
    @pytest.mark.clause("SEP-12/verification/wrong")
    async def test_a_wrong_one_is_400_and_nothing_else_of_the_request_is_kept(self, post: Post) -> None:
        code = await post.sent_code()

        reply = await post.put(**{CODE: wrong_code(code), "first_name": "Other"})

        assert reply.status == 400
        assert "'email_address' is wrong" in reply.error
        assert await post.field() == "VERIFICATION_REQUIRED"

    async def test_after_five_wrong_ones_the_right_one_is_dead_too(self, post: Post) -> None:
        code = await post.sent_code()
        for _ in range(5):
            assert (await post.put(**{CODE: wrong_code(code)})).status == 400
        reply = await post.put(**{CODE: code})
        assert reply.status == 400
        assert "Too many wrong" in reply.error

    async def test_many_at_once_are_counted_all(self, post: Post) -> None:
        code = await post.sent_code()
        await asyncio.gather(
            *(post.put(**{CODE: f"{number:06d}"}) for number in range(20) if f"{number:06d}" != code)
        )
        (row,) = await rows(post.services.database, "SELECT wrong_codes FROM customer_confirmations")
        assert row["wrong_codes"] == 5

    async def test_a_code_does_not_hold_for_ever(self, post: Post) -> None:
        code = await post.sent_code()
        post.clock.advance(timedelta(minutes=15))
        reply = await post.put(**{CODE: code})
        assert reply.status == 400
        assert "has expired" in reply.error

    @pytest.mark.parametrize("code", ["", "1", "abcdef", "１２３４５６", "0" * 5000, "\0"])
    async def test_what_is_no_code_is_a_wrong_one(self, post: Post, code: str) -> None:
        await post.sent_code()
        assert (await post.put(**{CODE: code})).status == 400

    async def test_a_code_that_nobody_sent_is_refused(self, post: Post) -> None:
        assert (await post.put(**{CODE: "123456"})).status == 400
        await registered(post.partner, {"first_name": "Ann"})
        for name in (CODE, "mobile_number_verification", "first_name_verification"):
            assert (await post.put(**{name: "123456"})).status == 400


class TestSending:
    async def test_only_a_digest_is_stored_and_nothing_of_it_is_logged(
        self, post: Post, database: Database
    ) -> None:
        with capture_logs() as logs:
            code = await post.sent_code()
            await post.put(**{CODE: wrong_code(code)})
            await post.put(**{CODE: code})
            await registered(post.partner, {"email_address": "other@example.com"})
            await post.courier.step()
        for secret in (code, wrong_code(code), EMAIL, "other@example.com"):
            assert secret not in str(logs)
        (row,) = await rows(database, "SELECT * FROM customer_confirmations")
        assert post.messenger.code not in str(dict(row))
        assert len(row["digest"]) == 32
        assert post.messenger.code not in repr(post.messenger.messages[-1])

    async def test_the_same_value_brings_another_code_but_not_at_once(self, post: Post) -> None:
        first = await post.sent_code()
        await registered(post.partner, SENDER)
        assert not await post.courier.step()

        post.clock.advance(timedelta(minutes=1))
        await registered(post.partner, SENDER)
        assert await post.courier.step()

        second = post.messenger.code
        if first != second:
            assert (await post.put(**{CODE: first})).status == 400
        assert (await post.put(**{CODE: second})).status == 202

    async def test_nobody_gets_more_than_ten_a_day(self, post: Post) -> None:
        await post.sent_code()
        for _ in range(15):
            post.clock.advance(timedelta(minutes=2))
            await registered(post.partner, SENDER)
            await post.courier.step()
        assert len(post.messenger.messages) == 10
        assert (await post.put(email_address="other@example.com")).status == 429
        post.clock.advance(timedelta(days=1))
        assert (await post.put(email_address="other@example.com")).status == 202

    async def test_an_address_is_not_flooded_by_way_of_many_customers(self, post: Post) -> None:
        statuses = [
            (await post.put(memo=str(number), email_address=EMAIL.upper() if number % 2 else EMAIL)).status
            for number in range(22)
        ]
        assert statuses == [202] * 20 + [429] * 2

    async def test_what_cannot_be_sent_is_tried_again_with_a_new_code(self, post: Post) -> None:
        post.messenger.failures = [NotSent("down"), RuntimeError(EMAIL)]
        await registered(post.partner, SENDER)
        with capture_logs() as logs:
            for _ in range(3):
                await post.due_now()
                assert await post.courier.step()
        assert EMAIL not in str(logs)
        assert len(post.messenger.messages) == 1
        assert (await post.put(**{CODE: post.messenger.code})).status == 202

    async def test_what_is_given_up_raises_an_alert_and_may_be_asked_for_again(
        self, post: Post, database: Database
    ) -> None:
        post.messenger.failures = [NotSent("down") for _ in range(TRIES_MAX)]
        await registered(post.partner, SENDER)
        for _ in range(TRIES_MAX):
            await post.due_now()
            assert await post.courier.step()
        await post.due_now()
        assert not await post.courier.step()
        (alert,) = await rows(database, "SELECT kind, subject, message FROM alerts")
        assert (alert["kind"], alert["subject"]) == ("codes_not_sent", "email_address")
        assert EMAIL not in alert["message"]

        post.clock.advance(timedelta(minutes=1))
        await registered(post.partner, SENDER)
        assert await post.courier.step()
        assert (await post.put(**{CODE: post.messenger.code})).status == 202

    async def test_one_that_died_in_between_is_followed_by_another(self, post: Post) -> None:
        await registered(post.partner, SENDER)
        post.messenger.failures = [asyncio.CancelledError()]  # type: ignore[list-item]  # a process that ends
        with pytest.raises(asyncio.CancelledError):
            await post.courier.step()
        assert not await post.courier.step()
        await post.due_now()
        assert await post.courier.step()
        assert (await post.put(**{CODE: post.messenger.code})).status == 202

    async def test_erasing_the_customer_takes_the_code_with_it(self, post: Post, database: Database) -> None:
        await post.sent_code()
        await post.partner.send("DELETE", f"{CUSTOMER}/{PARTNER}")
        assert await rows(database, "SELECT 1 FROM customer_confirmations") == []
