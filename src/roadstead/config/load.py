"""Loading a configuration: the environment, the file it names, and the checks over both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from roadstead.config.anchor import Anchor
from roadstead.config.anchor_file import read_anchor
from roadstead.config.checks import problems_of
from roadstead.config.definitions import ISSUER
from roadstead.config.effective import Configuration
from roadstead.config.environment import Reading, read_environment
from roadstead.config.networks import profile
from roadstead.config.schema import nearest
from roadstead.config.settings import settings_from
from roadstead.errors import ConfigurationError


def load_configuration(environ: Mapping[str, str]) -> Configuration:
    """Read and check everything that a process is told at its start. Reading again is safe and changes nothing.

    Raises:
        ConfigurationError: Something is missing, wrong, unknown, or not allowed on the network; the message lists all
            problems, one a line.
    """
    reading = read_environment(environ)
    path = reading.values.get("anchor_file")
    anchor, found = read_anchor(path) if isinstance(path, Path) else (None, [])
    problems = [*reading.problems, *found]
    if anchor is not None:
        problems += _gaps(anchor, reading)
    if anchor is None or problems:
        raise _refusal(problems)
    settings = settings_from(reading, environ)
    configuration = Configuration(anchor=anchor, settings=settings, profile=profile(settings.network))
    problems = problems_of(configuration)
    if problems:
        raise _refusal(problems)
    return configuration


def _refusal(problems: list[str]) -> ConfigurationError:
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    lines = "\n".join(f"- {problem}" for problem in problems)
    return ConfigurationError(f"The configuration has {count}; nothing was started.\n{lines}")


def _gaps(anchor: Anchor, reading: Reading) -> Iterator[str]:
    """Find where the environment and `anchor.toml` speak of different assets or rails."""
    codes = {terms.code.upper(): terms.code for terms in anchor.assets}
    for code, written in codes.items():
        variable = f"ROADSTEAD_ASSET_{code}_ISSUER"
        if code not in reading.issuers and not any(variable in problem for problem in reading.problems):
            expected = ISSUER.expected.replace(ISSUER.variable, variable)
            yield f"{variable} is missing: anchor.toml accepts {written}. {expected}"
    for code in reading.issuers:
        if code not in codes:
            yield (
                f"ROADSTEAD_ASSET_{code}_ISSUER is set, and anchor.toml accepts no asset {code}."
                f"{nearest(code, codes)} Correct its name or remove it."
            )
    yield from _verifier_gaps(anchor, reading)
    names = [rail.name for rail in anchor.rails]
    for name in reading.rails:
        if name not in names:
            yield (
                f"ROADSTEAD_RAIL_{name.upper()}_... is set, and anchor.toml has no rail {name}."
                f"{nearest(name, names)} Correct its name or remove it."
            )


def _verifier_gaps(anchor: Anchor, reading: Reading) -> Iterator[str]:
    names = [verifier.name for verifier in anchor.verifiers]
    for name in reading.verifiers:
        if name not in names:
            yield (
                f"ROADSTEAD_VERIFIER_{name.upper()}_... is set, and anchor.toml has no verifier {name}."
                f"{nearest(name, names)} Correct its name or remove it."
            )
