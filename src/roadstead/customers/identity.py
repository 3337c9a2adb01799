"""Which customer a request speaks of, and whether the caller may: account, memo and id (SEP-12, SEP-10, SEP-23)."""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from roadstead.errors import BadInput, Forbidden
from roadstead.partners.principal import Principal
from roadstead.partners.subjects import decode_muxed, parse_memo

MEMO_CHARACTERS_MAX = 100

_HASH_BYTES = 32
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


class MemoKind(StrEnum):
    """The kinds of memo that tell customers of one account apart."""

    ID = "id"
    TEXT = "text"
    HASH = "hash"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The key of a customer: one living customer for each."""

    account: str
    memo_kind: MemoKind | None = None
    memo: str | None = None
    """Canonical: digits without leading zeros, text as it is, or base64 of 32 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The words with which a request names a customer and the purpose; None means that the word was not sent."""

    id: str | None = None
    account: str | None = None
    memo: str | None = None
    memo_type: str | None = None
    type: str | None = None
    transaction_id: str | None = None

    @classmethod
    def found_in(cls, values: Mapping[str, str]) -> Reference:
        """Take the words out of a query or a body."""
        return cls(
            id=values.get("id"),
            account=values.get("account"),
            memo=values.get("memo"),
            memo_type=values.get("memo_type"),
            type=values.get("type"),
            transaction_id=values.get("transaction_id"),
        )


REFERENCE_NAMES = frozenset(("id", "account", "memo", "memo_type", "type", "transaction_id"))


def identify(caller: Principal, reference: Reference) -> Identity:
    """Return the identity that a request speaks of; what it leaves out is the caller's own.

    A caller whose token carries a memo speaks for that customer alone, and `memo_type` is ignored then. Others may name
    any memo of their account: so does a sending anchor that registers many customers with one key. A memo without a
    type is an id where it is a 64-bit number, and text otherwise. An empty memo is refused rather than taken for none,
    which would mix the data of different people.

    Raises:
        Forbidden: The account or the memo is not the caller's.
        BadInput: The memo is not of its type.
    """
    muxed_id = _require_own_account(caller, reference.account)
    if caller.memo is not None:
        own = str(caller.memo)
        if reference.memo not in (None, own) or muxed_id not in (None, caller.memo):
            raise Forbidden(
                "The memo is not the one of your token: leave it out, or authenticate as the customer it names."
            )
        return Identity(account=caller.account, memo_kind=MemoKind.ID, memo=own)
    named = _read_memo(reference.memo, reference.memo_type)
    muxed = None if muxed_id is None else (MemoKind.ID, str(muxed_id))
    if named and muxed and named != muxed:
        raise BadInput("The memo contradicts the muxed account: leave one of them out.")
    kind, memo = named or muxed or (None, None)
    return Identity(account=caller.account, memo_kind=kind, memo=memo)


def read_id(text: str) -> UUID | None:
    """Read an identifier that we gave out; None when it cannot be one of ours."""
    return UUID(text) if _UUID.fullmatch(text) else None


def _require_own_account(caller: Principal, account: str | None) -> int | None:
    """Return the id of the muxed account that was named, or None.

    Raises:
        Forbidden: It is not the caller's account.
    """
    base, muxed_id = (account, None) if account is None else decode_muxed(account) or (account, None)
    if base not in (None, caller.account):
        raise Forbidden(
            "The account is not the one of your token: leave it out, or authenticate as its owner."
        )
    return muxed_id


def _read_memo(memo: str | None, memo_type: str | None) -> tuple[MemoKind, str] | None:
    if memo_type is not None and memo_type not in list(MemoKind):
        raise BadInput(f"memo_type is not valid: use one of {', '.join(MemoKind)}.")
    if memo is None:
        return None
    if not memo:
        raise BadInput("The memo is empty: leave it out, or name the customer's memo.")
    is_number = parse_memo(memo) is not None
    match memo_type:
        case MemoKind.ID if not is_number:
            raise BadInput("The memo is not of type id: write a whole number of at most 64 bits.")
        case MemoKind.HASH:
            return MemoKind.HASH, _canonical_hash(memo)
        case MemoKind.TEXT:
            return MemoKind.TEXT, _require_text(memo)
        case _ if is_number:
            return MemoKind.ID, memo
        case _:
            return MemoKind.TEXT, _require_text(memo)


def _canonical_hash(memo: str) -> str:
    try:
        # In a query that was not percent-encoded, a plus sign arrives as a space.
        raw = base64.b64decode(memo.replace(" ", "+"), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != _HASH_BYTES:
        raise BadInput("The memo is not of type hash: write 32 bytes in base64.")
    return base64.b64encode(raw).decode()


def _require_text(memo: str) -> str:
    if len(memo) > MEMO_CHARACTERS_MAX:
        raise BadInput(f"The memo is too long: write at most {MEMO_CHARACTERS_MAX} characters.")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in memo):
        raise BadInput("The memo has control characters: write plain text.")
    return memo
