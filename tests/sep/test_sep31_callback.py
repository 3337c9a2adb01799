"""SEP-31 PUT /transactions/:id/callback: where a partner is told of every change of status."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

import pytest
from tests.fixtures.asgi import Caller, Reply
from tests.fixtures.authentication import FakeAccounts, key, services_on
from tests.fixtures.house import PARTNER, House, house_on

from roadstead.database.migrate import APP_ROLE
from roadstead.partners import registry
from roadstead.partners.challenges import auth_endpoint
from roadstead.partners.principal import Principal
from roadstead.partners.tokens import TokenBook
from roadstead.sep.application import build_application
from roadstead.sep.sep31 import ROUTES

STRANGER = key("stranger").public_key
OTHER_PARTNER = key("other partner").public_key
URL = "https://sender.example/callbacks?key=secret"


@dataclass(slots=True, kw_only=True)
class Api:
    """SEP-31 on a house, as its partner calls it."""

    house: House
    partner: Caller
    other: Caller
    stranger: Caller

    async def put(self, remittance_id: object, content: object, caller: Caller | None = None) -> Reply:
        path = f"/sep31/transactions/{remittance_id}/callback"
        return await (caller or self.partner).send_json("PUT", path, content)

    async def registered(self) -> list[tuple[str, str]]:
        async with self.house.database.connection() as connection:
            rows = await connection.fetch(
                "SELECT url, host FROM callback_registrations ORDER BY registered_at"
            )
        return [(row["url"], row["host"]) for row in rows]


async def api_on(house: House, *, private_allowed: bool) -> Api:
    configuration = replace(
        house.configuration,
        profile=replace(house.configuration.profile, allows_callbacks_to_private_addresses=private_allowed),
    )
    await registry.change_callback_hosts(
        house.database,
        "Example Sender",
        "tests",
        add=["sender.example", "sender.example:8443", "127.0.0.1", "localhost", "8.8.8.8"],
    )
    await registry.add(house.database, "Other", [OTHER_PARTNER], "tests", callback_hosts=["other.example"])
    settings = configuration.settings
    tokens = TokenBook(
        issuer=auth_endpoint(settings.public_url), secrets=[settings.jwt_secret], clock=house.clock
    )
    services = services_on(house.database, FakeAccounts(), house.clock, configuration)
    caller = Caller(application=build_application(ROUTES, services))

    def known_as(account: str) -> Caller:
        return caller.with_token(tokens.issue(Principal(account=account), bytes(32), house.clock.now()))

    return Api(
        house=house, partner=known_as(PARTNER), other=known_as(OTHER_PARTNER), stranger=known_as(STRANGER)
    )


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    # With the rights of the server and no more.
    async with house_on(f"{database_url}?role={APP_ROLE}") as furnished:
        yield furnished


@pytest.fixture
async def api(house: House) -> Api:
    """The API where money is real."""
    return await api_on(house, private_allowed=False)


@pytest.fixture
async def remittance_id(house: House) -> UUID:
    return (await house.open()).id


class TestRegistering:
    @pytest.mark.clause("SEP-31/callback/put")
    async def test_it_is_answered_with_204_and_no_body(self, api: Api, remittance_id: UUID) -> None:
        reply = await api.put(remittance_id, {"url": URL})
        assert (reply.status, reply.body) == (204, b"")
        assert await api.registered() == [(URL, "sender.example")]

    @pytest.mark.clause("SEP-31/callback/replacement")
    async def test_a_later_url_replaces_the_earlier(self, api: Api, remittance_id: UUID) -> None:
        for url in (URL, "https://sender.example:8443/new"):
            assert (await api.put(remittance_id, {"url": url})).status == 204
        assert await api.registered() == [("https://sender.example:8443/new", "sender.example:8443")]

    async def test_it_is_safe_to_repeat_at_any_status(
        self, api: Api, house: House, remittance_id: UUID
    ) -> None:
        await house.execute("UPDATE remittances SET status = 'expired'")
        for _ in range(2):
            assert (await api.put(remittance_id, {"url": URL})).status == 204

    async def test_a_public_address_that_was_agreed_is_taken(self, api: Api, remittance_id: UUID) -> None:
        assert (await api.put(remittance_id, {"url": "https://8.8.8.8/"})).status == 204

    async def test_in_a_sandbox_this_machine_may_be_called_over_plain_http(
        self, house: House, remittance_id: UUID
    ) -> None:
        sandbox = await api_on(house, private_allowed=True)
        for url in ("http://localhost:54321/callbacks", "http://127.0.0.1:1/"):
            assert (await sandbox.put(remittance_id, {"url": url})).status == 204


class TestRefusing:
    @pytest.mark.clause("SEP-31/callback/invalid")
    @pytest.mark.parametrize(
        "content",
        [
            {},
            {"url": None},
            {"url": 5},
            {"url": ""},
            {"url": "sender.example"},
            {"url": "http://sender.example/"},
            {"url": "https://sender.example:444/"},
            {"url": "https://other.example/"},
            {"url": "https://sender.example.evil.example/"},
            {"url": "https://user@sender.example/"},
            {"url": "https://sender.example/#x"},
            {"url": "https://127.0.0.1/"},
            {"url": "https://2130706433/"},
            {"url": f"https://sender.example/{'a' * 2000}"},
            ["url"],
            "url",
        ],
    )
    async def test_what_is_no_url_that_was_agreed_is_400(
        self, api: Api, remittance_id: UUID, content: object
    ) -> None:
        reply = await api.put(remittance_id, content)
        assert reply.status == 400
        assert reply.error
        assert await api.registered() == []

    async def test_a_refusal_leaves_the_earlier_url(self, api: Api, remittance_id: UUID) -> None:
        await api.put(remittance_id, {"url": URL})
        assert (await api.put(remittance_id, {"url": "https://other.example/"})).status == 400
        assert await api.registered() == [(URL, "sender.example")]

    @pytest.mark.clause("SEP-31/callback/unknown")
    @pytest.mark.parametrize("unknown", [uuid4(), "not-an-id", "18e413284", "%00"])
    async def test_an_unknown_id_is_404_whatever_its_form(self, api: Api, unknown: object) -> None:
        assert (await api.put(unknown, {"url": URL})).status == 404

    @pytest.mark.clause("SEP-31/callback/unknown")
    async def test_the_remittance_of_another_partner_is_unknown(self, api: Api, remittance_id: UUID) -> None:
        reply = await api.put(remittance_id, {"url": "https://other.example/"}, api.other)
        assert reply.status == 404
        assert await api.registered() == []

    @pytest.mark.clause("SEP-31/authentication")
    async def test_without_a_token_of_a_partner_it_is_403_before_anything_is_read(self, api: Api) -> None:
        for caller in (api.stranger, api.partner.with_token(None), api.partner.with_token("x")):
            reply = await caller.send(
                "PUT",
                "/sep31/transactions/not-an-id/callback",
                body=b"[object Object]",
                content_type="text/plain",
            )
            assert (reply.status, bool(reply.error)) == (403, True)

    async def test_the_message_says_what_to_do(self, api: Api, remittance_id: UUID) -> None:
        reply = await api.put(remittance_id, {"url": "https://other.example/"})
        assert "other.example" in reply.error
        assert "support" in reply.error
