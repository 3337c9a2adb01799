"""Write the few XDR shapes the engine produces itself (RFC 4506), byte for byte."""

import struct
from collections.abc import Iterable

_I64 = struct.Struct(">q")
_U64 = struct.Struct(">Q")
_I32 = struct.Struct(">i")
_U32 = struct.Struct(">I")

ZERO = b"\x00\x00\x00\x00"
ONE = b"\x00\x00\x00\x01"


def int64(value: int) -> bytes:
    """Eight bytes, signed."""
    return _I64.pack(value)


def uint64(value: int) -> bytes:
    """Eight bytes, unsigned."""
    return _U64.pack(value)


def int32(value: int) -> bytes:
    """Four bytes, signed: also what enumerations use."""
    return _I32.pack(value)


def uint32(value: int) -> bytes:
    """Four bytes, unsigned."""
    return _U32.pack(value)


def opaque(value: bytes) -> bytes:
    """Variable length bytes or text: length, content, padding to a multiple of four."""
    return _U32.pack(len(value)) + value + b"\x00" * (-len(value) % 4)


def array(items: Iterable[bytes]) -> bytes:
    """A variable length array of elements that are already packed."""
    packed = list(items)
    return _U32.pack(len(packed)) + b"".join(packed)


def optional(value: bytes | None) -> bytes:
    """An optional element that is already packed."""
    return ZERO if value is None else ONE + value
