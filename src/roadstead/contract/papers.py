"""Documents for tests of verifiers: small pictures that anybody can open, and an eye on how they are read."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from roadstead.errors import RoadsteadError
from roadstead.verification.protocol import CaseDocument


@dataclass(slots=True, kw_only=True)
class Papers:
    """Documents of one case, and what was done with them."""

    problem: RoadsteadError | None = None
    """What everybody is told who opens one; None lets them be read."""
    opened: int = 0
    """How often one was opened."""
    open_now: int = 0
    open_at_once: int = 0
    """The most that were open at one moment."""
    sizes: dict[str, int] = field(default_factory=dict)
    """By field."""

    def document(self, name: str, content: bytes, media_type: str = "image/png") -> CaseDocument:
        """Make a document of these bytes."""
        self.sizes[name] = len(content)
        return CaseDocument(
            field=name,
            media_type=media_type,
            size_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            opened=partial(self._open, content),
        )

    def both_sides(self) -> tuple[CaseDocument, ...]:
        """Make the two sides of an identity document; the second is larger than what goes over a wire in one piece."""
        return (
            self.document("photo_id_back", picture(64, 48)),
            self.document("photo_id_front", picture(1200, 1600, packed=False)),
        )

    @asynccontextmanager
    async def _open(self, content: bytes) -> AsyncIterator[bytes]:
        self.opened += 1
        if self.problem is not None:
            raise self.problem
        self.open_now += 1
        self.open_at_once = max(self.open_at_once, self.open_now)
        try:
            yield content
        finally:
            self.open_now -= 1


def picture(width: int, height: int, *, packed: bool = True) -> bytes:
    """Draw a grey PNG of that size; not packed, it has as many bytes as pixels."""
    rows = b"".join(b"\0" + b"\x80" * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(rows, level=6 if packed else 0)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
