"""What a file is, judged by its content alone: pictures, PDF and short films; never by its name or what was said of it.

A file of a known type that is cut off, padded or has no plausible size is refused like one of no known type. Nothing is
decoded, so that a hostile picture reaches no decoder here. What does not fit raises `Unfit`, whose reason completes a
sentence that starts with the field's name.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from enum import StrEnum

from roadstead.customers.formats import Unfit


class MediaType(StrEnum):
    """The types of file that are taken (RFC 6838)."""

    PNG = "image/png"
    JPEG = "image/jpeg"
    HEIC = "image/heic"
    PDF = "application/pdf"
    MP4 = "video/mp4"


SIDE_MIN = 32
"""Pixels of the shorter side of a picture below which nobody can read a document on it."""
SIDE_MAX = 30_000
PIXELS_MAX = 250_000_000
PARTS_MAX = 20_000
"""Most chunks, segments or boxes of a file. Real ones have some thousand at most; a walk over more would take long."""
FILMED = frozenset(("proof_of_liveness",))
"""Fields that may be a film (SEP-9)."""

_PNG = b"\x89PNG\r\n\x1a\n"
_SCAN = b"\xda"
_FILL = re.compile(rb"\xff+")
_END = b"\xff\xd9"
_SIZE_BYTES = 2
_PDF_TAIL_BYTES = 2_048
_BOX_HEAD_BYTES = 8
_HEIC_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"))
_MP4_BRANDS = frozenset((b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V "))
_STANDALONE_MARKERS = frozenset((0x01, *range(0xD0, 0xD9)))
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_LABELS = frozenset(MediaType) | {"image/jpg", "image/heif"}
_SAME = {"image/jpg": MediaType.JPEG, "image/heif": MediaType.HEIC}


def recognise(content: bytes, *, field: str | None, label: str | None) -> MediaType:
    """Return the type of a file that may stand in a field; `label` is the type under which it was sent.

    Where nobody has said yet for which field it is, None: `require_fit` then looks at it when somebody does.

    A label that names another of the types that we take is refused, because sender and file contradict each other; any
    other label says nothing.

    Raises:
        Unfit: The file is empty, of no type that is taken, malformed, or not what its label says.
    """
    if not content:
        raise Unfit("is empty: send the file itself")
    for media_type, (begins, check) in _TYPES.items():
        if begins(content):
            check(content)
            _require_label(media_type, label)
            if field is not None:
                require_fit(media_type, field)
            return media_type
    raise Unfit("cannot be read: it must be a PNG, JPEG, HEIC or PDF file")


def require_fit(media_type: MediaType, field: str) -> None:
    """Check that a file of this type may stand in a field.

    Raises:
        Unfit: It is a film, and the field takes none.
    """
    if media_type is MediaType.MP4 and field not in FILMED:
        raise Unfit("is a film: send a picture (PNG, JPEG, HEIC) or a PDF")


def _require_label(media_type: MediaType, label: str | None) -> None:
    named = (label or "").partition(";")[0].strip().lower()
    if named in _LABELS and _SAME.get(named, named) != media_type:
        raise Unfit(f"was sent as {named}, but holds {media_type}: send it under its own type")


def _malformed(what: str) -> Unfit:
    return Unfit(f"cannot be read: the {what} file is damaged or cut off")


def _require_sides(width: int, height: int) -> None:
    if min(width, height) < SIDE_MIN:
        raise Unfit(f"is too small: each side must have at least {SIDE_MIN} pixels")
    if max(width, height) > SIDE_MAX or width * height > PIXELS_MAX:
        raise Unfit(f"is too large a picture: a side may have at most {SIDE_MAX} pixels")


def _png(content: bytes) -> None:
    """Walk the chunks: the header first, each with its checksum, the end last, and nothing after it."""
    place = len(_PNG)
    names: list[bytes] = []
    while place < len(content):
        head = content[place : place + 8]
        if len(head) < _BOX_HEAD_BYTES:
            raise _malformed("PNG")
        size, name = struct.unpack(">I4s", head)
        end = place + 12 + size
        chunk = memoryview(content)[place + 4 : place + 8 + size]
        checksum = content[end - 4 : end]
        if len(names) >= PARTS_MAX or end > len(content) or zlib.crc32(chunk) != int.from_bytes(checksum):
            raise _malformed("PNG")
        if not names and (name != b"IHDR" or size != 13):  # noqa: PLR2004 - the size of the header
            raise _malformed("PNG")
        names.append(name)
        place = end
        if name == b"IEND":
            break
    if place != len(content) or names[-1:] != [b"IEND"] or b"IDAT" not in names:
        raise _malformed("PNG")
    _require_sides(*struct.unpack(">II", content[16:24]))


def _jpeg(content: bytes) -> None:
    """Walk the segments up to the picture's data; their frame says the sides. Cameras may add something at the end."""
    place, marker = 2, b""
    sides: tuple[int, int] | None = None
    for _ in range(PARTS_MAX):
        marker, place = _marker(content, place)
        if marker[0] in _STANDALONE_MARKERS:
            continue
        size = int.from_bytes(content[place : place + 2])
        if size < _SIZE_BYTES or place + size > len(content):
            raise _malformed("JPEG")
        if marker[0] in _FRAME_MARKERS:
            height, width = struct.unpack(">HH", content[place + 3 : place + 7].ljust(4, b"\0"))
            sides = width, height
        place += size
        if marker == _SCAN:
            break
    if marker != _SCAN or sides is None or content.find(_END, place) < 0:
        raise _malformed("JPEG")
    _require_sides(*sides)


