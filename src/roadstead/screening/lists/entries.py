"""What a list says of one person, organization or vessel, whatever the form of the file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from roadstead.errors import BadInput

NAME_CHARACTERS_MAX = 2_000
NAMES_MAX = 500
ENTRIES_MAX = 1_000_000


class EntryKind(StrEnum):
    """What an entry is about."""

    PERSON = "person"
    ORGANIZATION = "organization"
    VESSEL = "vessel"
    AIRCRAFT = "aircraft"


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """When somebody was born, as exactly as the list knows it: between two days, both included."""

    earliest: date
    latest: date

    @property
    def text(self) -> str:
        """Both days in ISO 8601, with a slash between them."""
        return f"{self.earliest.isoformat()}/{self.latest.isoformat()}"

    @classmethod
    def read(cls, text: str) -> Birth:
        """Read what `text` wrote.

        Raises:
            ValueError: It is not of that form.
        """
        earliest, _, latest = text.partition("/")
        return cls(earliest=date.fromisoformat(earliest), latest=date.fromisoformat(latest))

    @classmethod
    def within_years(cls, first: int, last: int) -> Birth:
        """Say that somebody was born in one of these years.

        Raises:
            ValueError: There are no such years.
        """
        return cls(earliest=date(first, 1, 1), latest=date(last, 12, 31))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a list."""

    id: str
    """The list's own identifier, the same in every version of it."""
    kind: EntryKind
    names: tuple[str, ...]
    """The name and the aliases that are good enough to match by, as the list writes them."""
    weak_names: tuple[str, ...] = ()
    """Aliases that the list itself calls weak: they count only together with a birth date or country."""
    births: tuple[Birth, ...] = ()
    countries: tuple[str, ...] = ()
    """ISO 3166-1 alpha-3 of nationality, birth and residence, as far as the list names them."""

    @property
    def version(self) -> str:
        """A digest of everything above: it changes when the list changes what it says of this entry."""
        content = {
            "kind": self.kind,
            "names": self.names,
            "weak_names": self.weak_names,
            "births": [birth.text for birth in self.births],
            "countries": self.countries,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    def joined_with(self, other: Entry) -> Entry:
        """Return an entry that says what both say; the kind is this one's."""
        names = tuple(dict.fromkeys((*self.names, *other.names)))
        return replace(
            self,
            names=names,
            weak_names=tuple(
                dict.fromkeys(n for n in (*self.weak_names, *other.weak_names) if n not in names)
            ),
            births=tuple(sorted({*self.births, *other.births}, key=lambda birth: birth.text)),
            countries=tuple(sorted({*self.countries, *other.countries})),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFile:
    """A list as it was read from a file."""

    form: str
    """Whose form the file has: `ofac`, `un` or `eu`."""
    published_on: date
    digest: str
    """SHA-256 of the file, in hexadecimal."""
    entries: tuple[Entry, ...]

    @property
    def version(self) -> str:
        """The day of publication and the beginning of the digest."""
        return f"{self.published_on.isoformat()}-{self.digest[:12]}"


def new_entry(
    *,
    identifier: str,
    kind: EntryKind,
    names: Iterable[str],
    weak_names: Iterable[str] = (),
    births: Iterable[Birth] = (),
    countries: Iterable[str | None] = (),
) -> Entry | None:
    """Put an entry together: spaces tidied, everything once and in order; None when it has no name to match by.

    Raises:
        BadInput: It has no identifier, or more or longer names than any list has.
    """
    strong = tuple(dict.fromkeys(filter(None, (" ".join(name.split()) for name in names))))
    weak = tuple(dict.fromkeys(filter(None, (" ".join(name.split()) for name in weak_names))))
    if not strong and not weak:
        return None
    if not identifier or len(identifier) > NAME_CHARACTERS_MAX:
        raise BadInput("The file has an entry without an identifier: fetch the list anew from its publisher.")
    if len(strong) + len(weak) > NAMES_MAX or any(
        len(name) > NAME_CHARACTERS_MAX for name in (*strong, *weak)
    ):
        raise BadInput(
            f"Entry {identifier[:40]} has more than {NAMES_MAX} names, or one of more than {NAME_CHARACTERS_MAX} "
            "characters: fetch the list anew from its publisher."
        )
    return Entry(
        id=identifier,
        kind=kind,
        names=strong,
        weak_names=tuple(name for name in weak if name not in strong),
        births=tuple(sorted(set(births), key=lambda birth: birth.text)),
        countries=tuple(sorted({country for country in countries if country})),
    )
