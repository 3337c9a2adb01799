"""Memos hold whatever the chain allows, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadstead.errors import BadInput
from roadstead.stellar.memos import NO_MEMO, Memo, MemoKind, memo_from_horizon, number_memo, text_memo


class TestMemo:
    @given(st.integers(min_value=0, max_value=2**64 - 1))
    def test_a_number_comes_back(self, number: int) -> None:
        memo = number_memo(number)
        assert memo.number == number
        assert memo == memo_from_horizon(memo_type="id", memo=str(number), memo_bytes=None)

    @pytest.mark.parametrize("number", [-1, 2**64])
    def test_a_number_that_does_not_fit_is_refused(self, number: int) -> None:
        with pytest.raises(BadInput):
            number_memo(number)

    def test_a_text_has_28_bytes_at_most(self) -> None:
        assert text_memo("ä" * 14).raw == "ä".encode() * 14
        with pytest.raises(BadInput):
            text_memo("ä" * 14 + "x")

    def test_a_text_that_is_no_text_is_refused(self) -> None:
        with pytest.raises(BadInput):
            text_memo("\ud800")

    def test_only_a_number_has_a_number(self) -> None:
        assert text_memo("7").number is None
        assert NO_MEMO.number is None

    @pytest.mark.parametrize(
        ("kind", "raw"),
        [
            (MemoKind.NONE, b""),
            (MemoKind.ID, None),
            (MemoKind.ID, b"\0" * 7),
            (MemoKind.TEXT, None),
            (MemoKind.HASH, b"\0" * 31),
            (MemoKind.RETURN, b"\0" * 33),
        ],
    )
    def test_bytes_that_do_not_fit_the_kind_are_refused(self, kind: MemoKind, raw: bytes | None) -> None:
        with pytest.raises(BadInput):
            Memo(kind, raw)

    def test_bytes_are_believed_before_the_text_that_horizon_could_not_write(self) -> None:
        read = memo_from_horizon(memo_type="text", memo="\ufffd\ufffd\x00ab", memo_bytes="0f8AYWI=")
        assert read == Memo(MemoKind.TEXT, b"\xd1\xff\x00ab")
