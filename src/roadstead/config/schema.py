"""Reading a TOML file by a declared schema: every key has a form, an example and a description.

All problems of a file are collected, so that one start shows them all. The same declarations write the documentation.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

_INDEX = re.compile(r"\[[0-9]+\]")


class Unfit(ValueError):
    """A value is not of the form that was asked for. The message completes the sentence "The value ..."."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What a value must look like: in words, and as a function that reads it."""

    words: str
    """Completes the sentence "It must be ..."."""
    read: Callable[[object], object]
    """Returns the value, or raises Unfit with what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of a table."""

    name: str
    form: Form
    required: bool = False
    description: str
    example: str
    """A TOML literal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One table of the file, or an array of tables, and what is made of it."""

    name: str
    make: Callable[..., object]
    """Called with the values of the keys that are present, by name."""
    many: bool
    required: bool = False
    description: str
    keys: tuple[Key, ...]
    children: tuple[Section, ...] = ()


@dataclass(slots=True)
class Problems:
    """The problems found so far in one file."""

    source: str
    found: list[str] = field(default_factory=list)

    def add(self, path: str, message: str) -> None:
        """Note a problem at a key path."""
        self.found.append(f"{self.source}: {path}: {message}")


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint at the known name that was probably meant, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean {close[0]}?" if close else ""


def read_sections(
    table: Mapping[str, object], sections: tuple[Section, ...], problems: Problems
) -> dict[str, object]:
    """Read the top of a file: sections only. What could not be read is missing from the answer and noted."""
    _note_unknown(table, [section.name for section in sections], "", problems)
    values: dict[str, object] = {}
    for section in sections:
        _read_child(table, section, "", problems, values)
    return values


def _read_child(
    table: Mapping[str, object], section: Section, path: str, problems: Problems, values: dict[str, object]
) -> None:
    here = f"{path}{section.name}"
    heading = _heading(section, here)
    if section.name not in table:
        if section.required:
            needed = " ".join(f"{key.name} = {key.example}" for key in section.keys if key.required)
            problems.add(here, f"is missing. {section.description} Write for example: {heading} {needed}")
        return
    raw = table[section.name]
    if section.many:
        values[section.name] = _read_many(raw, section, here, problems)
        return
    if not isinstance(raw, dict):
        problems.add(here, f"is {_named(raw)} and must be a table: write {heading} and its keys below it.")
        return
    made = _read_table(raw, section, here, problems)
    if made is not None:
        values[section.name] = made


def _read_many(raw: object, section: Section, here: str, problems: Problems) -> tuple[object, ...]:
    if not isinstance(raw, list) or not all(isinstance(item, dict) for item in raw):
        problems.add(
            here, f"is {_named(raw)} and must be a list of tables: write [[{here}]] and keys below it."
        )
        return ()
    if section.required and not raw:
        problems.add(here, "is empty and must have at least one entry.")
    made = (_read_table(item, section, f"{here}[{index}]", problems) for index, item in enumerate(raw))
    return tuple(item for item in made if item is not None)


def _read_table(
    table: Mapping[str, object], section: Section, here: str, problems: Problems
) -> object | None:
    before = len(problems.found)
    names = [key.name for key in section.keys] + [child.name for child in section.children]
    _note_unknown(table, names, f"{here}.", problems)
    values: dict[str, object] = {}
    for key in section.keys:
        _read_key(table, key, f"{here}.{key.name}", problems, values)
    for child in section.children:
        _read_child(table, child, f"{here}.", problems, values)
    return section.make(**values) if len(problems.found) == before else None


def _read_key(
    table: Mapping[str, object], key: Key, path: str, problems: Problems, values: dict[str, object]
) -> None:
    expected = f"It must be {key.form.words}, for example: {key.name} = {key.example}"
    if key.name not in table:
        if key.required:
            problems.add(path, f"is missing. {expected}")
        return
    try:
        values[key.name] = key.form.read(table[key.name])
    except Unfit as error:
        problems.add(path, f"{error}. {expected}")


def _note_unknown(table: Mapping[str, object], known: list[str], prefix: str, problems: Problems) -> None:
    for name in table:
        if name not in known:
            problems.add(
                f"{prefix}{name}", f"is not known here.{nearest(name, known)} Known: {', '.join(known)}."
            )


def _heading(section: Section, path: str) -> str:
    name = _INDEX.sub("", path)
    return f"[[{name}]]" if section.many else f"[{name}]"


def _named(value: object) -> str:
    match value:
        case dict():
            return "a table"
        case list():
            return "a list"
        case str():
            return "a text"
        case _:
            return f"the value {value}"
