"""The languages of what partners show to people: errors, customer types, fields, messages."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.fixtures.asgi import Caller
from tests.fixtures.authentication import FakeAccounts, configured, services_on
from tests.fixtures.house import PARTNER, house_on

from roadstead.messages.catalogue import shipped_messages
from roadstead.partners.principal import Principal
from roadstead.partners.tokens import TokenBook
from roadstead.sep.application import build_application
from roadstead.sep.table import route_table

PROPOSAL = {"amount": "10", "asset_code": "XYZ"}
FRENCH = "L'actif 'XYZ' n'est pas accepté : utilisez l'un de EURX, USDC."


@pytest.fixture
async def caller(database_url: str) -> AsyncIterator[Caller]:
    async with house_on(database_url) as house:
        configuration = configured()
        services = services_on(house.database, FakeAccounts(), house.clock, configuration)
        tokens = services.tokens
        assert isinstance(tokens, TokenBook)
        token = tokens.issue(Principal(account=PARTNER), b"0" * 32, house.clock.now())
        yield Caller(application=build_application(route_table(configuration), services), token=token)


class TestErrors:
    @pytest.mark.clause("SEP-31/post/lang")
    async def test_the_language_of_the_body_counts(self, caller: Caller) -> None:
        reply = await caller.send_json("POST", "/sep31/transactions", {**PROPOSAL, "lang": "fr"})
        assert (reply.status, reply.error) == (400, FRENCH)

    async def test_the_query_counts_before_a_body_is_read(self, caller: Caller) -> None:
        reply = await caller.with_token(None).send("POST", "/sep31/transactions", query="lang=pt")
        assert reply.status == 403
        assert reply.error.startswith("Este ponto de acesso exige um token SEP-10")

    @pytest.mark.parametrize("lang", ["xx", "", "fr\x00", "zz-ZZ", "%00", "a" * 500])
    async def test_an_unknown_language_is_english_and_no_error_of_its_own(
        self, caller: Caller, lang: str
    ) -> None:
        reply = await caller.send_json("POST", "/sep31/transactions", {**PROPOSAL, "lang": lang})
        assert reply.error == "Asset 'XYZ' is not accepted: use one of EURX, USDC."

    async def test_a_word_that_machines_read_is_never_translated(self, caller: Caller) -> None:
        body = {"amount": "10", "asset_code": "EURX", "lang": "es"}
        reply = await caller.send_json("POST", "/sep31/transactions", body)
        assert reply.json == {"error": "customer_info_needed", "type": "sep31-sender"}


class TestDescriptions:
    @pytest.mark.clause("SEP-31/info/lang")
    async def test_customer_types_are_described_in_the_language_asked_for(self, caller: Caller) -> None:
        reply = await caller.get("/sep31/info", lang="es")
        sender = reply.json["receive"]["EURX"]["sep12"]["sender"]["types"]["sep31-sender"]
        assert sender == {"description": "Personas que envían dinero"}

    async def test_fields_and_the_message_of_a_customer_are_too(self, caller: Caller) -> None:
        reply = await caller.get("/kyc/customer", type="sep31-sender", lang="pt-PT")
        assert reply.json["fields"]["first_name"]["description"] == "Nome próprio"
        assert reply.json["message"] == (
            "Estes campos ainda são necessários: first_name, last_name, email_address."
        )

    async def test_every_problem_of_a_form_is_named_in_the_language_asked_for(self, caller: Caller) -> None:
        body = {"type": "sep31-receiver", "lang": "es", "bank_account_number": "DE00", "birth_date": "x"}
        reply = await caller.send_json("PUT", "/kyc/customer", body)
        assert reply.status == 400
        assert "no es un IBAN" in reply.error
        assert "no es una fecha" in reply.error

    def test_every_description_of_the_example_is_translated(self) -> None:
        anchor = configured().anchor
        texts = {kind.description for kind in anchor.customer_types} | {
            field.description for kind in anchor.customer_types for field in kind.fields
        }
        translated = {entry.text for entry in anchor.translations if entry.es and entry.pt and entry.fr}
        shipped = {message.english for message in shipped_messages()}
        assert texts <= translated | shipped
        assert translated <= texts
