"""Texts in the character set that every bank of SEPA carries; what is changed is said, never silent.

The set is that of the European Payments Council's implementation guidelines (EPC217-08): Latin letters, digits, the
signs `/ - ? : ( ) . , ' +` and the space; no slash at either end, and no two slashes in a row.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

NAME_MAX = 70
INFORMATION_MAX = 140
REPLACEMENT = "."
"""Stands for a sign that has no Latin counterpart."""

_FOREIGN = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]", re.ASCII)
_LETTERS = dict(
    zip(
        'ÆæŒœØøßẞÞþĐđÐðŁłĦħıŊŋ€&@_\u2018\u2019`´\u201c\u201d"\u2013\u2014;!*#',  # noqa: RUF001 - that is the point
        "AE ae OE oe O o ss SS TH th D d D d L l H h i N n E + (at) - ' ' ' ' ' ' ' - - , . . .".split(),
        strict=True,
    )
)
_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρσςτυφχψω",
        "a v g d e z i th i k l m n x o p r s s t y f ch ps o".split(),
        strict=True,
    )
)
_CYRILLIC = dict(
    zip(
        "абвгдежзийклмнопрстуфхцчшщъыьэюяђјљњћџіїєґў",
        (
            "a b v g d e zh z i y k l m n o p r s t u f h ts ch sh sht a y y e yu ya dj j lj nj c dz i yi ye g u"
        ).split(),
        strict=True,
    )
)
_TABLE = {
    **_LETTERS,
    **{letter: latin for table in (_GREEK, _CYRILLIC) for letter, latin in table.items()},
    **{
        letter.upper(): latin.capitalize()
        for table in (_GREEK, _CYRILLIC)
        for letter, latin in table.items()
        if letter != "ς"
    },
}


class Change(StrEnum):
    """How a text differs from what was given."""

    WRITTEN_IN_LATIN = "written in Latin letters"
    """Letters have their Latin counterparts."""
    REPLACED = "signs replaced"
    """Signs without a counterpart became full stops."""
    CUT = "cut"
    """It was too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A text as it travels, and how it differs from what was given."""

    text: str
    changes: tuple[Change, ...] = ()


def fit(text: str, length_max: int) -> Fitted:
    """Write a text in the set that every bank carries, in at most `length_max` characters; always the same result.

    The text may come out empty: whoever needs one asks `has_letters` first.
    """
    plain = " ".join(text.split())
    latin = " ".join("".join(_latin(letter) for letter in plain).split())
    changes = [Change.WRITTEN_IN_LATIN] if latin != plain else []
    allowed = _FOREIGN.sub(REPLACEMENT, latin)
    if allowed != latin:
        changes.append(Change.REPLACED)
    trimmed = _without_slashes(allowed)
    if trimmed != allowed and Change.REPLACED not in changes:
        changes.append(Change.REPLACED)
    cut = trimmed[:length_max]
    if cut != trimmed:
        changes.append(Change.CUT)
        cut = _without_slashes(cut)
    return Fitted(text=cut, changes=tuple(changes))


def has_letters(text: str) -> bool:
    """Whether anything readable of a text is left when it is written in Latin letters."""
    return any(character.isalnum() for character in fit(text, len(text) * 4 + 1).text)


def _latin(letter: str) -> str:
    """Return the Latin counterpart of a letter, or what it is without its accents."""
    if letter in _TABLE:
        return _TABLE[letter]
    plain = "".join(
        _TABLE.get(part, part)
        for part in unicodedata.normalize("NFKD", letter)
        if not unicodedata.combining(part)
    )
    return plain or REPLACEMENT


def _without_slashes(text: str) -> str:
    return re.sub(r"/{2,}", "/", text).strip("/ ")
