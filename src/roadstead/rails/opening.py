"""Putting a rail behind each name of anchor.toml, as the environment says."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

from roadstead.config.effective import Configuration, ConfiguredRail
from roadstead.errors import ConfigurationError
from roadstead.rails.protocol import Rail
from roadstead.rails.simulated import SimulatedRail

RailFactory = Callable[[ConfiguredRail], Rail]
"""What an integrator's own kind names: `package.module:function`, called with the configured rail."""

_SIMULATED = "simulated"


def open_rails(configuration: Configuration) -> dict[str, Rail]:
    """Make the rails, by name; nothing is contacted yet.

    Raises:
        ConfigurationError: A rail's kind is not known, cannot be imported, or lacks its URL.
    """
    return {rail.name: open_rail(rail) for rail in configuration.rails}


def open_rail(configured: ConfiguredRail) -> Rail:
    """Make one rail.

    Raises:
        ConfigurationError: Its kind is not known, cannot be imported, or lacks its URL.
    """
    if configured.kind == _SIMULATED:
        return _simulated(configured)
    module_name, separator, attribute = configured.kind.partition(":")
    if not separator:
        raise ConfigurationError(
            f"{_variable(configured, 'KIND')} is {configured.kind!r}: write {_SIMULATED}, or package.module:function "
            "of a rail of your own."
        )
    try:
        factory = cast("RailFactory", getattr(import_module(module_name), attribute))
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"{_variable(configured, 'KIND')} names {configured.kind}, which cannot be imported ({error}): install "
            "the package beside Roadstead and check the spelling."
        ) from error
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


def _variable(configured: ConfiguredRail, suffix: str) -> str:
    return f"ROADSTEAD_RAIL_{configured.name.upper()}_{suffix}"
