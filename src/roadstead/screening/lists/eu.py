"""The European Union's consolidated list of financial sanctions in XML (`export`, version 1.1)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from lxml import etree

from roadstead.errors import BadInput
from roadstead.screening.lists.countries import country_code
from roadstead.screening.lists.entries import Birth, Entry, EntryKind, new_entry
from roadstead.screening.lists.safe_xml import child, children

ROOT = "export"

_KINDS = {"P": EntryKind.PERSON, "E": EntryKind.ORGANIZATION}
_CIRCA_YEARS = 2
_NAME_PARTS = ("firstName", "middleName", "lastName")


def published_on(root: etree._Element) -> date:
    """Return the day on which the file was made.

    Raises:
        BadInput: The file does not say it.
    """
    try:
        return date.fromisoformat(root.get("generationDate", "")[:10])
    except ValueError:
        raise BadInput(
            "The EU file does not say when it was made (generationDate): fetch it anew from the European Commission."
        ) from None


def entries(root: etree._Element) -> Iterator[Entry]:
    """Read every entry.

    Raises:
        BadInput: An entry has no identifier, or a kind that is not known.
    """
    for element in children(root, "sanctionEntity"):
        identifier = element.get("euReferenceNumber") or element.get("logicalId") or ""
        names: list[str] = []
        weak: list[str] = []
        for alias in children(element, "nameAlias"):
            parts = " ".join(alias.get(part, "") for part in _NAME_PARTS)
            name = alias.get("wholeName") or parts
            (names if alias.get("strong", "true") == "true" else weak).append(name)
        entry = new_entry(
            identifier=identifier,
            kind=_kind(element, identifier),
            names=names,
            weak_names=weak,
            births=_births(element),
            countries=_countries(element),
        )
        if entry is not None:
            yield entry


def _kind(element: etree._Element, identifier: str) -> EntryKind:
    subject = child(element, "subjectType")
    code = "" if subject is None else subject.get("classificationCode", "")
    if code not in _KINDS:
        raise BadInput(
            f"Entry {identifier[:40]} is of the kind {code[:10]!r}, which the EU's format does not know: fetch the "
            "list anew, or upgrade Roadstead."
        )
    return _KINDS[code]


def _births(element: etree._Element) -> Iterator[Birth]:
    for item in children(element, "birthdate"):
        birth = _birth(item)
        if birth is not None:
            yield birth


def _birth(item: etree._Element) -> Birth | None:
    try:
        spread = _CIRCA_YEARS if item.get("circa") == "true" else 0
        if item.get("birthdate") and not spread:
            day = date.fromisoformat(item.get("birthdate", ""))
            return Birth(earliest=day, latest=day)
        first = int(item.get("yearRangeFrom") or item.get("year") or 0)
        last = int(item.get("yearRangeTo") or first)
        return Birth.within_years(first - spread, last + spread) if first > spread else None
    except ValueError:
        return None


def _countries(element: etree._Element) -> Iterator[str | None]:
    for name in ("citizenship", "birthdate", "address"):
        for item in children(element, name):
            yield country_code(item.get("countryIso2Code", "") or item.get("countryDescription", ""))
