"""Naming every commit as a boundary, for test programs that watch; when nobody watches, nothing here runs.

A commit is named after the function that opened the transaction or borrowed the connection, so that none can be
forgotten: `payouts.submission._start.commit.before`. What wrote nothing passes `....read` instead, since a crash there
is no different from one at any other moment.
"""

from __future__ import annotations

import dis
import sys
from bisect import bisect_right
from collections.abc import Awaitable, Callable
from functools import cache
from types import CodeType
from typing import Any

from roadstead.boundaries import boundary
from roadstead.database.connections import Connection

_WROTE = """
SELECT pg_current_xact_id_if_assigned() IS NOT NULL
    AND EXISTS (SELECT FROM pg_locks WHERE pid = pg_backend_pid() AND mode = 'RowExclusiveLock')"""
"""A lock on a row takes a transaction's number too; only a write takes this lock on its table."""
_PACKAGE = "roadstead."
_LOADS_ATTRIBUTE = ("LOAD_METHOD", "LOAD_ATTR")
OPENERS = frozenset({"transaction", "connection"})
"""The methods of a database after whose callers commits are named."""


def opener(depth: int) -> str:
    """Return the module and qualified name of the function that is `depth` calls above the caller.

    A second place of the same function that opens something has `.2` behind it, and so on.
    """
    frame = sys._getframe(depth + 1)  # noqa: SLF001 - the only way to learn who called, and only under a watcher
    module = str(frame.f_globals.get("__name__", "")).removeprefix(_PACKAGE)
    number = bisect_right(_opening_lines(frame.f_code), frame.f_lineno)
    return f"{module}.{frame.f_code.co_qualname}" + (f".{number}" if number > 1 else "")


@cache
def _opening_lines(code: CodeType) -> list[int]:
    """List the lines of a function that open a transaction or borrow a connection."""
    return sorted(
        {
            instruction.positions.lineno
            for instruction in dis.get_instructions(code)
            if instruction.opname in _LOADS_ATTRIBUTE
            and instruction.argval in OPENERS
            and instruction.positions is not None
            and instruction.positions.lineno is not None
        }
    )


async def before_commit(connection: Connection, name: str) -> bool:
    """Pass the boundary before a commit; return whether there is anything to commit.

    A transaction that wrote nothing passes `<name>.read`.
    """
    if await connection.fetchval(_WROTE):
        boundary(f"{name}.commit.before")
        return True
    boundary(f"{name}.read")
    return False


def after_commit(name: str) -> None:
    """Pass the boundary after a commit that wrote."""
    boundary(f"{name}.commit.after")


class WatchedConnection:
    """A connection outside any transaction whose every statement is a transaction of its own, with its boundaries."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        """Give everything that is no statement as the connection has it."""
        if attribute in ("cursor", "prepare", "copy_records_to_table", "copy_to_table"):
            raise AttributeError(
                f"{self._name} uses {attribute} outside a transaction: open one at the database."
            )
        return getattr(self._connection, attribute)

    def transaction(self, **options: Any) -> Any:
        """Open a transaction that only reads; whatever writes is opened at the database. See asyncpg."""
        if not options.get("readonly"):
            raise AttributeError(
                f"{self._name} opens a transaction that nobody watches: open it at the database."
            )
        return self._connection.transaction(**options)

    async def execute(self, *arguments: Any, **options: Any) -> str:
        """Run a statement. See asyncpg."""
        return str(await self._committed(self._connection.execute, *arguments, **options))

    async def executemany(self, *arguments: Any, **options: Any) -> None:
        """Run a statement for each row. See asyncpg."""
        await self._committed(self._connection.executemany, *arguments, **options)

    async def fetch(self, *arguments: Any, **options: Any) -> Any:
        """Run a statement and return its rows. See asyncpg."""
        return await self._committed(self._connection.fetch, *arguments, **options)

    async def fetchrow(self, *arguments: Any, **options: Any) -> Any:
        """Run a statement and return its first row. See asyncpg."""
        return await self._committed(self._connection.fetchrow, *arguments, **options)

    async def fetchval(self, *arguments: Any, **options: Any) -> Any:
        """Run a statement and return one value. See asyncpg."""
        return await self._committed(self._connection.fetchval, *arguments, **options)

    async def _committed(self, run: Callable[..., Awaitable[Any]], *arguments: Any, **options: Any) -> Any:
        async with self._connection.transaction():
            result = await run(*arguments, **options)
            wrote = await before_commit(self._connection, self._name)
        if wrote:
            after_commit(self._name)
        return result
