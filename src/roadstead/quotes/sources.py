"""Putting a source behind each name of `[[rate_sources]]`, as `anchor.toml` and the environment say."""

from __future__ import annotations

from collections.abc import Callable

from roadstead.clock import Clock
from roadstead.config.effective import Configuration, ConfiguredRateSource
from roadstead.config.extensions import imported
from roadstead.config.pair_rules import HTTP, STATIC
from roadstead.errors import ConfigurationError
from roadstead.quotes.http_rates import HttpRates
from roadstead.quotes.rates import Limits, RateBook, RateSource, StaticRates

RateSourceFactory = Callable[[ConfiguredRateSource], RateSource]
"""What an integrator's own kind names: `package.module:function`, called with the configured source."""


def open_rates(configuration: Configuration, clock: Clock) -> RateBook:
    """Open the book of rates; nothing is contacted yet.

    Raises:
        ConfigurationError: A source's kind cannot be imported, or lacks its URL.
    """
    sources = {source.terms.name: open_source(source, clock) for source in configuration.rate_sources}
    limits = {
        terms.name: Limits(max_age_s=terms.max_age_s, refresh_s=terms.refresh_s)
        for terms in configuration.anchor.rate_sources
    }
    return RateBook(configuration.pairs, sources, limits, clock)


def open_source(configured: ConfiguredRateSource, clock: Clock) -> RateSource:
    """Make one source.

    Raises:
        ConfigurationError: Its kind cannot be imported, or lacks its URL.
    """
    terms = configured.terms
    if terms.kind == STATIC:
        return StaticRates(terms.rates, clock)
    if terms.kind == HTTP:
        if configured.url is None:
            raise ConfigurationError(
                f"ROADSTEAD_RATES_URL is missing: the rate source {terms.name} is of kind http and needs it."
            )
        return HttpRates(configured.url, configured.token, clock)
    factory: RateSourceFactory = imported(terms.kind, named_by=f"The kind of the rate source {terms.name}")
    return factory(configured)
