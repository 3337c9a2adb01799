"""The built-in screener: the lists of our own database, searched in memory."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import structlog

from roadstead.database.pool import Database
from roadstead.screening import lists_store as store
from roadstead.screening.lists.entries import Entry
from roadstead.screening.matcher import ALGORITHM, Found, Index
from roadstead.screening.protocol import SCORE_MAX, Hit, ListState, Screening
from roadstead.screening.subjects import Subject

log = structlog.get_logger()


@dataclass(slots=True)
class BuiltInScreener:
    """Searches what was imported. One index in a process, made anew when a list has another version."""

    database: Database
    score_min: int
    """Percent."""
    _lists: tuple[ListState, ...] = field(default=(), init=False)
    _index: Index | None = field(default=None, init=False)
    _loading: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def lists(self) -> tuple[ListState, ...]:
        """Tell which lists are searched now.

        Raises:
            Unavailable: The database does not answer.
        """
        async with self.database.connection() as connection:
            return await store.states(connection)

    async def screen(self, subject: Subject) -> Screening:
        """Search every list, with the versions that were current when it was called.

        Raises:
            Unavailable: The database does not answer.
        """
        index, lists = await self._current()
        versions = {one.name: one.version for one in lists}
        found = index.search(subject, score_min=self.score_min / SCORE_MAX)
        return Screening(
            algorithm=f"{ALGORITHM}/{self.score_min}",
            lists=lists,
            hits=tuple(_hit(one, versions[one.list_name]) for one in found),
        )

    async def close(self) -> None:
        """Forget the index."""
        self._index = None

    async def _current(self) -> tuple[Index, tuple[ListState, ...]]:
        async with self._loading:
            lists = await self.lists()
            if self._index is None or _versions(lists) != _versions(self._lists):
                self._index, lists = await self._load()
            self._lists = lists
            return self._index, lists

    async def _load(self) -> tuple[Index, tuple[ListState, ...]]:
        # One snapshot: the entries are those of the versions that are named with them.
        async with self.database.transaction() as connection:
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            lists = await store.states(connection)
            entries = await store.current_entries(connection)
        index = await asyncio.to_thread(_indexed, entries)
        log.info(
            "screening_index_loaded", lists=[f"{one.name} {one.version}" for one in lists], names=len(index)
        )
        return index, lists


def _indexed(entries: dict[str, list[Entry]]) -> Index:
    return Index(entries.items())


def _versions(lists: tuple[ListState, ...]) -> set[tuple[str, str]]:
    return {(one.name, one.version) for one in lists}


def _hit(found: Found, list_version: str) -> Hit:
    return Hit(
        list_name=found.list_name,
        entry_id=found.entry.id,
        entry_version=found.entry.version,
        list_version=list_version,
        score=round(found.score * SCORE_MAX),
    )
