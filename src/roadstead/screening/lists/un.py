"""The United Nations Security Council's consolidated list in XML (`CONSOLIDATED_LIST`)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from lxml import etree

from roadstead.errors import BadInput
from roadstead.screening.lists.countries import country_code
from roadstead.screening.lists.entries import Birth, Entry, EntryKind, new_entry
from roadstead.screening.lists.safe_xml import children, text

ROOT = "CONSOLIDATED_LIST"

_NAME_PARTS = ("FIRST_NAME", "SECOND_NAME", "THIRD_NAME", "FOURTH_NAME")
_APPROXIMATE_YEARS = 2
_GROUPS = (
    ("INDIVIDUALS", "INDIVIDUAL", EntryKind.PERSON),
    ("ENTITIES", "ENTITY", EntryKind.ORGANIZATION),
)


def published_on(root: etree._Element) -> date:
    """Return the day on which the file was made.

    Raises:
        BadInput: The file does not say it.
    """
    try:
        return date.fromisoformat(root.get("dateGenerated", "")[:10])
    except ValueError:
        raise BadInput(
            "The UN file does not say when it was made (dateGenerated): fetch it anew from the United Nations."
        ) from None


def entries(root: etree._Element) -> Iterator[Entry]:
    """Read every entry.

    Raises:
        BadInput: An entry has no identifier.
    """
    for group, name, kind in _GROUPS:
        for element in children(root, group, name):
            entry = _entry(element, name, kind)
            if entry is not None:
                yield entry


def _entry(element: etree._Element, name: str, kind: EntryKind) -> Entry | None:
    names = [
        " ".join(text(element, part) for part in _NAME_PARTS),
        text(element, "NAME_ORIGINAL_SCRIPT"),
    ]
    weak: list[str] = []
    for alias in children(element, f"{name}_ALIAS"):
        (weak if text(alias, "QUALITY") == "Low" else names).append(text(alias, "ALIAS_NAME"))
    return new_entry(
        identifier=text(element, "REFERENCE_NUMBER") or text(element, "DATAID"),
        kind=kind,
        names=names,
        weak_names=weak,
        births=_births(element),
        countries=_countries(element, name),
    )


def _births(element: etree._Element) -> Iterator[Birth]:
    for item in children(element, "INDIVIDUAL_DATE_OF_BIRTH"):
        birth = _birth(item)
        if birth is not None:
            yield birth


def _birth(item: etree._Element) -> Birth | None:
    spread = 0 if text(item, "TYPE_OF_DATE") == "EXACT" else _APPROXIMATE_YEARS
    said = [text(item, name)[:10] for name in ("DATE", "YEAR", "FROM_YEAR", "TO_YEAR")]
    try:
        if said[0] and not spread:
            day = date.fromisoformat(said[0])
            return Birth(earliest=day, latest=day)
        years = [int(one[:4]) for one in said if one]
        spread = 0 if said[2] and said[3] else spread
        return Birth.within_years(min(years) - spread, max(years) + spread) if years else None
    except ValueError:
        return None


def _countries(element: etree._Element, name: str) -> Iterator[str | None]:
    for value in children(element, "NATIONALITY", "VALUE"):
        yield country_code(text(value))
    for place in (f"{name}_ADDRESS", "INDIVIDUAL_PLACE_OF_BIRTH"):
        for value in children(element, place, "COUNTRY"):
            yield country_code(text(value))