def _marker(content: bytes, place: int) -> tuple[bytes, int]:
    """Return the marker at a place and where its segment begins; any number of fill bytes may stand before it."""
    fill = _FILL.match(content, place)
    marker = b"" if fill is None else content[fill.end() : fill.end() + 1]
    if fill is None or not marker:
        raise _malformed("JPEG")
    return marker, fill.end() + 1


def _pdf(content: bytes) -> None:
    tail = content[-_PDF_TAIL_BYTES:]
    if b"%%EOF" not in tail or b"startxref" not in tail:
        raise _malformed("PDF")


def _boxes(content: bytes, what: str) -> Iterator[tuple[bytes, bytes]]:
    """Yield the boxes of a file of ISO 14496-12, each with its name; together they are the whole file."""
    place = parts = 0
    while place < len(content):
        parts += 1
        if parts > PARTS_MAX or len(content) - place < _BOX_HEAD_BYTES:
            raise _malformed(what)
        size, name = struct.unpack(">I4s", content[place : place + _BOX_HEAD_BYTES])
        head = _BOX_HEAD_BYTES
        if size == 1:
            size, head = int.from_bytes(content[place + 8 : place + 16]), 16
        elif size == 0:
            size = len(content) - place
        if size < head or place + size > len(content):
            raise _malformed(what)
        yield name, content[place + head : place + size]
        place += size


def _heic(content: bytes) -> None:
    boxes = dict(_boxes(content, "HEIC"))
    extent = boxes.get(b"meta", b"").find(b"ispe")
    if extent < 0 or b"mdat" not in boxes:
        raise _malformed("HEIC")
    sides = boxes[b"meta"][extent + 8 : extent + 16]
    if len(sides) < 8:  # noqa: PLR2004 - two numbers of four bytes
        raise _malformed("HEIC")
    _require_sides(*struct.unpack(">II", sides))


def _mp4(content: bytes) -> None:
    names = [name for name, _ in _boxes(content, "MP4")]
    if b"moov" not in names or b"mdat" not in names:
        raise _malformed("MP4")


def _has_brand(brands: frozenset[bytes]) -> Callable[[bytes], bool]:
    return lambda content: content[4:8] == b"ftyp" and content[8:12] in brands


_TYPES: dict[MediaType, tuple[Callable[[bytes], bool], Callable[[bytes], None]]] = {
    MediaType.PNG: (lambda content: content.startswith(_PNG), _png),
    MediaType.JPEG: (lambda content: content.startswith(b"\xff\xd8\xff"), _jpeg),
    MediaType.PDF: (lambda content: content.startswith((b"%PDF-1.", b"%PDF-2.")), _pdf),
    MediaType.HEIC: (_has_brand(_HEIC_BRANDS), _heic),
    MediaType.MP4: (_has_brand(_MP4_BRANDS), _mp4),
}
