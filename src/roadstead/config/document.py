"""Writes docs/configuration.md from the settings and the schema themselves.

Run `python -m roadstead.config.document > docs/configuration.md`, or `make docs`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from roadstead.config.anchor_schema import SECTIONS
from roadstead.config.definition import Definition
from roadstead.config.definitions import all_definitions
from roadstead.config.networks import NetworkProfile, profiles
from roadstead.config.schema import Section

_INTRODUCTION = """\
# Configuration

Generated from the code by `make docs`; a test keeps it up to date.

Two things tell the server what it is. `anchor.toml` says **what the anchor offers**, and is the same file in every
environment. Environment variables say **where it runs**: network, hosts, accounts, keys and databases. The code is the
same everywhere, and what a network allows is decided in one table, at the end of this page.

Everything is checked before anything starts. When something is missing, wrong, unknown or not allowed on the network,
the start is refused with a list of all problems; each line names the variable or key, what it must look like, and an
example. `roadstead config show` prints every value in effect and where it comes from, with secrets masked.

## Environment variables

A variable that is set to nothing counts as not set. A variable that begins with `ROADSTEAD_` and is not in this table
is refused, because it is most likely a misspelling. A secret can be given as a file: set the variable with `_FILE`
behind its name to the path, and not the variable itself. Every key printed here is known to everybody, and is refused
on every network but the sandbox.
"""

_ANCHOR_INTRODUCTION = """\
## anchor.toml

`examples/anchor.toml` is a complete example. Amounts and fees are texts (`"0.10"`) or numbers; both are read exactly.
Keys that are not in these tables are refused.
"""

_NETWORKS_INTRODUCTION = """\
## What differs between networks
"""


def page() -> str:
    """Return the whole page as Markdown."""
    parts = [_INTRODUCTION, _table(_variables()), "", _ANCHOR_INTRODUCTION]
    for section in SECTIONS:
        parts.extend(_section(section, ""))
    parts += [_NETWORKS_INTRODUCTION, _table(_networks())]
    return "\n".join(parts).rstrip() + "\n"


def _variables() -> Iterator[tuple[str, ...]]:
    yield "variable", "meaning", "form", "default", "example"
    for definition in all_definitions():
        meaning = definition.description + (" Secret." if definition.secret else "")
        example = f"`{definition.example}`"
        yield f"`{definition.variable}`", meaning, definition.form.words, _default(definition), example


def _default(definition: Definition) -> str:
    if definition.required:
        return "required"
    if definition.default is not None:
        return f"`{definition.default}`"
    return definition.default_words


def _section(section: Section, parent: str) -> Iterator[str]:
    heading = f"[[{parent}{section.name}]]" if section.many else f"[{parent}{section.name}]"
    needed = "Required" if section.required else "Optional"
    yield f"### `{heading}`\n\n{section.description} {needed}{', may be repeated' if section.many else ''}.\n"
    rows = [("key", "meaning", "form", "default", "example")]
    for key in section.keys:
        example = f"`{key.name} = {key.example}`"
        default = "required" if key.required else _default_of(section, key.name)
        rows.append((f"`{key.name}`", key.description, key.form.words, default, example))
    yield _table(iter(rows)) + "\n"
    for child in section.children:
        yield from _section(child, f"{parent}{section.name}.")


def _default_of(section: Section, key: str) -> str:
    """Find the default of an optional key where the class has it; some are decided by other values."""
    if not is_dataclass(section.make):
        return ""
    default = next(field.default for field in fields(section.make) if field.name == key)
    match default:
        case None:
            return "none"
        case bool():
            return f"`{str(default).lower()}`"
        case _:
            return f"`{default}`"


def _networks() -> Iterator[tuple[str, ...]]:
    known = profiles()
    yield ("what", *(f"{profile.network}" for profile in known))
    for field in fields(NetworkProfile):
        if field.name != "network":
            name = field.name.replace("_", " ").replace("https", "HTTPS").replace("url", "URL")
            yield (name, *(_said(getattr(profile, field.name)) for profile in known))


def _said(value: object) -> str:
    match value:
        case True:
            return "yes"
        case False:
            return "no"
        case None:
            return "none: must be said"
        case tuple():
            return ", ".join(f"`{part}`" for part in value) or "none"
        case _:
            return f"`{value}`"


def _table(rows: Iterator[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in rows]
    lines.insert(1, f"|{' --- |' * (lines[0].count(' | ') + 1)}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(page())
