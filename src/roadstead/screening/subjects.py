"""Who is screened: what a list is searched for, and a digest by which a decision about it is remembered."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

_PURPOSE = b"roadstead screening subject\0"

_GIVEN = ("first_name", "given_name")
_MIDDLE = ("additional_name",)
_FAMILY = ("last_name", "family_name")
_ORGANIZATIONS = ("organization.name",)
_BEHIND = ("organization.director_name", "organization.shareholder_name")
_BIRTH = ("birth_date",)
_COUNTRIES = (
    "birth_country_code",
    "address_country_code",
    "id_country_code",
    "organization.address_country_code",
)

SCREENED_FIELDS = (*_GIVEN, *_MIDDLE, *_FAMILY, *_ORGANIZATIONS, *_BEHIND, *_BIRTH, *_COUNTRIES)
"""SEP-9 fields that screening reads; a change of one has the customer screened again (`screened_field` in SQL)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whom a screener is asked about. Personal data: it is in the worker's memory and nowhere else."""

    persons: tuple[str, ...] = field(default=(), repr=False)
    """Full names of the natural persons: the customer, or who is behind an organization."""
    organizations: tuple[str, ...] = field(default=(), repr=False)
    birth_date: date | None = field(default=None, repr=False)
    """Of the customer; None where it is not known, and for organizations."""
    countries: tuple[str, ...] = field(default=(), repr=False)
    """ISO 3166-1 alpha-3."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that is searched for."""
        return (*self.persons, *self.organizations)


def subject_of(values: Mapping[str, str]) -> Subject:
    """Put together whom to screen from SEP-9 fields."""
    own = " ".join(
        value for names in (_GIVEN, _MIDDLE, _FAMILY) if (value := _first(values, names)) is not None
    )
    persons = (own, *(values.get(name, "") for name in _BEHIND))
    return Subject(
        persons=_tidied(persons),
        organizations=_tidied(values.get(name, "") for name in _ORGANIZATIONS),
        birth_date=_date(values.get("birth_date")),
        countries=tuple(sorted({values[name] for name in _COUNTRIES if values.get(name)})),
    )


def subject_digest(subject: Subject, data_key: bytes) -> str:
    """Return a digest of a subject under the customer's data key: when that is destroyed, it tells nothing any more."""
    content = {
        "persons": subject.persons,
        "organizations": subject.organizations,
        "birth_date": "" if subject.birth_date is None else subject.birth_date.isoformat(),
        "countries": subject.countries,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hmac.new(data_key, _PURPOSE + text.encode(), hashlib.sha256).hexdigest()


def _first(values: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((values[name] for name in names if values.get(name)), None)


def _tidied(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, (" ".join(name.split()) for name in names))))


def _date(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        return None
