"""Reading `anchor.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from roadstead.config.anchor import Anchor
from roadstead.config.anchor_rules import consistency_problems
from roadstead.config.anchor_schema import SECTIONS
from roadstead.config.customer_types import extended
from roadstead.config.schema import Problems, read_sections
from roadstead.errors import ConfigurationError

_FILE_BYTES_MAX = 1_048_576


def load_anchor(path: Path) -> Anchor:
    """Read what the anchor offers. Reading again is safe and changes nothing.

    Raises:
        ConfigurationError: The file cannot be read, or says something that cannot be; lists every problem found.
    """
    anchor, problems = read_anchor(path)
    if anchor is None:
        raise ConfigurationError("\n".join(problems))
    return anchor


def read_anchor(path: Path) -> tuple[Anchor | None, list[str]]:
    """Read what the anchor offers, or the list of all problems that keep it from being read."""
    raw, problem = _raw(path)
    if raw is None:
        return None, [problem]
    problems = Problems(str(path))
    values = read_sections(raw, SECTIONS, problems)
    if problems.found:
        return None, problems.found
    anchor = Anchor(**values)  # type: ignore[arg-type]  # the schema gives every section its class
    found = [f"{path}: {problem}" for problem in consistency_problems(anchor)]
    if found:
        return None, found
    return replace(anchor, customer_types=extended(anchor.customer_types)), []


def _raw(path: Path) -> tuple[dict[str, object] | None, str]:
    try:
        with path.open("rb") as file:
            content = file.read(_FILE_BYTES_MAX + 1)
    except OSError as error:
        return None, (
            f"{path}: cannot be read ({error.strerror}). It must be the file that says what the anchor offers; set"
            " ROADSTEAD_ANCHOR_FILE to it, for example: ROADSTEAD_ANCHOR_FILE=/etc/roadstead/anchor.toml"
        )
    if len(content) > _FILE_BYTES_MAX:
        return None, f"{path}: is larger than {_FILE_BYTES_MAX} bytes, which no anchor.toml needs to be."
    try:
        return tomllib.loads(content.decode(), parse_float=Decimal), ""
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, ArithmeticError) as error:
        return None, f'{path}: is not TOML ({error}). It must have lines such as: name = "Example Anchor"'
