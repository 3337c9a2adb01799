"""Opening a bank's file safely: what is not plain UTF-8 XML of ISO 20022 is refused before or while it is parsed.

Elements are read by their local names, so that one reader reads every version of a message; which message and version
it is, its namespace tells. Nothing outside the bytes is ever read, and no entity is expanded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from lxml import etree

from roadstead.errors import BadInput, TooLarge
from roadstead.money import AMOUNT_TEXT_MAX, Money, amount_from_text, currency

FILE_BYTES_MAX = 64 * 1024 * 1024
DEPTH_MAX = 40
"""No message of ISO 20022 nests deeper than about twenty elements."""
MARKS_MAX = 4_000_000
"""Tags of a file, and attributes, which take the room of two: a statement of 50,000 lines has so many.

Parsed, they take about half a gigabyte of memory at most; without a limit a file of 64 MiB takes two.
"""
TEXT_MAX = 500
"""Characters of a text that are kept; no field that is read has more."""

_NAMESPACE = re.compile(
    r"urn:iso:std:iso:20022:tech:xsd:((?:pain\.002|camt\.053|camt\.054|pacs\.004)\.001)\.([0-9]{2})", re.ASCII
)
_ENCODING = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_ENCODINGS = frozenset({b"utf-8", b"us-ascii", b"ascii"})
_DECIMAL = re.compile(r"\+?0*([0-9]+)(?:\.([0-9]*))?", re.ASCII)
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:Z|[+-][0-9]{2}:[0-9]{2})?", re.ASCII)
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})?",
    re.ASCII,
)
_MICROSECONDS = re.compile(r"(\.[0-9]{6})[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file of a kind that we read, parsed but not understood yet."""

    message: str
    """Which message it is, without its version: `pain.002.001`."""
    version: str
    body: etree._Element
    """The one element within the document's root."""

    @property
    def name(self) -> str:
        """The message with its version, as banks write it: `pain.002.001.10`."""
        return f"{self.message}.{self.version}"


def open_document(data: bytes) -> Document:
    """Parse a bank's file.

    Raises:
        TooLarge: It has more bytes or elements than any file of a bank should.
        BadInput: It is no UTF-8, declares a document type, nests too deep, is no XML, or no message that we read.
    """
    _refuse_dangerous(data)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
        # Whatever the file says: what was looked at as UTF-8 is read as UTF-8.
        encoding="utf-8",
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise BadInput(
            f"The file is no XML that can be read (line {error.lineno or 0}): it was cut off or damaged. Ask the bank "
            "for it again."
        ) from error
    if getattr(root.getroottree().docinfo, "doctype", ""):
        raise BadInput("The file declares a document type, which no bank's file does; it is not read.")
    _refuse_depth(root)
    tag = etree.QName(root)
    known = _NAMESPACE.fullmatch(tag.namespace or "")
    if tag.localname != "Document" or known is None:
        raise BadInput(
            "The file is no pain.002, camt.053, camt.054 or pacs.004 of ISO 20022: its first element is not a "
            "Document of one of them."
        )
    bodies = list(root)
    if len(bodies) != 1:
        raise BadInput("The file has not exactly one message in its Document.")
    return Document(message=known.group(1), version=known.group(2), body=bodies[0])


def _refuse_dangerous(data: bytes) -> None:
    if len(data) > FILE_BYTES_MAX:
        raise TooLarge(f"The file has {len(data)} bytes; at most {FILE_BYTES_MAX} are read.")
    if data.count(b"<") + 2 * data.count(b"=") > MARKS_MAX:
        raise TooLarge(f"The file has more than {MARKS_MAX} tags and attributes; so many are not read.")
    if not data.strip():
        raise BadInput("The file is empty.")
    declared = _ENCODING.match(data.removeprefix(b"\xef\xbb\xbf")[:200])
    if declared is not None and declared.group(1).lower() not in _ENCODINGS:
        raise BadInput("The file is not in UTF-8, the character set of ISO 20022; no other is read.")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"The file is not in UTF-8, the character set of ISO 20022 (byte {error.start})."
        ) from error
    if b"\0" in data:
        raise BadInput("The file has zero bytes, which no XML has.")
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise BadInput("The file declares a document type, which no bank's file does; it is not read.")


def _refuse_depth(root: etree._Element) -> None:
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > DEPTH_MAX:
            raise BadInput(f"The file nests elements more than {DEPTH_MAX} deep, which no bank's file does.")


def local_name(element: etree._Element) -> str:
    """Return an element's name without its namespace."""
    return etree.QName(element).localname


def children(element: etree._Element | None, name: str) -> Iterator[etree._Element]:
    """Yield the children of a local name, whatever their namespace."""
    if element is not None:
        yield from element.iterchildren(f"{{*}}{name}")


def child(element: etree._Element | None, *path: str) -> etree._Element | None:
    """Return the first descendant along a path of local names, or None."""
    for name in path:
        element = next(children(element, name), None)
    return element


def text(element: etree._Element | None, *path: str) -> str | None:
    """Return the trimmed text at a path of local names; None when there is none."""
    found = child(element, *path)
    if found is None or found.text is None:
        return None
    value = " ".join(found.text.split())[:TEXT_MAX]
    return value or None


def required(element: etree._Element | None, *path: str) -> str:
    """Return the text at a path.

    Raises:
        BadInput: There is none.
    """
    value = text(element, *path)
    if value is None:
        raise BadInput(f"The file lacks {'/'.join(path)}, which its kind of message has.")
    return value


def money(element: etree._Element | None, *path: str) -> Money | None:
    """Read an amount with its currency (`Ccy`); None when there is none.

    Raises:
        BadInput: It is no amount of its currency.
    """
    found = child(element, *path)
    if found is None:
        return None
    written = (found.text or "").strip()
    value = _DECIMAL.fullmatch(written) if len(written) <= AMOUNT_TEXT_MAX else None
    if value is None:
        raise BadInput(f"The file has a malformed amount in {local_name(found)}.")
    decimals = (value.group(2) or "").rstrip("0")
    whole = value.group(1)
    return amount_from_text(currency(found.get("Ccy") or ""), f"{whole}.{decimals}" if decimals else whole)


def day(element: etree._Element | None, *path: str) -> date | None:
    """Read a choice of date or moment (`Dt`, `DtTm`) as a day; None when there is none.

    Raises:
        BadInput: It is no date.
    """
    found = child(element, *path)
    value = text(found, "Dt") or (text(found, "DtTm") or "")[:10] or text(element, *path)
    return None if value is None else read_day(value)


def read_day(value: str) -> date:
    """Read an `ISODate`.

    Raises:
        BadInput: It is none.
    """
    known = _DATE.fullmatch(value)
    try:
        return date.fromisoformat(known.group(1) if known else "")
    except ValueError as error:
        raise BadInput("The file has a malformed date.") from error


def moment(element: etree._Element | None, *path: str) -> datetime | None:
    """Read an `ISODateTime`; without a zone it is taken for UTC. None when there is none.

    Raises:
        BadInput: It is no moment.
    """
    value = text(element, *path)
    if value is None:
        return None
    try:
        read = datetime.fromisoformat(_MICROSECONDS.sub(r"\1", value) if _MOMENT.fullmatch(value) else "")
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadInput("The file has a malformed moment.") from error
