"""SEP-9 over HTTP: what is judged by what else is known, what is noted of it, and several requests at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.fixtures.customers import CUSTOMER, RECEIVER, SENDER, registered, rows

if TYPE_CHECKING:
    from tests.fixtures.asgi import Caller

    from roadstead.database.pool import Database

RFC = "GODE561231GR8"


async def unchecked(database: Database) -> set[str]:
    return {row["name"] for row in await rows(database, "SELECT name FROM customer_fields WHERE unchecked")}


class TestWhatNoRuleIsKnownFor:
    async def test_it_is_taken_and_noted_field_by_field(self, partner: Caller, database: Database) -> None:
        await registered(partner, {"tax_id": "12345", "address_country_code": "NGA", "city": "Lagos"})

        assert await unchecked(database) == {"tax_id"}

    async def test_what_explains_it_may_come_later(self, partner: Caller, database: Database) -> None:
        customer_id = await registered(partner, {"tax_id": RFC})
        assert await unchecked(database) == {"tax_id"}

        await registered(partner, {"tax_id_name": "RFC"}, id=customer_id)
        assert await unchecked(database) == set()

    async def test_what_explains_it_may_have_come_before(self, partner: Caller, database: Database) -> None:
        customer_id = await registered(partner, {"tax_id_name": "RFC", "address_country_code": "MEX"})

        refused = await partner.send_json("PUT", CUSTOMER, {"id": customer_id, "tax_id": "GODE561331GR8"})
        assert refused.status == 400
        assert refused.json["error"].startswith("'tax_id' is not a tax number of that country")

        await registered(partner, {"tax_id": RFC}, id=customer_id)
        assert await unchecked(database) == set()


class TestDocuments:
    async def test_one_that_never_ends_is_taken(self, partner: Caller) -> None:
        await registered(partner, {"id_number": "C01X00T47", "id_expiration_date": "9999-12-31"})


class TestCards:
    @pytest.mark.parametrize("encoding", ["json", "form"])
    async def test_a_number_is_refused_and_nothing_is_stored(
        self, partner: Caller, database: Database, encoding: str
    ) -> None:
        fields = {**SENDER, "card.number": "4111111111111111", "card.cvc": "737"}
        send = partner.send_json if encoding == "json" else partner.send_form
        reply = await send("PUT", CUSTOMER, fields)

        assert reply.status == 400
        assert "'card.number' cannot be taken" in reply.json["error"]
        assert "'card.cvc' cannot be taken" in reply.json["error"]
        assert "4111" not in reply.json["error"]
        assert await rows(database, "SELECT id FROM customers") == []

    async def test_a_token_is_taken(self, partner: Caller, database: Database) -> None:
        await registered(partner, {"card.token": "tok_1MzVzW2eZvKYlo2C", "card.network": "Visa"})

        assert len(await rows(database, "SELECT name FROM customer_fields")) == 2


class TestTypes:
    async def test_each_has_a_status_of_its_own(self, partner: Caller) -> None:
        customer_id = await registered(partner, SENDER)

        usual = await partner.get(CUSTOMER, id=customer_id, type="sep31-sender")
        large = await partner.get(CUSTOMER, id=customer_id, type="sep31-large-sender", lang="pt")

        assert usual.json["status"] == "ACCEPTED"
        assert large.json["status"] == "NEEDS_INFO"
        assert large.json["provided_fields"].keys() == SENDER.keys()
        assert large.json["fields"]["id_number"]["description"] == "Número do documento de identidade"

    async def test_a_field_that_has_become_too_old_is_asked_again(
        self, partner: Caller, database: Database
    ) -> None:
        customer_id = await registered(partner, {**RECEIVER, "birth_date": "1984-02-29", "address": "1 Quay"})
        large = {"id": customer_id, "type": "sep31-large-receiver"}
        assert (await partner.get(CUSTOMER, **large)).json["status"] == "ACCEPTED"

        await rows(database, "UPDATE customer_fields SET received_at = received_at - interval '365 days'")
        old = await partner.get(CUSTOMER, **large)
        assert old.json["status"] == "NEEDS_INFO"
        assert [name for name, about in old.json["fields"].items() if not about.get("optional")] == [
            "address"
        ]

        await registered(partner, {"address": "2 Quay"}, id=customer_id)
        assert (await partner.get(CUSTOMER, **large)).json["status"] == "ACCEPTED"


class TestAtTheSameMoment:
    async def test_many_about_one_customer_lose_nothing_and_give_one_id(
        self, partner: Caller, database: Database
    ) -> None:
        parts = [{name: value} for name, value in {**SENDER, **RECEIVER, "city": "Porttown"}.items()]
        ids = await asyncio.gather(*(registered(partner, part, memo="7") for part in parts * 2))

        assert len(set(ids)) == 1
        kept = await rows(database, "SELECT name FROM customer_fields ORDER BY name")
        assert [row["name"] for row in kept] == sorted({name for part in parts for name in part})

    async def test_of_two_values_of_one_field_one_whole_value_stays(
        self, partner: Caller, database: Database
    ) -> None:
        pairs = [
            {"tax_id": RFC, "tax_id_name": "RFC"},
            {"tax_id": "BOXW310820HNERXN09", "tax_id_name": "CURP"},
        ]
        customer_id = await registered(partner, {"address_country_code": "MEX"})
        await asyncio.gather(*(registered(partner, pair, id=customer_id) for pair in pairs * 4))

        assert await unchecked(database) == set()
        assert len(await rows(database, "SELECT name FROM customer_fields")) == 3
