"""The three text forms of a principal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stellar_sdk import MuxedAccount
from tests.fixtures.authentication import key

from roadstead.partners.principal import Principal
from roadstead.partners.subjects import (
    MEMO_MAX,
    decode_muxed,
    encode_muxed,
    parse_memo,
    read_subject,
    subject_of,
)

ACCOUNT = key("client").public_key
MUXED = encode_muxed(ACCOUNT, 5)
ids = st.integers(0, MEMO_MAX)


class TestMuxedAccounts:
    @given(muxed_id=ids)
    def test_they_are_written_as_the_sdk_writes_them(self, muxed_id: int) -> None:
        text = encode_muxed(ACCOUNT, muxed_id)
        assert text == MuxedAccount(ACCOUNT, muxed_id).account_muxed
        assert decode_muxed(text) == (ACCOUNT, muxed_id)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "M",
            ACCOUNT,
            MUXED.lower(),
            MUXED + "=",
            MUXED[:-1],
            MUXED[:-1] + ("A" if MUXED[-1] != "A" else "B"),
            MUXED[:20] + ("A" if MUXED[20] != "A" else "B") + MUXED[21:],
            "N" + MUXED[1:],
            "é" * 69,
            "=" * 69,
        ],
    )
    def test_a_text_that_is_not_canonical_is_none(self, text: str) -> None:
        assert decode_muxed(text) is None

    def test_only_one_text_means_an_account(self) -> None:
        """The last letter has bits that carry nothing: only one of the letters that decode alike is accepted."""
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
        accepted = [letter for letter in alphabet if decode_muxed(MUXED[:-1] + letter)]
        assert accepted == [MUXED[-1]]

    def test_only_an_address_has_muxed_accounts(self) -> None:
        with pytest.raises(ValueError, match="Only an address"):
            encode_muxed("GABC", 1)


class TestMemos:
    @given(memo=ids)
    def test_every_unsigned_64_bit_integer_is_one(self, memo: int) -> None:
        assert parse_memo(str(memo)) == memo

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "-1",
            "+1",
            " 1",
            "1 ",
            "01",
            "1_0",
            "0x1",
            "1.0",
            "1e3",
            "٣",
            "18446744073709551616",
            "9" * 5000,
        ],
    )
    def test_anything_else_is_none(self, text: str) -> None:
        assert parse_memo(text) is None


class TestSubjects:
    @given(memo=st.none() | ids)
    def test_an_account_with_or_without_memo_comes_back(self, memo: int | None) -> None:
        principal = Principal(account=ACCOUNT, memo=memo)
        assert read_subject(subject_of(principal, muxed=False)) == principal

    @given(memo=ids)
    def test_a_muxed_account_is_the_base_account_with_its_id(self, memo: int) -> None:
        text = subject_of(Principal(account=ACCOUNT, memo=memo), muxed=True)
        assert text.startswith("M")
        assert read_subject(text) == read_subject(f"{ACCOUNT}:{memo}")

    def test_a_muxed_account_without_an_id_is_none(self) -> None:
        with pytest.raises(ValueError, match="has an id"):
            subject_of(Principal(account=ACCOUNT), muxed=True)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            ":",
            "1",
            f"{ACCOUNT}:",
            f"{ACCOUNT}:x",
            f"{ACCOUNT}:1:2",
            f"{ACCOUNT}:-1",
            f"{MUXED}:1",
            f":{ACCOUNT}",
        ],
    )
    def test_any_other_text_is_nobody(self, text: str) -> None:
        assert read_subject(text) is None
