"""Putting a screener behind the protocol, as the environment says."""

from __future__ import annotations

from collections.abc import Callable

from roadstead.config.effective import Configuration
from roadstead.config.extensions import imported
from roadstead.config.text_forms import BUILT_IN
from roadstead.database.pool import Database
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
    factory: ScreenerFactory = imported(kind, named_by="ROADSTEAD_SCREENER")
    return factory(configuration)
