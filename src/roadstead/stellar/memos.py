"""Memos of Stellar transactions, exactly as the chain holds them.

A memo may hold anything that its sender liked: a text with NUL bytes or without any encoding, a number up to
2^64 - 1. So a memo is its kind and its raw bytes: whatever the chain allows can be represented, stored and compared.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from enum import StrEnum

from roadstead.errors import BadInput

TEXT_MAX_BYTES = 28
NUMBER_MAX = 2**64 - 1

_HASH_BYTES = 32
_NUMBER_BYTES = 8
_NUMBER = re.compile(r"0|[1-9][0-9]{0,19}", re.ASCII)


class MemoKind(StrEnum):
    """The kinds of memo, as Horizon and the SEPs write them."""

    NONE = "none"
    ID = "id"
    TEXT = "text"
    HASH = "hash"
    RETURN = "return"


def _fits(kind: MemoKind, raw: bytes | None) -> bool:
    if raw is None:
        return kind is MemoKind.NONE
    match kind:
        case MemoKind.NONE:
            return False
        case MemoKind.ID:
            return len(raw) == _NUMBER_BYTES
        case MemoKind.TEXT:
            return len(raw) <= TEXT_MAX_BYTES
        case MemoKind.HASH | MemoKind.RETURN:
            return len(raw) == _HASH_BYTES


@dataclass(frozen=True, slots=True)
class Memo:
    """A memo: its kind and its bytes.

    `raw` is None for no memo, eight bytes (big-endian) for a number, up to 28 bytes for a text and 32 for a hash.

    Raises:
        BadInput: The bytes do not fit the kind.
    """

    kind: MemoKind
    raw: bytes | None

    def __post_init__(self) -> None:
        """Refuse bytes that no memo of this kind can have."""
        if not _fits(self.kind, self.raw):
            raise BadInput(f"The memo of kind {self.kind} does not have the bytes that this kind has.")

    @property
    def number(self) -> int | None:
        """The number of a memo of kind id; None for every other kind."""
        if self.kind is not MemoKind.ID or self.raw is None:
            return None
        return int.from_bytes(self.raw, "big")


NO_MEMO = Memo(MemoKind.NONE, None)


def number_memo(number: int) -> Memo:
    """Make a memo of kind id.

    Raises:
        BadInput: The number is not between 0 and 2^64 - 1.
    """
    if not 0 <= number <= NUMBER_MAX:
        raise BadInput("A memo of kind id is a number between 0 and 18446744073709551615.")
    return Memo(MemoKind.ID, number.to_bytes(_NUMBER_BYTES, "big"))


def text_memo(text: str) -> Memo:
    """Make a memo of kind text.

    Raises:
        BadInput: The text has more than 28 bytes in UTF-8, or cannot be written in it.
    """
    try:
        return Memo(MemoKind.TEXT, text.encode())
    except UnicodeEncodeError as error:
        raise BadInput("The text of the memo cannot be written in UTF-8.") from error


def memo_from_horizon(*, memo_type: str, memo: str | None, memo_bytes: str | None) -> Memo:
    """Read the memo of a transaction from Horizon's fields.

    Horizon shows the bytes of a text that are no UTF-8 as U+FFFD, so `memo_bytes` is believed before `memo`.

    Raises:
        BadInput: The fields are not those of any memo.
    """
    match memo_type:
        case MemoKind.NONE if memo is None and memo_bytes is None:
            return NO_MEMO
        case MemoKind.ID if memo is not None and _NUMBER.fullmatch(memo):
            return number_memo(int(memo))
        case MemoKind.TEXT if memo_bytes is not None:
            return Memo(MemoKind.TEXT, _from_base64(memo_bytes))
        case MemoKind.TEXT if memo is not None:
            return text_memo(memo)
        case MemoKind.HASH | MemoKind.RETURN if memo is not None:
            return Memo(MemoKind(memo_type), _from_base64(memo))
    raise BadInput(f"A memo of type {memo_type[:20]!r} with these fields does not exist on Stellar.")


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput("The bytes of the memo are not written in base64.") from error
