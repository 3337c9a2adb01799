"""Stellar's text form of keys (SEP-23): public keys G... and secret seeds S..., with their checksum.

The Stellar SDK does this too, but takes more than a second to import; checking a configuration should not.
"""

from __future__ import annotations

import base64
import binascii
from enum import IntEnum

_KEY_BYTES = 32
_TEXT_LENGTH = 56


class KeyKind(IntEnum):
    """The version byte in front of a key, which becomes the first letter of its text."""

    PUBLIC = 6 << 3
    SEED = 18 << 3


def encode(kind: KeyKind, raw: bytes) -> str:
    """Write a key of 32 bytes as text."""
    payload = bytes([kind]) + raw
    return base64.b32encode(payload + _checksum(payload)).decode()


def decode(kind: KeyKind, text: str) -> bytes | None:
    """Read a key of one kind; None when the text is of another kind or form, or its checksum is wrong."""
    if len(text) != _TEXT_LENGTH:
        return None
    try:
        decoded = base64.b32decode(text)
    except (binascii.Error, ValueError):
        return None
    payload, checksum = decoded[:-2], decoded[-2:]
    if payload[0] != kind or len(payload) != _KEY_BYTES + 1 or checksum != _checksum(payload):
        return None
    return payload[1:]


def is_public_key(text: str) -> bool:
    """Tell whether a text is a well-formed Stellar address G..."""
    return decode(KeyKind.PUBLIC, text) is not None


def is_seed(text: str) -> bool:
    """Tell whether a text is a well-formed Stellar secret seed S..."""
    return decode(KeyKind.SEED, text) is not None


def public_key_of(seed: str) -> str:
    """Return the address G... that belongs to a secret seed S...

    Raises:
        ValueError: The text is no secret seed. The message does not repeat it.
    """
    # Imported here because it loads OpenSSL, which reading a configuration file does not need.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    raw = decode(KeyKind.SEED, seed)
    if raw is None:
        raise ValueError("The text is not a Stellar secret seed (S and 55 letters and digits).")
    return encode(KeyKind.PUBLIC, Ed25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw())


def _checksum(payload: bytes) -> bytes:
    """Compute CRC16-XModem, little-endian."""
    return binascii.crc_hqx(payload, 0).to_bytes(2, "little")
