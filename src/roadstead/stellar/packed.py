"""The few forms of XDR (RFC 4506) that this server writes and reads itself."""

from __future__ import annotations

import struct
from typing import Any


class Reader:
    """Takes bytes from the front; whoever reads compares what was read, packed again, with the whole."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._position = 0

    def take(self, count: int) -> bytes:
        """Return the next bytes.

        Raises:
            ValueError: There are fewer.
        """
        end = self._position + count
        if count < 0 or end > len(self._content):
            raise ValueError("The content ends too early.")
        taken = self._content[self._position : end]
        self._position = end
        return taken

    def unpack(self, form: str) -> tuple[Any, ...]:
        """Return the next numbers, of a form of `struct`.

        Raises:
            ValueError: There is too little.
        """
        return struct.unpack(form, self.take(struct.calcsize(form)))

    def counted(self) -> bytes:
        """Return the next bytes that stand behind their count, without their padding.

        Raises:
            ValueError: There are fewer.
        """
        (count,) = self.unpack(">I")
        content = self.take(count)
        self.take(-count % 4)
        return content


def packed_bytes(content: bytes) -> bytes:
    """Write bytes behind their count, padded to four."""
    return struct.pack(">I", len(content)) + content + b"\0" * (-len(content) % 4)
