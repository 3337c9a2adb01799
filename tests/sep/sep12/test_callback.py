"""Being told of a customer's status (SEP-12 PUT /customer/callback)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.fixtures.asgi import Caller, Reply
from tests.fixtures.authentication import FakeAccounts, key, services_on
from tests.fixtures.callbacks import Outbox
from tests.fixtures.customers import CUSTOMER
from tests.fixtures.house import IBAN, PARTNER, RECEIVER, SENDER, House, house_on
from tests.fixtures.receiver import Receiver, receiving
from tests.fixtures.scripted_rail import Behaviour

from roadstead.callbacks.store import SubjectKind
from roadstead.database.migrate import APP_ROLE
from roadstead.partners import registry
from roadstead.partners.challenges import auth_endpoint
from roadstead.partners.principal import Principal
from roadstead.partners.tokens import TokenBook
from roadstead.sep.application import build_application
from roadstead.sep.sep12 import ROUTES
from roadstead.sep.sep12_changes import ROUTES as MORE_ROUTES
from roadstead.sep.sep12_changes import callback_renderer

CALLBACK = f"{CUSTOMER}/callback"
NOBODY = key("nobody").public_key


@dataclass(slots=True, kw_only=True)
class Watched:
    """SEP-12 on a house, its partner, and where the partner listens."""

    house: House
    partner: Caller
    nobody: Caller
    receiver: Receiver
    outbox: Outbox

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.receiver.port}/customers"

    async def watch(self, **named: str) -> Reply:
        return await self.partner.send_json("PUT", CALLBACK, {"url": self.url} | named)

    async def put(self, **fields: str) -> Reply:
        return await self.partner.send_json("PUT", CUSTOMER, fields)

    async def deliver(self) -> list[dict[str, Any]]:
        """Let callbacks go out and return all that was heard so far."""
        deliverer = self.outbox.deliverer()
        deliverer._renderers = {SubjectKind.CUSTOMER: callback_renderer(self.house.configuration.anchor)}
        await self.outbox.deliver(deliverer)
        return [json.loads(heard.body) for heard in self.receiver.heard]


@pytest.fixture
async def watched(database_url: str) -> AsyncIterator[Watched]:
    async with (
        house_on(f"{database_url}?role={APP_ROLE}") as house,
        receiving() as receiver,
    ):
        await registry.change_callback_hosts(house.database, "Example Sender", "tests", add=["127.0.0.1"])
        settings = house.configuration.settings
        tokens = TokenBook(
            issuer=auth_endpoint(settings.public_url), secrets=[settings.jwt_secret], clock=house.clock
        )
        services = services_on(house.database, FakeAccounts(), house.clock, house.configuration)
        caller = Caller(application=build_application((*ROUTES, *MORE_ROUTES), services))

        def known_as(account: str) -> Caller:
            return caller.with_token(tokens.issue(Principal(account=account), bytes(32), house.clock.now()))

        outbox = Outbox(house=house)
        yield Watched(
            house=house, partner=known_as(PARTNER), nobody=known_as(NOBODY), receiver=receiver, outbox=outbox
        )
        for client in outbox.clients:
            await client.close()


class TestTelling:
    @pytest.mark.clause("SEP-12/callback/change")
    async def test_every_change_is_told_as_get_customer_answers_it(self, watched: Watched) -> None:
        await watched.put(memo="9", type="sep31-sender", first_name="Ann")
        assert (await watched.watch(memo="9")).status == 200
        await watched.put(memo="9", last_name="Bosun")
        assert await watched.deliver() == []

        await watched.put(memo="9", email_address="ann@example.com")

        told = await watched.deliver()
        assert told == [(await watched.partner.get(CUSTOMER, memo="9")).json]
        assert told[0]["status"] == "ACCEPTED"
        (heard,) = watched.receiver.heard
        assert heard.headers["signature"].startswith("t=")
        assert heard.headers["signature"] == heard.headers["x-stellar-signature"]
        assert "ann@example.com" not in heard.body.decode()

    @pytest.mark.clause("SEP-12/callback/spent")
    async def test_after_accepted_it_is_spent_until_it_is_set_again(self, watched: Watched) -> None:
        receiver_id = str(watched.house.receiver_id)
        await watched.put(memo="9", type="sep31-sender", first_name="Ann", last_name="Bosun")
        await watched.watch(memo="9")
        await watched.put(memo="9", email_address="ann@example.com")
        await watched.put(memo="9", type="sep31-receiver")
        assert [told["status"] for told in await watched.deliver()] == ["ACCEPTED"]

        assert (await watched.watch(id=receiver_id)).status == 200
        await self.refused_by_the_bank(watched)
        assert [told["status"] for told in await watched.deliver()] == ["ACCEPTED", "NEEDS_INFO"]

    async def refused_by_the_bank(self, watched: Watched) -> None:
        """Let the bank refuse the receiving client's account, which is then asked for again."""
        house = watched.house
        opened = await house.open()
        await house.pay(opened.memo)
        await house.match()
        house.rail.script.append(Behaviour.REFUSE)
        house.rail.refusals.append("AC01")
        await house.work()
        await house.hear()
        await house.make_due()
        await house.work()

    async def test_what_a_bank_refused_is_told_and_its_correction_too(self, watched: Watched) -> None:
        receiver_id = str(watched.house.receiver_id)
        await watched.watch(id=receiver_id, type="sep31-receiver")
        await self.refused_by_the_bank(watched)

        await watched.put(id=receiver_id, bank_account_number="GB82WEST12345698765432")

        told = await watched.deliver()
        assert [message["status"] for message in told] == ["NEEDS_INFO", "ACCEPTED"]
        assert told[0]["provided_fields"]["bank_account_number"]["status"] == "REJECTED"
        assert IBAN not in str(told)

    @pytest.mark.clause("SEP-12/callback/replaced")
    async def test_a_later_url_takes_the_place_of_the_earlier(self, watched: Watched) -> None:
        await watched.put(memo="9", type="sep31-sender", first_name="Ann", last_name="Bosun")
        await watched.watch(memo="9", url=f"{watched.url}/old")
        await watched.watch(memo="9", url=f"{watched.url}/new")
        await watched.put(memo="9", email_address="ann@example.com")
        await watched.deliver()
        assert [heard.resource for heard in watched.receiver.heard] == ["/customers/new"]


class TestRefusing:
    @pytest.mark.clause("SEP-12/callback/unknown")
    async def test_an_unknown_customer_is_404(self, watched: Watched) -> None:
        assert (await watched.watch(memo="77")).status == 404
        assert (await watched.watch(id="77")).status == 404

    @pytest.mark.parametrize(
        "content", [{}, {"url": ""}, {"url": "x"}, {"url": "https://elsewhere.example/"}, {"url": 5}]
    )
    async def test_what_is_no_url_that_was_agreed_is_400(
        self, watched: Watched, content: dict[str, object]
    ) -> None:
        reply = await watched.partner.send_json("PUT", CALLBACK, {"memo": "1", **content})
        assert reply.status == 400
        assert reply.error

    async def test_an_account_of_no_partner_is_403(self, watched: Watched) -> None:
        await watched.nobody.send_json("PUT", CUSTOMER, SENDER)
        reply = await watched.nobody.send_json("PUT", CALLBACK, {"url": watched.url})
        assert reply.status == 403

    async def test_a_token_is_needed(self, watched: Watched) -> None:
        assert (await watched.partner.with_token(None).send_json("PUT", CALLBACK, {})).status == 401
        assert RECEIVER
