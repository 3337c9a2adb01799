"""Who a token speaks for, as text: `G...`, `G...:memo` or `M...` (SEP-10, claim `sub`; SEP-23 for muxed accounts)."""

from __future__ import annotations

import base64
import binascii
import re

from roadstead.config.strkey import KeyKind, decode, encode, is_public_key
from roadstead.partners.principal import Principal

MEMO_MAX = 2**64 - 1
"""SEP-10's memos are unsigned 64-bit integers, and so are the ids of muxed accounts."""

_MUXED = 12 << 3
_MUXED_TEXT_LENGTH = 69
_MUXED_PADDING = "==="
_KEY_END = 33
_ID_END = 41
_MEMO = re.compile(r"0|[1-9][0-9]{0,19}", re.ASCII)


def parse_memo(text: str) -> int | None:
    """Read a memo of type id in plain decimal notation; None when it is none. Zero is a memo."""
    if not _MEMO.fullmatch(text):
        return None
    memo = int(text)
    return memo if memo <= MEMO_MAX else None


def encode_muxed(account: str, memo: int) -> str:
    """Write the muxed account M... of a base account and an id.

    Raises:
        ValueError: The account is no address G...
    """
    key = decode(KeyKind.PUBLIC, account)
    if key is None:
        raise ValueError("Only an address G... has muxed accounts.")
    payload = bytes([_MUXED]) + key + memo.to_bytes(8, "big")
    return base64.b32encode(payload + _checksum(payload)).decode().rstrip("=")


def decode_muxed(text: str) -> tuple[str, int] | None:
    """Read a muxed account: its base account and its id. None when the text is of another form.

    A text is accepted in its canonical form only (SEP-23), so that two texts never mean the same account.
    """
    if len(text) != _MUXED_TEXT_LENGTH:
        return None
    try:
        decoded = base64.b32decode(text + _MUXED_PADDING)
    except (binascii.Error, ValueError):
        return None
    payload, checksum = decoded[:-2], decoded[-2:]
    if payload[0] != _MUXED or checksum != _checksum(payload):
        return None
    account = encode(KeyKind.PUBLIC, payload[1:_KEY_END])
    memo = int.from_bytes(payload[_KEY_END:_ID_END], "big")
    return (account, memo) if encode_muxed(account, memo) == text else None


def read_subject(text: str) -> Principal | None:
    """Read the claim `sub` of a token; None when it is of none of the three forms."""
    if text.startswith("M"):
        muxed = decode_muxed(text)
        return Principal(account=muxed[0], memo=muxed[1]) if muxed else None
    account, separator, memo_text = text.partition(":")
    if not is_public_key(account):
        return None
    if not separator:
        return Principal(account=account)
    memo = parse_memo(memo_text)
    return None if memo is None else Principal(account=account, memo=memo)


def subject_of(principal: Principal, *, muxed: bool) -> str:
    """Write the claim `sub` of a principal; `muxed` when it authenticated as M... and not as G... with a memo.

    Raises:
        ValueError: A muxed account without an id.
    """
    if not muxed:
        return principal.account if principal.memo is None else f"{principal.account}:{principal.memo}"
    if principal.memo is None:
        raise ValueError("A muxed account has an id.")
    return encode_muxed(principal.account, principal.memo)


def _checksum(payload: bytes) -> bytes:
    """Compute CRC16-XModem, little-endian (SEP-23)."""
    return binascii.crc_hqx(payload, 0).to_bytes(2, "little")
