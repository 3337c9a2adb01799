"""Who may ask for which customer: tokens, accounts and memos."""

from __future__ import annotations

from uuid import UUID

import pytest
from tests.fixtures.asgi import Caller
from tests.fixtures.customers import (
    CUSTOMER,
    HASH_MEMO,
    PARTNER,
    SENDER,
    STRANGER,
    registered,
)

from roadstead.partners.subjects import encode_muxed


class TestWhoMayAsk:
    @pytest.mark.parametrize(
        ("method", "path"), [("GET", CUSTOMER), ("PUT", CUSTOMER), ("DELETE", f"{CUSTOMER}/{PARTNER}")]
    )
    @pytest.mark.parametrize("token", [None, "forged"])
    @pytest.mark.clause("SEP-12/authentication")
    async def test_without_a_token_that_holds_the_answer_is_401_before_anything_is_read(
        self, partner: Caller, method: str, path: str, token: str | None
    ) -> None:
        reply = await partner.with_token(token).send(
            method, path, body=b"[object Object]", content_type="text/plain"
        )

        assert reply.status == 401
        assert reply.error

    @pytest.mark.clause("SEP-12/id/owner")
    async def test_another_account_does_not_learn_that_an_id_exists(self, partner: Caller) -> None:
        customer_id = await registered(partner, SENDER)
        stranger = partner.with_token(STRANGER)

        asked = await stranger.get(CUSTOMER, id=customer_id)
        changed = await stranger.send_json("PUT", CUSTOMER, {"id": customer_id, "first_name": "Eve"})
        invented = await stranger.get(CUSTOMER, id=str(UUID(int=7, version=4)))

        assert (asked.status, changed.status) == (404, 404)
        assert asked.error.replace(customer_id, "") == invented.error.replace(str(UUID(int=7, version=4)), "")

    async def test_the_account_itself_reaches_a_customer_of_any_memo_by_id(self, partner: Caller) -> None:
        customer_id = await registered(partner.with_token(f"{PARTNER}:5"), SENDER)

        assert (await partner.get(CUSTOMER, id=customer_id)).json["id"] == customer_id
        assert (await partner.with_token(f"{PARTNER}:6").get(CUSTOMER, id=customer_id)).status == 200

    @pytest.mark.clause("SEP-12/memo/token")
    async def test_a_token_with_a_memo_means_its_own_customer(self, partner: Caller) -> None:
        fifth = await registered(partner.with_token(f"{PARTNER}:5"), SENDER)

        assert (await partner.get(CUSTOMER, memo="5")).json["id"] == fifth
        assert (await partner.with_token(f"{PARTNER}:5").get(CUSTOMER, memo="5")).json["id"] == fifth
        assert "id" not in (await partner.with_token(f"{PARTNER}:6").get(CUSTOMER)).json
        assert "id" not in (await partner.get(CUSTOMER)).json

    @pytest.mark.parametrize("memo", ["6", "05", "five", ""])
    @pytest.mark.clause("SEP-12/memo/mismatch")
    async def test_another_memo_than_the_tokens_is_forbidden(self, partner: Caller, memo: str) -> None:
        fifth = partner.with_token(f"{PARTNER}:5")

        assert (await fifth.get(CUSTOMER, memo=memo)).status == 403
        assert (await fifth.send_json("PUT", CUSTOMER, {"memo": memo})).status == 403
        assert (await fifth.send("DELETE", f"{CUSTOMER}/{PARTNER}", query={"memo": memo})).status == 403

    @pytest.mark.clause("SEP-12/memo/type-ignored")
    async def test_the_type_of_a_memo_is_ignored_when_the_token_has_one(self, partner: Caller) -> None:
        fifth = partner.with_token(f"{PARTNER}:5")

        assert (await fifth.get(CUSTOMER, memo="5", memo_type="hash")).status == 200

    @pytest.mark.parametrize("account", [STRANGER, "G", "", "not an account", encode_muxed(STRANGER, 1)])
    @pytest.mark.clause("SEP-12/account/mismatch")
    async def test_another_account_than_the_tokens_is_forbidden(self, partner: Caller, account: str) -> None:
        assert (await partner.get(CUSTOMER, account=account)).status == 403
        assert (await partner.send_json("PUT", CUSTOMER, {"account": account})).status == 403

    @pytest.mark.clause("SEP-12/account/muxed")
    async def test_the_own_account_may_be_named_also_as_muxed(self, partner: Caller) -> None:
        muxed = encode_muxed(PARTNER, 5)
        by_muxed_token = await registered(partner.with_token(muxed), SENDER, account=muxed)

        assert (await partner.get(CUSTOMER, account=PARTNER, memo="5")).json["id"] == by_muxed_token
        assert (await partner.get(CUSTOMER, account=muxed)).json["id"] == by_muxed_token
        assert (await partner.get(CUSTOMER, account=muxed, memo="6")).status == 400
        assert (await partner.with_token(f"{PARTNER}:6").get(CUSTOMER, account=muxed)).status == 403


class TestMemos:
    @pytest.mark.clause("SEP-12/memo/any")
    async def test_a_number_without_a_type_is_an_id_and_other_text_is_text(self, partner: Caller) -> None:
        number = await registered(partner, SENDER, memo="18446744073709551615")
        word = await registered(partner, SENDER, memo="8f0a7a0e-6b2c-4c9f-b6a5-6f6f0a9a5f3c")

        by_type = await partner.get(CUSTOMER, memo="18446744073709551615", memo_type="id")
        as_text = await partner.get(CUSTOMER, memo="8f0a7a0e-6b2c-4c9f-b6a5-6f6f0a9a5f3c", memo_type="text")
        assert (by_type.json["id"], as_text.json["id"]) == (number, word)

    async def test_the_same_digits_as_text_are_another_customer(self, partner: Caller) -> None:
        assert await registered(partner, SENDER, memo="5") != await registered(
            partner, SENDER, memo="5", memo_type="text"
        )

    @pytest.mark.clause("SEP-12/memo/hash")
    async def test_a_hash_is_one_customer_however_its_plus_sign_arrived(self, partner: Caller) -> None:
        customer_id = await registered(partner, SENDER, memo=HASH_MEMO, memo_type="hash")

        reply = await partner.send("GET", CUSTOMER, query=f"memo={HASH_MEMO}&memo_type=hash")

        assert reply.json["id"] == customer_id

    @pytest.mark.parametrize(
        ("memo", "memo_type"),
        [
            ("", None),
            ("", "text"),
            ("x" * 101, None),
            ("a\0b", None),
            ("18446744073709551616", "id"),
            ("-1", "id"),
            ("01", "id"),
            ("AAAA", "hash"),
            ("not base64", "hash"),
            ("5", "return"),
        ],
    )
    @pytest.mark.clause("SEP-12/memo/invalid")
    async def test_a_memo_that_is_none_is_refused(
        self, partner: Caller, memo: str, memo_type: str | None
    ) -> None:
        named = {"memo": memo} | ({"memo_type": memo_type} if memo_type else {})

        assert (await partner.send("GET", CUSTOMER, query=named)).status == 400
        assert (await partner.send_json("PUT", CUSTOMER, named)).status == 400

    async def test_an_id_and_the_memo_of_somebody_else_contradict_each_other(self, partner: Caller) -> None:
        customer_id = await registered(partner, SENDER, memo="1")

        assert (await partner.send_json("PUT", CUSTOMER, {"id": customer_id, "memo": "2"})).status == 400
        assert (await partner.send_json("PUT", CUSTOMER, {"id": customer_id, "memo": "1"})).status == 202
