"""Putting a screener behind the protocol, as the environment says."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

from roadstead.config.effective import Configuration
from roadstead.config.text_forms import BUILT_IN
from roadstead.database.pool import Database
from roadstead.errors import ConfigurationError
from roadstead.screening.builtin import BuiltInScreener
from roadstead.screening.protocol import Screener

ScreenerFactory = Callable[[Configuration], Screener]
"""What ROADSTEAD_SCREENER names: `package.module:function`, called with the configuration."""


def open_screener(configuration: Configuration, database: Database) -> Screener:
    """Make the screener; nothing is contacted yet.

    Raises:
        ConfigurationError: ROADSTEAD_SCREENER cannot be imported.
    """
    kind = configuration.settings.screener
    if kind == BUILT_IN:
        return BuiltInScreener(database, configuration.anchor.screening.score_min)
    module_name, _, attribute = kind.partition(":")
    try:
        factory = cast("ScreenerFactory", getattr(import_module(module_name), attribute))
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"ROADSTEAD_SCREENER names {kind}, which cannot be imported ({error}): install the package beside "
            "Roadstead and check the spelling."
        ) from error
    return factory(configuration)
