"""What is asked of customers, and how they are told to stand (SEP-12 GET /customer)."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest
from tests.fixtures.asgi import Caller
from tests.fixtures.customers import (
    CUSTOMER,
    EXAMPLE,
    PARTNER,
    RECEIVER,
    SENDER,
    STRANGER,
    open_remittance,
    registered,
)

from roadstead.config.anchor_file import load_anchor
from roadstead.database.pool import Database
from roadstead.sep.application import build_application
from roadstead.sep.sep12 import ROUTES
from roadstead.sep.services import Services


class TestAskingAboutACustomer:
    @pytest.mark.clause("SEP-12/get/unknown")
    async def test_one_never_registered_is_asked_for_everything_and_has_no_id(self, partner: Caller) -> None:
        reply = await partner.get(CUSTOMER, type="sep31-receiver")

        assert reply.status == 200
        assert set(reply.json) == {"status", "fields", "message"}
        assert reply.json["status"] == "NEEDS_INFO"
        assert reply.json["fields"]["bank_account_number"] == {
            "type": "string",
            "description": "IBAN of the account that receives the money",
        }
        assert reply.json["fields"]["email_address"]["optional"] is True

    @pytest.mark.clause("SEP-12/get/parameters")
    async def test_nothing_need_be_named(self, partner: Caller) -> None:
        reply = await partner.get(CUSTOMER)

        assert reply.status == 200
        assert set(reply.json["fields"]) == {"first_name", "last_name", "email_address"}

    @pytest.mark.clause("SEP-12/get/accepted")
    async def test_a_complete_customer_is_accepted_and_no_required_field_is_asked(
        self, partner: Caller
    ) -> None:
        customer_id = await registered(partner, RECEIVER, type="sep31-receiver")

        reply = await partner.get(CUSTOMER, id=customer_id, type="sep31-receiver")

        assert reply.json["id"] == customer_id
        assert reply.json["status"] == "ACCEPTED"
        assert list(reply.json["fields"]) == ["email_address"]
        assert {
            name: field["status"] for name, field in reply.json["provided_fields"].items()
        } == dict.fromkeys(RECEIVER, "ACCEPTED")

    @pytest.mark.clause("SEP-12/type/each")
    async def test_the_same_customer_stands_differently_for_each_type(self, partner: Caller) -> None:
        customer_id = await registered(partner, SENDER)

        as_sender = await partner.get(CUSTOMER, id=customer_id, type="sep31-sender")
        as_receiver = await partner.get(CUSTOMER, id=customer_id, type="sep31-receiver")

        assert as_sender.json["status"] == "ACCEPTED"
        assert "fields" not in as_sender.json
        assert as_receiver.json["status"] == "NEEDS_INFO"
        assert as_receiver.json["message"] == (
            "These fields are still needed: bank_account_number, address_country_code."
        )

    @pytest.mark.clause("SEP-12/get/values")
    async def test_values_are_never_shown(self, partner: Caller) -> None:
        customer_id = await registered(partner, SENDER | RECEIVER)

        reply = await partner.get(CUSTOMER, id=customer_id)

        for value in (*SENDER.values(), *RECEIVER.values(), "DE89370400440532013000"):
            assert value.encode() not in reply.body

    @pytest.mark.parametrize("type_name", ["sep31-nobody", "", "\0", "sep31-sender\0"])
    @pytest.mark.clause("SEP-12/type/unknown")
    async def test_an_unknown_type_is_refused(self, partner: Caller, type_name: str) -> None:
        reply = await partner.get(CUSTOMER, type=type_name)

        assert reply.status == 400
        assert "sep31-sender" in reply.error

    @pytest.mark.parametrize(
        "customer_id",
        [
            "not-an-id",
            "18e413284",
            "",
            "\0",
            "3b1f0a52-6f0e-4f57-9c5b-1a2b3c4d5e6f",
            "{3b1f0a52-6f0e-4f57-9c5b-1a2b3c4d5e6f}",
        ],
    )
    @pytest.mark.clause("SEP-12/id/unknown")
    async def test_an_id_that_is_not_ours_is_not_found(self, partner: Caller, customer_id: str) -> None:
        assert (await partner.get(CUSTOMER, id=customer_id)).status == 404
        assert (await partner.send_json("PUT", CUSTOMER, {"id": customer_id, **SENDER})).status == 404

    @pytest.mark.clause("SEP-12/get/lang")
    async def test_any_language_may_be_asked_for(self, partner: Caller) -> None:
        assert (await partner.get(CUSTOMER, lang="tlh")).status == 200

    async def test_a_changed_offer_takes_effect_at_once(self, partner: Caller, services: Services) -> None:
        customer_id = await registered(partner, SENDER, type="sep31-sender")
        anchor = load_anchor(EXAMPLE)
        stricter = replace(
            anchor.customer_type("sep31-sender"), fields=anchor.customer_type("sep31-receiver").fields
        )
        changed = replace(services.configuration, anchor=replace(anchor, customer_types=(stricter,)))
        application = build_application(ROUTES, replace(services, configuration=changed))

        reply = await Caller(application=application, token=PARTNER).get(CUSTOMER, id=customer_id)

        assert reply.json["status"] == "NEEDS_INFO"
        assert "bank_account_number" in reply.json["fields"]

    async def test_an_anchor_that_asks_nothing_accepts_everybody(self, services: Services) -> None:
        anchor = replace(load_anchor(EXAMPLE), customer_types=())
        changed = replace(services.configuration, anchor=anchor)
        application = build_application(ROUTES, replace(services, configuration=changed))

        reply = await Caller(application=application, token=PARTNER).get(CUSTOMER)

        assert reply.json == {"status": "ACCEPTED"}


class TestWithoutAType:
    @pytest.mark.parametrize("type_name", ["sep31-sender", "sep31-receiver"])
    async def test_the_type_of_the_last_registration_counts(self, partner: Caller, type_name: str) -> None:
        fields = {"sep31-sender": SENDER, "sep31-receiver": RECEIVER}[type_name]
        customer_id = await registered(partner, fields, type=type_name)

        assert (await partner.get(CUSTOMER, id=customer_id)).json["status"] == "ACCEPTED"

    async def test_it_counts_also_when_another_type_would_be_complete(self, partner: Caller) -> None:
        customer_id = await registered(partner, SENDER, type="sep31-receiver")

        reply = await partner.get(CUSTOMER, id=customer_id)

        assert "bank_account_number" in reply.json["fields"]

    @pytest.mark.parametrize("fields", [SENDER, RECEIVER])
    @pytest.mark.clause("SEP-12/type/missing")
    async def test_complete_data_of_any_type_are_enough(
        self, partner: Caller, fields: dict[str, str]
    ) -> None:
        customer_id = await registered(partner, fields)

        assert (await partner.get(CUSTOMER, id=customer_id)).json["status"] == "ACCEPTED"


class TestThroughATransaction:
    @pytest.mark.clause("SEP-12/transaction/party")
    async def test_the_party_on_the_side_of_the_type_is_meant(
        self, partner: Caller, database: Database
    ) -> None:
        sender = await registered(partner, SENDER, memo="1")
        receiver = await registered(partner, RECEIVER, memo="2")
        remittance = await open_remittance(database, "pending_sender", sender=sender, receiver=receiver)

        as_sender = await partner.get(CUSTOMER, transaction_id=remittance, type="sep31-sender")
        as_receiver = await partner.get(CUSTOMER, transaction_id=remittance, type="sep31-receiver")

        assert as_sender.json["id"] == sender
        assert as_receiver.json["id"] == receiver
        changed = {"transaction_id": remittance, "type": "sep31-receiver", "first_name": "Bart"}
        assert (await partner.send_json("PUT", CUSTOMER, changed)).json["id"] == receiver

    @pytest.mark.clause("SEP-12/transaction/type")
    async def test_a_type_has_to_be_named(self, partner: Caller) -> None:
        assert (await partner.get(CUSTOMER, transaction_id=str(uuid4()))).status == 400

    @pytest.mark.clause("SEP-12/transaction/unknown")
    async def test_what_is_unknown_or_somebody_elses_is_not_found(
        self, partner: Caller, database: Database
    ) -> None:
        sender = await registered(partner, SENDER)
        remittance = await open_remittance(database, "pending_sender", sender=sender, receiver=sender)
        stranger = partner.with_token(STRANGER)

        for caller, named in ((partner, str(uuid4())), (partner, "18e413284"), (stranger, remittance)):
            reply = await caller.get(CUSTOMER, transaction_id=named, type="sep31-sender")
            assert reply.status == 404
