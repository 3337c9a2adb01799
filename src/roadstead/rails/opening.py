"""Putting a rail behind each name of anchor.toml, as the environment says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from roadstead.config.ed25519 import private_key_from, public_key_from
from roadstead.config.effective import Configuration, ConfiguredRail
from roadstead.config.extensions import imported
from roadstead.config.rail_checks import rail_variable
from roadstead.config.text_forms import RAIL_KINDS, SIGNED_HTTP, SIMULATED
from roadstead.errors import ConfigurationError
from roadstead.rails.http import HttpRail, Trust
from roadstead.rails.protocol import Rail
from roadstead.rails.simulated import SimulatedRail

RailFactory = Callable[[ConfiguredRail], Rail]
"""What an integrator's own kind names: `package.module:function`, called with the configured rail."""


def open_rails(
    configuration: Configuration, kinds: Mapping[str, RailFactory] = MappingProxyType({})
) -> dict[str, Rail]:
    """Make the rails, by name; nothing is contacted yet.

    `kinds` are those that need more than their configuration, such as a database.

    Raises:
        ConfigurationError: A rail's kind is not known, cannot be imported, or lacks its URL.
    """
    return {rail.name: open_rail(rail, kinds) for rail in configuration.rails}


def open_rail(configured: ConfiguredRail, kinds: Mapping[str, RailFactory] = MappingProxyType({})) -> Rail:
    """Make one rail.

    Raises:
        ConfigurationError: Its kind is not known, cannot be imported, or lacks its URL.
    """
    own = kinds.get(configured.kind) or _OWN.get(configured.kind)
    if own is not None:
        return own(configured)
    if ":" not in configured.kind:
        raise ConfigurationError(
            f"{_variable(configured, 'KIND')} is {configured.kind!r}: write {', '.join(RAIL_KINDS)}, or "
            "package.module:function of a rail of your own."
        )
    factory: RailFactory = imported(configured.kind, named_by=_variable(configured, "KIND"))
    return factory(configured)


def _simulated(configured: ConfiguredRail) -> Rail:
    if configured.url is None:
        raise ConfigurationError(
            f"{_variable(configured, 'URL')} is missing: write the address of the simulated bank, such as "
            "http://127.0.0.1:8090."
        )
    return SimulatedRail(
        name=configured.name,
        base_url=configured.url,
        token=configured.token.reveal() if configured.token else None,
        currencies=[configured.currency],
    )


def _http(configured: ConfiguredRail) -> Rail:
    if configured.url is None or configured.signing_key is None or not configured.bank_keys:
        raise ConfigurationError(
            f"Rail {configured.name} is of kind {SIGNED_HTTP} and needs {_variable(configured, 'URL')}, "
            f"{_variable(configured, 'SIGNING_KEY')} and {_variable(configured, 'BANK_KEYS')}."
        )
    try:
        trust = Trust(
            signing_key=private_key_from(configured.signing_key.reveal()),
            bank_keys=tuple(public_key_from(key) for key in configured.bank_keys),
            client_certificate=configured.client_certificate,
            authority=configured.authority,
        )
    except ValueError as error:
        raise ConfigurationError(f"A key of rail {configured.name} {error}.") from None
    return HttpRail(
        name=configured.name,
        base_url=configured.url,
        trust=trust,
        currencies=[configured.currency],
        events_url=configured.events_url,
    )


def _variable(configured: ConfiguredRail, suffix: str) -> str:
    return rail_variable(configured.name, suffix)


_OWN: Mapping[str, RailFactory] = {SIMULATED: _simulated, SIGNED_HTTP: _http}
"""The kinds of rails that come with Roadstead and need nothing but their configuration."""
