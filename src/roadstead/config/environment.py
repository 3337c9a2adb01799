"""Reading environment variables by their definitions. All problems are collected, not only the first."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from roadstead.config.definition import DEFAULT, Definition
from roadstead.config.definitions import ISSUER, RAIL_SETTINGS, SETTINGS
from roadstead.config.schema import Unfit, nearest

PREFIX = "ROADSTEAD_"
FILE_SUFFIX = "_FILE"
_SECRET_FILE_BYTES_MAX = 65_536
_ISSUER = re.compile(r"ROADSTEAD_ASSET_([A-Z0-9]{1,12})_ISSUER", re.ASCII)
_RAIL = re.compile(r"ROADSTEAD_RAIL_([A-Z0-9_]+?)_(KIND|URL|TOKEN)(_FILE)?", re.ASCII)
_EXEMPT = re.compile(
    r"ROADSTEAD_(LIFELINE_FD|NO_SKIPS|TEST_.*|BANK_TOKEN|(SENDER_SECRET|OPERATOR_TOKEN)(_FILE)?)", re.ASCII
)
"""Variables that speak to supervised child processes, to the test suite, to the sandbox's bank and sender, and to
commands about who types them."""


@dataclass(slots=True)
class Reading:
    """What the environment says: values by the attribute they belong to, where they come from, and what is wrong."""

    values: dict[str, object] = field(default_factory=dict)
    issuers: dict[str, object] = field(default_factory=dict)
    rails: dict[str, dict[str, object]] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def read_environment(environ: Mapping[str, str]) -> Reading:
    """Read every variable that is Roadstead's. An empty variable counts as one that is not set."""
    given = {name: value for name, value in environ.items() if name.startswith(PREFIX) and value}
    reading = Reading()
    for definition in SETTINGS:
        _read(given, definition, definition.variable, reading, _keep(reading.values, definition.field))
    for name in sorted(given):
        _read_named(given, name, reading)
    _note_unknown(given, reading)
    # A variable and its _FILE are two names for one setting, and are read twice when both are wrong.
    reading.problems = list(dict.fromkeys(reading.problems))
    return reading


def _keep(target: dict[str, object], name: str) -> Callable[[object], None]:
    return lambda value: target.__setitem__(name, value)


def _read_named(given: Mapping[str, str], name: str, reading: Reading) -> None:
    """Read a variable whose name carries an asset's code or a rail's name."""
    if found := _ISSUER.fullmatch(name):
        _read(given, ISSUER, name, reading, _keep(reading.issuers, found[1]))
    if found := _RAIL.fullmatch(name):
        definition = next(item for item in RAIL_SETTINGS if item.variable.endswith(found[2]))
        variable = f"ROADSTEAD_RAIL_{found[1]}_{found[2]}"
        if variable not in reading.origins:
            rail = reading.rails.setdefault(found[1].lower(), {})
            _read(given, definition, variable, reading, _keep(rail, definition.field))


def _read(
    given: Mapping[str, str],
    definition: Definition,
    variable: str,
    reading: Reading,
    keep: Callable[[object], None],
) -> None:
    expected = definition.expected.replace(definition.variable, variable)
    try:
        text, origin = _text_of(given, definition, variable)
        if text is None:
            if definition.required:
                reading.problems.append(f"{variable} is missing. {definition.description} {expected}")
            return
        keep(definition.form.read(text))
    except Unfit as error:
        reading.problems.append(f"{variable} {error}. {expected}")
        return
    reading.origins[variable] = origin


def _text_of(given: Mapping[str, str], definition: Definition, variable: str) -> tuple[str | None, str]:
    """Return the text of a variable and its origin; None when there is none."""
    path = given.get(variable + FILE_SUFFIX) if definition.secret else None
    if path is not None and variable in given:
        raise Unfit(f"is set and {variable}{FILE_SUFFIX} too: keep one of them")
    if path is not None:
        return _file_content(Path(path), variable), f"file {path}"
    if variable in given:
        return given[variable], "environment"
    return definition.default, DEFAULT


def _file_content(path: Path, variable: str) -> str:
    named = f"cannot be read from the file {path} of {variable}{FILE_SUFFIX}"
    try:
        with path.open("rb") as file:
            content = file.read(_SECRET_FILE_BYTES_MAX + 1)
        text = content.decode().strip()
    except (OSError, ValueError) as error:
        # A decoding error would quote the bytes of the secret; its kind says enough.
        raise Unfit(f"{named} ({getattr(error, 'strerror', None) or type(error).__name__})") from None
    if not text or len(content) > _SECRET_FILE_BYTES_MAX:
        raise Unfit(f"{named}: it is {'too large' if text else 'empty'}")
    return text


def _note_unknown(given: Mapping[str, str], reading: Reading) -> None:
    known = [definition.variable for definition in SETTINGS]
    known += [f"{definition.variable}{FILE_SUFFIX}" for definition in SETTINGS if definition.secret]
    for name in sorted(given):
        if name in known or _EXEMPT.fullmatch(name) or _ISSUER.fullmatch(name):
            continue
        found = _RAIL.fullmatch(name)
        if found and (found[2] == "TOKEN" or not found[3]):
            continue
        patterns = [ISSUER.variable, *(definition.variable for definition in RAIL_SETTINGS)]
        reading.problems.append(
            f"{name} is no setting of Roadstead.{nearest(name, [*known, *patterns])} Correct its name or remove it."
        )
