"""Deleting customers (SEP-12 DELETE /customer/{account})."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from tests.fixtures.asgi import Caller
from tests.fixtures.customers import (
    CUSTOMER,
    PARTNER,
    RECEIVER,
    SENDER,
    STRANGER,
    open_remittance,
    registered,
    rows,
)

from roadstead.database.pool import Database
from roadstead.partners.subjects import encode_muxed


class TestErasing:
    @pytest.mark.clause("SEP-12/delete/erased")
    async def test_everything_readable_is_gone_and_the_bare_id_stays(
        self, partner: Caller, database: Database
    ) -> None:
        customer_id = await registered(partner, SENDER, memo="9", type="sep31-sender")

        reply = await partner.send_json("DELETE", f"{CUSTOMER}/{PARTNER}", {"memo": "9", "memo_type": "id"})

        assert (reply.status, reply.json) == (200, {"status": "erased"})
        for table in ("customer_fields", "customer_files", "customer_indexes", "customer_confirmations"):
            assert await rows(database, f"SELECT 1 FROM {table}") == []
        (row,) = await rows(database, "SELECT * FROM customers")
        assert row["id"] == UUID(customer_id)
        assert row["erased_at"] is not None
        assert {row[name] for name in ("memo", "memo_kind", "wrapped_key", "registered_type")} == {None}
        assert (await partner.get(CUSTOMER, id=customer_id)).status == 404
        assert "id" not in (await partner.get(CUSTOMER, memo="9")).json

    @pytest.mark.clause("SEP-12/delete/again")
    async def test_who_registers_again_is_a_new_customer(self, partner: Caller) -> None:
        first = await registered(partner, SENDER)
        await partner.send("DELETE", f"{CUSTOMER}/{PARTNER}")

        assert await registered(partner, SENDER) != first

    async def test_the_audit_log_tells_who_did_it_and_nothing_personal(
        self, partner: Caller, database: Database
    ) -> None:
        customer_id = await registered(partner, SENDER, memo="424242")
        await partner.send("DELETE", f"{CUSTOMER}/{PARTNER}", query={"memo": "424242"})

        entries = await rows(database, "SELECT * FROM audit_log ORDER BY id")

        assert [(entry["actor"], entry["action"]) for entry in entries] == [
            (PARTNER, "customer.restrict"),
            (PARTNER, "customer.erase"),
        ]
        assert {entry["subject"] for entry in entries} == {f"customer {customer_id}"}
        assert "424242" not in str([dict(entry) for entry in entries])

    @pytest.mark.clause("SEP-12/delete/unknown")
    @pytest.mark.parametrize("memo", [None, "1"])
    async def test_nothing_known_is_not_found_also_the_second_time(
        self, partner: Caller, memo: str | None
    ) -> None:
        query = {"memo": memo} if memo else {}
        assert (await partner.send("DELETE", f"{CUSTOMER}/{PARTNER}", query=query)).status == 404
        await registered(partner, SENDER, **query)
        assert (await partner.send("DELETE", f"{CUSTOMER}/{PARTNER}", query=query)).status == 200
        assert (await partner.send("DELETE", f"{CUSTOMER}/{PARTNER}", query=query)).status == 404

    async def test_the_bare_account_without_a_memo_means_the_customer_without_one(
        self, partner: Caller
    ) -> None:
        kept = await registered(partner, SENDER, memo="1")
        await registered(partner, SENDER)

        assert (await partner.send("DELETE", f"{CUSTOMER}/{PARTNER}")).status == 200
        assert (await partner.get(CUSTOMER, memo="1")).json["id"] == kept

    async def test_a_token_with_a_memo_erases_its_own_customer_alone(self, partner: Caller) -> None:
        kept = await registered(partner, SENDER)
        await registered(partner, SENDER, memo="5")
        fifth = partner.with_token(encode_muxed(PARTNER, 5))

        assert (await fifth.send("DELETE", f"{CUSTOMER}/{PARTNER}")).status == 200
        assert (await fifth.send("DELETE", f"{CUSTOMER}/{PARTNER}")).status == 404
        assert (await partner.get(CUSTOMER)).json["id"] == kept

    @pytest.mark.clause("SEP-12/delete/owner")
    @pytest.mark.parametrize("account", [STRANGER, "not-an-account", encode_muxed(STRANGER, 5)])
    async def test_another_account_is_forbidden(self, partner: Caller, account: str) -> None:
        assert (await partner.send("DELETE", f"{CUSTOMER}/{account}")).status == 403

    async def test_query_and_body_may_not_name_different_customers(self, partner: Caller) -> None:
        kept = await registered(partner, SENDER, memo="1")

        reply = await partner.send(
            "DELETE",
            f"{CUSTOMER}/{PARTNER}",
            query={"memo": "1"},
            body=b"memo=2",
            content_type="application/x-www-form-urlencoded",
        )

        assert reply.status == 400
        assert (await partner.get(CUSTOMER, memo="1")).json["id"] == kept

    @pytest.mark.clause("SEP-12/delete/restricted")
    @pytest.mark.parametrize("side", ["sender", "receiver"])
    async def test_a_customer_whose_money_is_under_way_is_restricted_at_once_and_told_why(
        self, partner: Caller, database: Database, side: str
    ) -> None:
        deleted = await registered(partner, SENDER | RECEIVER, memo="1")
        other = await registered(partner, SENDER | RECEIVER, memo="2")
        sides = {"sender": other, "receiver": other} | {side: deleted}
        await open_remittance(database, "pending_sender", **sides)

        reply = await partner.send("DELETE", f"{CUSTOMER}/{PARTNER}", query={"memo": "1", "lang": "fr"})

        assert (reply.status, reply.json["status"]) == (200, "restricted")
        (kept,) = reply.json["kept"]
        assert "transaction" in kept["why"]
        assert "until" not in kept
        assert (await partner.get(CUSTOMER, id=deleted)).status == 404
        assert "id" not in (await partner.get(CUSTOMER, memo="1")).json
        assert (await partner.send_json("PUT", CUSTOMER, {"id": deleted, **SENDER})).status == 404
        assert await registered(partner, SENDER, memo="1") != deleted
        assert (await rows(database, "SELECT count(*) FROM customer_fields"))[0]["count"] > 0

    async def test_a_customer_whose_transactions_have_ended_is_erased(
        self, partner: Caller, database: Database
    ) -> None:
        customer = await registered(partner, SENDER)
        await open_remittance(database, "expired", sender=customer, receiver=customer)

        assert (await partner.send("DELETE", f"{CUSTOMER}/{PARTNER}")).status == 200

    async def test_erasing_and_registering_at_once_never_leaves_fields_without_a_key(
        self, partner: Caller, database: Database
    ) -> None:
        await registered(partner, SENDER)

        replies = await asyncio.gather(
            *(
                partner.send("DELETE", f"{CUSTOMER}/{PARTNER}")
                if number % 3 == 0
                else partner.send_json("PUT", CUSTOMER, SENDER)
                for number in range(24)
            )
        )

        assert {reply.status for reply in replies} <= {200, 202, 404, 503}
        check = "SELECT 1 FROM customers JOIN customer_fields ON customer_id = id WHERE erased_at IS NOT NULL"
        assert await rows(database, check) == []
        living = await rows(database, "SELECT 1 FROM customers WHERE erased_at IS NULL")
        assert len(living) <= 1
