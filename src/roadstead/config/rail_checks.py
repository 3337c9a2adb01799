"""What the settings of a rail must be together: pure, one sentence for each problem."""

from __future__ import annotations

from collections.abc import Iterator

from roadstead.config.effective import Configuration
from roadstead.config.examples import RAIL_BANK_KEY
from roadstead.config.rail_definitions import RAIL_SETTINGS
from roadstead.config.text_forms import SIGNED_HTTP

_NEEDED = {SIGNED_HTTP: ("url", "signing_key", "bank_keys")}
"""The settings without which a kind of rail cannot be opened."""
_DEFINITIONS = {definition.field: definition for definition in RAIL_SETTINGS}


def rails_have_what_they_need(configuration: Configuration) -> Iterator[str]:
    """Name what a rail's kind needs and the environment lacks, and keys of banks that everybody knows."""
    for rail in configuration.rails:
        for field in _NEEDED.get(rail.kind, ()):
            if not getattr(rail, field):
                definition = _DEFINITIONS[field]
                variable = definition.variable.replace("<NAME>", rail.name.upper())
                yield (
                    f"{variable} is missing, and {rail_variable(rail.name, 'KIND')} is {rail.kind}."
                    f" {definition.expected.replace(definition.variable, variable)}"
                )
        if RAIL_BANK_KEY in rail.bank_keys and not configuration.profile.allows_example_keys:
            yield (
                f"{rail_variable(rail.name, 'BANK_KEYS')} has the example of our documentation, with whose private"
                " half nobody should answer for a bank. Ask the bank for its key."
            )


def rail_variable(name: str, what: str) -> str:
    """Return the name of a rail's setting."""
    return f"ROADSTEAD_RAIL_{name.upper()}_{what}"
