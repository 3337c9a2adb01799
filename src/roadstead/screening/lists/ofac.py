"""OFAC's Specially Designated Nationals and consolidated lists in XML (`sdnList`, US Treasury, public domain)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime

from lxml import etree

from roadstead.errors import BadInput
from roadstead.screening.lists.countries import country_code
from roadstead.screening.lists.entries import Birth, Entry, EntryKind, new_entry
from roadstead.screening.lists.safe_xml import children, text

ROOT = "sdnList"

_KINDS = {
    "Individual": EntryKind.PERSON,
    "Entity": EntryKind.ORGANIZATION,
    "Vessel": EntryKind.VESSEL,
    "Aircraft": EntryKind.AIRCRAFT,
}
_COUNTRY_PATHS = (
    ("nationalityList", "nationality", "country"),
    ("citizenshipList", "citizenship", "country"),
    ("addressList", "address", "country"),
)
_CIRCA_YEARS = 2
_DAY = re.compile(r"(\d{1,2} [A-Z][a-z]{2} \d{4})")
_YEAR = re.compile(r"\b(\d{4})\b")


def published_on(root: etree._Element) -> date:
    """Return the day of publication.

    Raises:
        BadInput: The file does not say it.
    """
    said = text(root, "publshInformation", "Publish_Date")
    try:
        return datetime.strptime(said, "%m/%d/%Y").date()  # noqa: DTZ007 - a day has no time zone
    except ValueError:
        raise BadInput(
            "The OFAC file does not say when it was published (Publish_Date): fetch it anew from OFAC."
        ) from None


def entries(root: etree._Element) -> Iterator[Entry]:
    """Read every entry.

    Raises:
        BadInput: An entry has no identifier, or a kind that is not known.
    """
    for element in children(root, "sdnEntry"):
        names, weak = [_name(element)], list[str]()
        for alias in children(element, "akaList", "aka"):
            (weak if text(alias, "category") == "weak" else names).append(_name(alias))
        entry = new_entry(
            identifier=text(element, "uid"),
            kind=_kind(element),
            names=names,
            weak_names=weak,
            births=_births(element),
            countries=_countries(element),
        )
        if entry is not None:
            yield entry


def _kind(element: etree._Element) -> EntryKind:
    said = text(element, "sdnType")
    if said not in _KINDS:
        raise BadInput(
            f"Entry {text(element, 'uid')[:40]} is of the kind {said[:40]!r}, which OFAC's format does not know: fetch "
            "the list anew, or upgrade Roadstead."
        )
    return _KINDS[said]


def _name(element: etree._Element) -> str:
    return f"{text(element, 'firstName')} {text(element, 'lastName')}"


def _births(element: etree._Element) -> Iterator[Birth]:
    for item in children(element, "dateOfBirthList", "dateOfBirthItem", "dateOfBirth"):
        birth = read_birth(text(item))
        if birth is not None:
            yield birth


def _countries(element: etree._Element) -> Iterator[str | None]:
    for path in _COUNTRY_PATHS:
        for item in children(element, *path):
            yield country_code(text(item))
    for place in children(element, "placeOfBirthList", "placeOfBirthItem", "placeOfBirth"):
        yield country_code(text(place).rpartition(",")[2])


def read_birth(said: str) -> Birth | None:
    """Read `10 Dec 1948`, `1948`, `circa 1948`, `Dec 1948` and `1948 to 1950`; None when it says nothing certain."""
    days = [_day(found) for found in _DAY.findall(said)]
    years = [int(found) for found in _YEAR.findall(said)]
    try:
        if days and all(days) and not said.lower().startswith("circa"):
            return Birth(earliest=min(filter(None, days)), latest=max(filter(None, days)))
        if years:
            spread = _CIRCA_YEARS if "circa" in said.lower() else 0
            return Birth.within_years(min(years) - spread, max(years) + spread)
    except ValueError:
        return None
    return None


def _day(said: str) -> date | None:
    try:
        return datetime.strptime(said, "%d %b %Y").date()  # noqa: DTZ007 - a day has no time zone
    except ValueError:
        return None
