"""Rates: the protocol of a source, a static table, and the book that never gives out a stale one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

import structlog

from roadstead.clock import Clock
from roadstead.config.anchor import StaticRate
from roadstead.config.effective import QuotedPair
from roadstead.errors import RoadsteadError, Unavailable
from roadstead.money import Asset
from roadstead.quotes.pricing import Tariff

log = structlog.get_logger()

ASK_TIMEOUT_S = 10
"""How long any source may take for one rate, whatever its own limits are."""
CLOCK_SKEW = timedelta(seconds=60)
"""How far a source's clock may be ahead of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What one unit of an asset is worth in a currency, and when that was so."""

    value: Decimal
    """Units of what is bought for one unit of what is sold."""
    as_of: datetime


class RateSource(Protocol):
    """Knows rates. An integrator's own is a class with these two methods."""

    async def rate(self, sell: Asset, buy: Asset) -> Rate:
        """Return the newest rate that is known, with its true moment, however old it is.

        Raises:
            Unavailable: No rate of the pair is known now.
        """
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...


class StaticRates:
    """A table out of `anchor.toml`; its rates are as of the moment at which they are asked."""

    def __init__(self, rates: Iterable[StaticRate], clock: Clock) -> None:
        self._rates = {(rate.sell, rate.delivers): rate.rate for rate in rates}
        self._clock = clock

    async def rate(self, sell: Asset, buy: Asset) -> Rate:
        """Return the rate of the table.

        Raises:
            Unavailable: The table has none.
        """
        value = self._rates.get((sell.code, buy))
        if value is None:
            raise Unavailable(
                f"No rate of {sell.code} in {buy.code} is in the table of anchor.toml: add one."
            )
        return Rate(value=value, as_of=self._clock.now())

    async def close(self) -> None:
        """Do nothing: there are no connections."""


@dataclass(slots=True)
class _Page:
    """The newest rate of one pair, when its source was last asked, and the lock that lets one ask at a time."""

    lock: asyncio.Lock
    rate: Rate | None = None
    asked_at: datetime | None = None


Snapshot = Mapping[tuple[Asset, Asset], Decimal]
"""Effective rates (after the spread) by what is sold and what is bought; only fresh ones are in it."""

NO_RATES: Snapshot = {}


class RateBook:
    """The rates of all pairs, cached.

    It asks a source again after its `refresh_s`, and never gives out a rate that is older than its `max_age_s`: then
    nothing is priced, rather than at a guess.
    """

    def __init__(
        self,
        pairs: Iterable[QuotedPair],
        sources: Mapping[str, RateSource],
        limits: Mapping[str, Limits],
        clock: Clock,
    ) -> None:
        self._pairs = tuple(pairs)
        self._sources = sources
        self._limits = limits
        self._clock = clock
        self._pages = {(pair.sell, pair.buy): _Page(asyncio.Lock()) for pair in self._pairs}

    @property
    def refresh_s(self) -> int:
        """How often `refresh` is worth calling."""
        return min((limits.refresh_s for limits in self._limits.values()), default=3_600)

    async def tariff(self, pair: QuotedPair) -> Tariff:
        """Return what prices of a pair are made of now.

        Raises:
            Unavailable: The source has no fresh rate of the pair.
        """
        await self._look(pair)
        rate = self._fresh(pair)
        if rate is None:
            raise Unavailable(
                f"There is no current rate of {pair.sell.code} in {pair.buy.code}, and none is invented: ask again"
                " later."
            )
        return self._tariff(pair, rate)

    async def refresh(self) -> None:
        """Ask for every pair whose rate may have changed; whoever does not answer is logged, and asked again later."""
        await asyncio.gather(*(self._look(pair) for pair in self._pairs))

    def snapshot(self) -> Snapshot:
        """Return the effective rates that are fresh now, without asking anybody."""
        found = ((pair, self._fresh(pair)) for pair in self._pairs)
        return {
            (pair.sell, pair.buy): self._tariff(pair, rate).effective_rate
            for pair, rate in found
            if rate is not None
        }

    async def close(self) -> None:
        """Close every source."""
        for source in self._sources.values():
            await source.close()

    def _tariff(self, pair: QuotedPair, rate: Rate) -> Tariff:
        return Tariff(
            rate=rate.value,
            spread_bps=pair.terms.spread_bps,
            fee_fixed=pair.fee_fixed,
            fee_percent=pair.fee_percent,
        )

    def _fresh(self, pair: QuotedPair) -> Rate | None:
        rate = self._pages[pair.sell, pair.buy].rate
        limits = self._limits[pair.terms.rate_source]
        now = self._clock.now()
        if rate is None or not now - timedelta(seconds=limits.max_age_s) < rate.as_of <= now + CLOCK_SKEW:
            return None
        return rate

    async def _look(self, pair: QuotedPair) -> None:
        page = self._pages[pair.sell, pair.buy]
        refresh = timedelta(seconds=self._limits[pair.terms.rate_source].refresh_s)
        async with page.lock:
            now = self._clock.now()
            if page.asked_at is not None and page.asked_at <= now < page.asked_at + refresh:
                return
            page.asked_at = now
            found = await self._ask(pair)
            if found is not None:
                page.rate = found

    async def _ask(self, pair: QuotedPair) -> Rate | None:
        source = self._sources[pair.terms.rate_source]
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S):
                rate = await source.rate(pair.sell, pair.buy)
        except (RoadsteadError, TimeoutError, OSError) as error:
            log.warning("rate_unavailable", pair=pair.terms.name, error=str(error) or type(error).__name__)
            return None
        except Exception:
            # An integrator's code: whatever it does wrong, prices of other pairs and the work of this process go on.
            log.exception("rate_source_failed", pair=pair.terms.name)
            return None
        if rate.as_of.tzinfo is None or not rate.value.is_finite() or rate.value <= 0:
            log.error("rate_not_understood", pair=pair.terms.name)
            return None
        return rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How old a source's rates may be, and how often it is asked."""

    max_age_s: int
    refresh_s: int
