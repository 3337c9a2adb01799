"""Fetching texts that strangers publish, so that many questions cannot exhaust us: remembered, shared, and bounded."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from roadstead.clock import Clock
from roadstead.errors import RoadsteadError, Unavailable

REMEMBERED_FOR = timedelta(minutes=5)
FAILURE_REMEMBERED_FOR = timedelta(seconds=30)
TEXTS_MAX = 128
FAILURES_MAX = 4_096
FETCHES_MAX = 8


class TextSource(Protocol):
    """Fetches a text; `SafeClient` does."""

    async def fetch_text(self, url: str, bytes_max: int) -> str:
        """Return the text at a URL.

        Raises:
            TargetRefused: The URL must not be called.
            NoAnswer: There is no such text.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Text:
    text: str
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class _Failure:
    error: RoadsteadError
    failed_at: datetime


class TextFetcher:
    """Fetches texts and remembers them, and for a shorter time also that there was none.

    Questions for a text that is under way wait for that one fetch. When `fetches_max` different ones are under way,
    further ones are refused at once instead of queueing: strangers who name slow hosts hold up only each other.
    """

    def __init__(
        self,
        source: TextSource,
        clock: Clock,
        *,
        bytes_max: int,
        fetches_max: int = FETCHES_MAX,
        texts_max: int = TEXTS_MAX,
    ) -> None:
        """Take where texts come from, and the size that none of them may exceed."""
        self._source = source
        self._clock = clock
        self._bytes_max = bytes_max
        self._fetches_max = fetches_max
        self._texts_max = texts_max
        self._texts: dict[str, _Text] = {}
        self._failures: dict[str, _Failure] = {}
        self._fetches: dict[str, asyncio.Task[str]] = {}

    async def text(self, url: str) -> str:
        """Return the text at a URL; it may be five minutes old.

        Raises:
            TargetRefused: The URL must not be called.
            NoAnswer: There is no such text, or there was none within the last half minute.
            Unavailable: Too many other texts are being fetched at this moment.
        """
        now = self._clock.now()
        known = self._texts.get(url)
        # A clock that was set back must not make an answer last.
        if known and timedelta(0) <= now - known.fetched_at < REMEMBERED_FOR:
            return known.text
        failed = self._failures.get(url)
        if failed and timedelta(0) <= now - failed.failed_at < FAILURE_REMEMBERED_FOR:
            raise failed.error.with_traceback(None)
        fetch = self._fetches.get(url) or self._begin(url)
        return await asyncio.shield(fetch)

    async def close(self) -> None:
        """End the fetches that are under way."""
        fetches = list(self._fetches.values())
        for fetch in fetches:
            fetch.cancel()
        await asyncio.gather(*fetches, return_exceptions=True)

    def _begin(self, url: str) -> asyncio.Task[str]:
        if len(self._fetches) >= self._fetches_max:
            raise Unavailable(
                "Too many documents of other domains are being fetched now: try again in a moment."
            )
        fetch = asyncio.get_running_loop().create_task(self._fetch(url))
        self._fetches[url] = fetch
        fetch.add_done_callback(lambda done: self._end(url, done))
        return fetch

    async def _fetch(self, url: str) -> str:
        try:
            text = await self._source.fetch_text(url, self._bytes_max)
        except RoadsteadError as error:
            self._texts.pop(url, None)
            self._failures.pop(url, None)
            _make_room(self._failures, FAILURES_MAX)
            self._failures[url] = _Failure(error, self._clock.now())
            raise
        self._failures.pop(url, None)
        self._texts.pop(url, None)
        _make_room(self._texts, self._texts_max)
        self._texts[url] = _Text(text, self._clock.now())
        return text

    def _end(self, url: str, fetch: asyncio.Task[str]) -> None:
        self._fetches.pop(url, None)
        if not fetch.cancelled():
            # Whoever asked may have gone away; the failure is remembered all the same.
            fetch.exception()


def _make_room(remembered: dict[str, _Text] | dict[str, _Failure], entries_max: int) -> None:
    while len(remembered) >= entries_max:
        del remembered[next(iter(remembered))]
