"""The message catalogue: what partners show to people, in their language.

A message is written in English where it arises, so that the code can be read there. This catalogue knows each of them
by its English text, with its values numbered (`Asset {1} is not accepted: use one of {2}.`), recognizes it when it
leaves the house, and writes it in another language with the same values. What it does not know stays in English.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources

TEXT_MAX = 1_000
"""Characters of a message that is looked up; a longer one stays in English."""
WISHES_MAX = 10
"""Languages of an Accept-Language header that are looked at."""

_PLACEHOLDER = re.compile(r"\{([1-9])\}")
_SENTENCE_END = re.compile(r"(?<=\.) ")
_PACKAGE = "roadstead.messages"


class Language(StrEnum):
    """The languages of the catalogue (ISO 639-1)."""

    ENGLISH = "en"
    SPANISH = "es"
    PORTUGUESE = "pt"
    FRENCH = "fr"


_LANGUAGES = {language.value: language for language in Language}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message in all languages."""

    texts: Mapping[Language, str]

    @property
    def english(self) -> str:
        """The text as the code has it, its values numbered."""
        return self.texts[Language.ENGLISH]


class Catalogue:
    """Translates messages that it recognizes by their English text."""

    def __init__(self, messages: Iterable[Message]) -> None:
        self._exact: dict[str, Message] = {}
        self._patterns: list[tuple[re.Pattern[str], Message]] = []
        for message in messages:
            if _PLACEHOLDER.search(message.english):
                self._patterns.append((_pattern(message.english), message))
            else:
                self._exact[message.english] = message
        # The more a text has of its own, the surer it is meant.
        self._patterns.sort(key=lambda entry: -len(_PLACEHOLDER.sub("", entry[1].english)))

    def translate(self, text: str, language: Language) -> str:
        """Return a text in a language, or as it is where the catalogue does not know it."""
        if language is Language.ENGLISH or len(text) > TEXT_MAX:
            return text
        found = self._found(text, language)
        if found is not None:
            return found
        sentences = _SENTENCE_END.split(text)
        if len(sentences) == 1:
            return text
        return " ".join(self._found(sentence, language) or sentence for sentence in sentences)

    def _found(self, text: str, language: Language) -> str | None:
        message = self._exact.get(text)
        if message is not None:
            return message.texts[language]
        for pattern, candidate in self._patterns:
            if match := pattern.fullmatch(text):
                values = [self._translated_value(value, language) for value in match.groups()]
                return _filled(candidate.texts[language], values)
        return None

    def _translated_value(self, value: str, language: Language) -> str:
        message = self._exact.get(value)
        return value if message is None else message.texts[language]


def language_of(*wishes: str | None) -> Language:
    """Return the first language that is both wished for and known; English when there is none.

    A wish is a tag (`pt-BR`) or what an Accept-Language header holds.
    """
    for wish in wishes:
        if wish:
            for tag in _tags(wish):
                language = _LANGUAGES.get(tag)
                if language is not None:
                    return language
    return Language.ENGLISH


def _tags(wish: str) -> list[str]:
    """Return the first parts of the tags of an Accept-Language header, those wished for most first."""
    weighed: list[tuple[float, str]] = []
    for part in wish.split(",", WISHES_MAX)[:WISHES_MAX]:
        tag, _, weight = part.strip().lower().partition(";")
        weighed.append((_weight(weight), tag.strip().replace("_", "-").partition("-")[0]))
    return [tag for weight, tag in sorted(weighed, key=lambda entry: -entry[0]) if weight > 0]


def _weight(text: str) -> float:
    name, _, number = text.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        weight = float(number)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0


def _filled(text: str, values: Sequence[str]) -> str:
    return _PLACEHOLDER.sub(lambda place: values[int(place[1]) - 1], text)


def _pattern(english: str) -> re.Pattern[str]:
    parts = _PLACEHOLDER.split(english)
    written = re.escape(parts[0])
    for before, after in zip(parts[0::2], parts[2::2], strict=False):
        # A value in quotes ends where they end; without this, one sentence could swallow the one before it.
        is_quoted = before.endswith("'") and after.startswith("'")
        written += ("([^']*)" if is_quoted else "(.*?)") + re.escape(after)
    return re.compile(written, re.DOTALL)


@cache
def shipped_messages() -> tuple[Message, ...]:
    """Read the messages of this package, once."""
    files = sorted(
        (entry for entry in resources.files(_PACKAGE).iterdir() if entry.name.endswith(".toml")),
        key=lambda entry: entry.name,
    )
    return tuple(
        Message(texts={language: row[language] for language in Language})
        for file in files
        for row in tomllib.loads(file.read_text(encoding="utf-8"))["message"]
    )
