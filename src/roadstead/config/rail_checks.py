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
_FOLDERS = 3
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


def file_rails_have_folders_of_their_own(configuration: Configuration) -> Iterator[str]:
    """Name folders that would lose files: one from which two rails read, and one that is used for two things.

    A rail puts away every file of its folder, also what speaks of another rail's account and batches.
    """
    readers: dict[tuple[str, str], str] = {}
    for rail in configuration.rails:
        if rail.kind != FILES or not rail.channel:
            continue
        if len({rail.outgoing, rail.incoming, rail.archive}) < _FOLDERS:
            yield (
                f"Rail {rail.name} uses one folder for two things: name three different ones by"
                f" {rail_variable(rail.name, 'OUTGOING')}, _INCOMING and _ARCHIVE."
            )
        place = rail.channel.rstrip("/"), rail.incoming.strip("/")
        other = readers.setdefault(place, rail.name)
        if other != rail.name:
            yield (
                f"Rails {other} and {rail.name} read the same folder, and each would put away what is for the other:"
                f" ask the bank for a folder for each account, and name them by {rail_variable(rail.name, 'INCOMING')}"
                f" or {rail_variable(rail.name, 'CHANNEL')}."
            )


def _is_sftp(rail: ConfiguredRail) -> bool:
    return (rail.channel or "").startswith(f"{SFTP}://")


def rail_variable(name: str, what: str) -> str:
    """Return the name of a rail's setting."""
    return f"ROADSTEAD_RAIL_{name.upper()}_{what}"
