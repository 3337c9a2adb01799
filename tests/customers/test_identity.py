"""Which customer a request speaks of: never somebody else's, whatever it says."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fixtures.customers import HASH_MEMO, PARTNER, STRANGER

from roadstead.customers.identity import MemoKind, Reference, identify, read_id
from roadstead.errors import BadInput, Forbidden
from roadstead.partners.principal import Principal
from roadstead.partners.subjects import encode_muxed

NUMBERS = st.integers(min_value=0, max_value=2**64 - 1)
ACCOUNTS = st.none() | st.sampled_from([PARTNER, STRANGER, encode_muxed(PARTNER, 5), "", "C"]) | st.text()
MEMOS = st.none() | st.text(max_size=120) | NUMBERS.map(str) | st.just(HASH_MEMO)
MEMO_TYPES = st.none() | st.sampled_from([*MemoKind, "return", ""])
REFERENCES = st.builds(Reference, account=ACCOUNTS, memo=MEMOS, memo_type=MEMO_TYPES)


class TestWhoeverAsks:
    @given(token_memo=st.none() | NUMBERS | st.just(5), reference=REFERENCES)
    def test_the_customer_is_of_the_own_account_and_of_the_own_memo(
        self, token_memo: int | None, reference: Reference
    ) -> None:
        try:
            identity = identify(Principal(account=PARTNER, memo=token_memo), reference)
        except (Forbidden, BadInput):
            return
        assert identity.account == PARTNER
        if token_memo is not None:
            assert (identity.memo_kind, identity.memo) == (MemoKind.ID, str(token_memo))
        elif reference.memo is not None:
            assert identity.memo

    @given(memo=NUMBERS)
    def test_a_muxed_account_and_its_id_as_memo_are_one_customer(self, memo: int) -> None:
        bare = Principal(account=PARTNER)
        ways = [
            identify(Principal(account=PARTNER, memo=memo), Reference()),
            identify(bare, Reference(memo=str(memo))),
            identify(bare, Reference(memo=str(memo), memo_type="id")),
            identify(bare, Reference(account=encode_muxed(PARTNER, memo))),
        ]

        assert len(set(ways)) == 1

    @given(raw=st.binary(min_size=32, max_size=32))
    def test_a_hash_is_kept_in_one_form(self, raw: bytes) -> None:
        memo = base64.b64encode(raw).decode()

        named = Reference(memo=memo.replace("+", " "), memo_type="hash")

        assert identify(Principal(account=PARTNER), named).memo == memo


class TestIds:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "18e413284",
            "8F0A7A0E-6B2C-4C9F-B6A5-6F6F0A9A5F3C",
            "8f0a7a0e6b2c4c9fb6a56f6f0a9a5f3c",
            "{8f0a7a0e-6b2c-4c9f-b6a5-6f6f0a9a5f3c}",
            "urn:uuid:8f0a7a0e-6b2c-4c9f-b6a5-6f6f0a9a5f3c",
            "8f0a7a0e-6b2c-4c9f-b6a5-6f6f0a9a5f3c\n",
        ],
    )
    def test_only_what_we_gave_out_is_read(self, text: str) -> None:
        assert read_id(text) is None

    @given(st.uuids(version=4))
    def test_what_we_gave_out_is_read(self, given_out: object) -> None:
        assert read_id(str(given_out)) == given_out
