"""What the settings of a rail must be together: pure, one sentence for each problem."""

from __future__ import annotations

from collections.abc import Iterator

from roadstead.config.effective import Configuration, ConfiguredRail
from roadstead.config.examples import RAIL_BANK_KEY
from roadstead.config.file_forms import SFTP
from roadstead.config.rail_definitions import RAIL_SETTINGS
from roadstead.config.text_forms import FILES, SIGNED_HTTP

_NEEDED = {
    SIGNED_HTTP: ("url", "signing_key", "bank_keys"),
    FILES: ("channel", "account", "account_name"),
}
"""The settings without which a kind of rail cannot be opened."""
_DEFINITIONS = {definition.field: definition for definition in RAIL_SETTINGS}


def rails_have_what_they_need(configuration: Configuration) -> Iterator[str]:
    """Name what a rail's kind needs and the environment lacks, and keys of banks that everybody knows."""
    for rail in configuration.rails:
        # A server whose key is not pinned could be anybody, on every network.
        keys = ("host_key", "client_key") if rail.kind == FILES and _is_sftp(rail) else ()
        for field in (*_NEEDED.get(rail.kind, ()), *keys):
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


def _is_sftp(rail: ConfiguredRail) -> bool:
    return (rail.channel or "").startswith(f"{SFTP}://")


def rail_variable(name: str, what: str) -> str:
    """Return the name of a rail's setting."""
    return f"ROADSTEAD_RAIL_{name.upper()}_{what}"
