"""Registering customers (SEP-12 PUT /customer), and how their data lie in the database."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from tests.fixtures.asgi import Caller, Reply
from tests.fixtures.customers import (
    CUSTOMER,
    HASH_MEMO,
    PARTNER,
    RECEIVER,
    SENDER,
    registered,
    rows,
)

from roadstead.customers.registry import reveal
from roadstead.database.pool import Database
from roadstead.sep.services import Services


class TestRegistering:
    @pytest.mark.parametrize("send", [Caller.send_json, Caller.send_form, Caller.send_multipart])
    @pytest.mark.clause("SEP-12/put/encodings")
    async def test_each_encoding_registers_the_same(self, partner: Caller, send: Any) -> None:
        reply: Reply = await send(partner, "PUT", CUSTOMER, SENDER)

        assert reply.status == 202
        assert set(reply.json) == {"id"}
        state = await partner.get(CUSTOMER, type="sep31-sender")
        assert (state.json["id"], state.json["status"]) == (reply.json["id"], "ACCEPTED")

    @pytest.mark.clause("SEP-12/put/idempotent")
    async def test_the_same_identity_keeps_its_id_and_gathers_fields(self, partner: Caller) -> None:
        first = await registered(partner, {"first_name": "Ann"}, memo="7", type="sep31-sender")
        assert (await partner.get(CUSTOMER, memo="7")).json["status"] == "NEEDS_INFO"

        second = await registered(partner, {"last_name": "Bosun"}, memo="7")
        third = await registered(partner, {"email_address": "ann@example.com"}, id=first)

        assert first == second == third
        assert (await partner.get(CUSTOMER, memo="7")).json["status"] == "ACCEPTED"

    @pytest.mark.clause("SEP-12/put/memos")
    async def test_other_memos_are_other_customers(self, partner: Caller) -> None:
        ids = {await registered(partner, SENDER, memo=memo) for memo in ("0", "1", "2", "abc", HASH_MEMO)}
        ids.add(await registered(partner, SENDER))

        assert len(ids) == 6

    async def test_a_new_value_replaces_the_old(self, partner: Caller, services: Services) -> None:
        customer_id = await registered(partner, SENDER)
        await registered(partner, {"first_name": "Mina"})

        async with services.database.connection() as connection:
            found = await reveal(connection, services.keys, UUID(customer_id), ["first_name", "last_name"])

        assert found == {"first_name": "Mina", "last_name": "Quarterdeck"}

    @pytest.mark.parametrize("send_type", [True, False])
    async def test_a_correction_has_to_suit_the_type_of_the_customer(
        self, partner: Caller, *, send_type: bool
    ) -> None:
        customer_id = await registered(partner, RECEIVER, type="sep31-receiver")
        named = {"id": customer_id} | ({"type": "sep31-receiver"} if send_type else {})

        refused = await partner.send_json("PUT", CUSTOMER, {**named, "bank_account_number": "12345678"})
        taken = await partner.send_json(
            "PUT", CUSTOMER, {**named, "bank_account_number": "GB82WEST12345698765432"}
        )

        assert refused.status == 400
        assert "'bank_account_number' is not an IBAN" in refused.error
        assert taken.status == 202

    @pytest.mark.clause("SEP-12/put/aliases")
    async def test_aliases_are_the_same_field(self, partner: Caller) -> None:
        await registered(
            partner,
            {"given_name": "Ann", "family_name": "Bosun", "email_address": "ann@example.com"},
            type="sep31-sender",
        )

        assert (await partner.get(CUSTOMER)).json["status"] == "ACCEPTED"

    @pytest.mark.clause("SEP-12/put/unknown-fields")
    async def test_fields_that_are_not_of_sep9_are_not_kept(
        self, partner: Caller, database: Database
    ) -> None:
        await registered(partner, {**SENDER, "favourite_knot": "bowline", "card.colour": "blue"})

        names = {row["name"] for row in await rows(database, "SELECT name FROM customer_fields")}
        assert names == set(SENDER)

    async def test_numbers_may_be_sent_as_numbers(self, partner: Caller) -> None:
        reply = await partner.send_json("PUT", CUSTOMER, {**SENDER, "occupation": 251, "memo": 12})

        assert reply.status == 202
        assert (await partner.get(CUSTOMER, memo="12")).json["id"] == reply.json["id"]

    async def test_a_request_without_a_body_registers_a_customer_without_fields(
        self, partner: Caller
    ) -> None:
        assert (await partner.send("PUT", CUSTOMER)).status == 202

    @pytest.mark.clause("SEP-12/put/invalid")
    async def test_all_that_is_wrong_is_told_at_once_and_no_value_is_repeated(self, partner: Caller) -> None:
        wrong = {
            "email_address": "not-an-email-8471",
            "birth_date": "8471-13-40",
            "address_country_code": "Germany8471",
            "bank_account_number": "DE00370400440532018471",
        }

        reply = await partner.send_json("PUT", CUSTOMER, wrong)

        assert reply.status == 400
        assert all(name in reply.error for name in wrong)
        assert "8471" not in reply.error
        assert "id" not in (await partner.get(CUSTOMER)).json

    @pytest.mark.parametrize("value", ["Ann\0", "\x07Ann", "A\nnn", "\u202eAnn", "\x7f"])
    async def test_control_characters_are_refused(self, partner: Caller, value: str) -> None:
        reply = await partner.send_json("PUT", CUSTOMER, {"first_name": value})

        assert reply.status == 400
        assert "'first_name' has control characters" in reply.error

    @pytest.mark.parametrize("send", [Caller.send_json, Caller.send_form, Caller.send_multipart])
    async def test_documents_as_texts_are_refused(self, partner: Caller, send: Any) -> None:
        reply: Reply = await send(partner, "PUT", CUSTOMER, {"photo_id_front": "iVBORw0KGgo="})

        assert reply.status == 400
        assert "'photo_id_front' has to be sent as a file" in reply.error

    @pytest.mark.parametrize("name", ["mobile_number_verification", "photo_id_front_file_id"])
    async def test_codes_and_files_that_nobody_asked_for_are_refused(
        self, partner: Caller, name: str
    ) -> None:
        assert (await partner.send_json("PUT", CUSTOMER, {name: "2735021"})).status == 400

    @pytest.mark.clause("SEP-12/put/too-large")
    async def test_a_body_over_the_limit_is_too_large(self, partner: Caller) -> None:
        reply = await partner.send_json("PUT", CUSTOMER, {"address": "x" * 70_000})

        assert reply.status == 413
        assert reply.error

    async def test_two_at_once_make_one_customer(self, partner: Caller, database: Database) -> None:
        ids = await asyncio.gather(
            *(registered(partner, {**SENDER, "city": f"Port {n}"}, memo="77") for n in range(20))
        )

        assert len(set(ids)) == 1
        assert len(await rows(database, "SELECT 1 FROM customers")) == 1
        assert (await partner.get(CUSTOMER, memo="77")).json["status"] == "ACCEPTED"


class TestAtRest:
    async def test_no_value_stands_in_the_database_in_clear(
        self, partner: Caller, database: Database
    ) -> None:
        await registered(
            partner,
            SENDER | RECEIVER | {"birth_date": "1984-02-29", "tax_id": "554-77-9010", "tax_id_name": "SSN"},
        )

        dump = b""
        for table in ("customers", "customer_fields", "audit_log"):
            for row in await rows(database, f"SELECT * FROM {table}"):
                dump += b"".join(v if isinstance(v, bytes) else str(v).encode() for v in row.values())

        assert len(dump) > 500
        for value in (*SENDER.values(), "Mizzenmast", "DE89370400440532013000", "1984-02-29", "554-77-9010"):
            assert value.encode() not in dump

    async def test_a_ciphertext_moved_to_another_field_or_customer_does_not_open(
        self, partner: Caller, services: Services
    ) -> None:
        first = UUID(await registered(partner, {"first_name": "Ann", "last_name": "Bosun"}, memo="1"))
        second = UUID(await registered(partner, {"first_name": "Eve", "last_name": "Purser"}, memo="2"))
        moves = (
            ("first_name", first, "last_name", first),
            ("first_name", first, "first_name", second),
        )
        for source_name, source, target_name, target in moves:
            async with services.database.connection() as connection:
                await connection.execute(
                    """
                    UPDATE customer_fields SET ciphertext =
                        (SELECT ciphertext FROM customer_fields WHERE customer_id = $1 AND name = $2)
                    WHERE customer_id = $3 AND name = $4""",
                    source,
                    source_name,
                    target,
                    target_name,
                )
                with pytest.raises(Exception, match="cannot be decrypted"):
                    await reveal(connection, services.keys, target, [target_name])

    async def test_no_value_is_logged(self, partner: Caller, capsys: pytest.CaptureFixture[str]) -> None:
        await registered(partner, SENDER | RECEIVER, memo="1")
        await partner.send_json("PUT", CUSTOMER, {**SENDER, "bank_account_number": "DE88370400440532013000"})
        await partner.send("DELETE", f"{CUSTOMER}/{PARTNER}", query={"memo": "1"})

        logged = capsys.readouterr().out
        assert "customer_registered" in logged
        assert "customer_deleted" in logged
        for value in (*SENDER.values(), *RECEIVER.values(), "370400440532013000"):
            assert value not in logged
