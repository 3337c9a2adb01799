"""Reading XML that may be hostile: no document type, no entities, no network, limited size and depth."""

from __future__ import annotations

from lxml import etree

from roadstead.errors import BadInput

FILE_BYTES_MAX = 200_000_000
"""Largest list file; the largest published one has about 25 MB."""


def parse(data: bytes) -> etree._Element:
    """Parse a whole document and return its root.

    Raises:
        BadInput: It is too large, not well-formed, or has a document type declaration.
    """
    if len(data) > FILE_BYTES_MAX:
        raise BadInput(f"The list file has more than {FILE_BYTES_MAX} bytes: fetch it anew.")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise BadInput(
            f"The list file is not well-formed XML{f' (line {line})' if line else ''}: fetch it anew from its "
            "publisher."
        ) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise BadInput(
            "The list file has a document type declaration, which no published list has: fetch it anew from its "
            "publisher."
        )
    return root


def local(element: etree._Element) -> str:
    """Return the name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def child(element: etree._Element, name: str) -> etree._Element | None:
    """Return the first child of a name, in any namespace."""
    return element.find(f"{{*}}{name}")


def children(element: etree._Element, *path: str) -> list[etree._Element]:
    """Return the elements at the end of a path of names, in any namespace."""
    return element.findall("/".join(f"{{*}}{name}" for name in path))


def text(element: etree._Element | None, *path: str) -> str:
    """Return the text at the end of a path of names, without spaces around it; empty when there is none."""
    for name in path:
        element = None if element is None else child(element, name)
    return "" if element is None else (element.text or "").strip()
