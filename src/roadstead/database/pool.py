"""Connections and transactions. SQL itself lives in the `store` modules of the domain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import asyncpg

from roadstead.boundaries import is_watched
from roadstead.database.connections import Connection, Row
from roadstead.database.watching import WatchedConnection, after_commit, before_commit, opener
from roadstead.errors import Unavailable

__all__ = ["Connection", "Database", "Row", "open_database"]

CONNECT_TIMEOUT_S = 5.0
ACQUIRE_TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = 15.0

_ABOVE_A_CONTEXT = 2
"""Calls between the body of a context manager and the function that enters it."""

_SESSION = {
    "statement_timeout": "10s",
    "lock_timeout": "5s",
    # A transaction left open by a process that hangs, or behind a dead socket, gives its locks back (see also below).
    "idle_in_transaction_session_timeout": "15s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "timezone": "UTC",
}
_TRANSACTION_S = 30.0
_KNOWS_TRANSACTION_TIMEOUT = 17
"""The version of PostgreSQL from which on a whole transaction can be limited."""

_GONE = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # What asyncpg says when the server dies between two messages of the protocol.
    asyncpg.InternalClientError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionTimeoutError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
)


class Database:
    """A pool of connections to one PostgreSQL database."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Open a transaction: committed when the block ends, undone when it raises.

        After `Unavailable` the outcome of the commit is not known; what follows must be safe to repeat.

        Raises:
            Unavailable: PostgreSQL does not answer, or ended the transaction for a reason that passes.
        """
        name = opener(_ABOVE_A_CONTEXT) if is_watched() else None
        wrote = False
        async with self._borrowed() as connection:
            async with connection.transaction():
                yield connection
                if name is not None:
                    wrote = await before_commit(connection, name)
            if name is not None and wrote:
                after_commit(name)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Borrow a connection outside any transaction: every statement commits by itself.

        Raises:
            Unavailable: PostgreSQL does not answer now.
        """
        name = opener(_ABOVE_A_CONTEXT) if is_watched() else None
        async with self._borrowed() as connection:
            yield connection if name is None else cast("Connection", WatchedConnection(connection, name))

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[Connection]:
        try:
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                yield connection
        except _GONE as error:
            raise Unavailable(
                f"The database does not answer ({type(error).__name__}). Try again in a moment; if it stays so, "
                "check that PostgreSQL runs and that ROADSTEAD_DATABASE_URL is right."
            ) from error

    async def close(self) -> None:
        """Close every connection; wait a little for those in use."""
        try:
            await asyncio.wait_for(self._pool.close(), timeout=CONNECT_TIMEOUT_S)
        except TimeoutError:
            self._pool.terminate()


async def _keep_session(_connection: Connection) -> None:
    """Leave the session as it is when a connection goes back: nothing of ours outlives a transaction.

    The pool has ended an open transaction by then; asyncpg's own reset costs another round trip each time.
    """


async def limit_transaction(connection: Connection, seconds: float, *, is_local: bool = True) -> None:
    """Let a transaction take so long from now on, and not longer; 0 lets it take as long as it likes.

    PostgreSQL does not count a transaction as idle whose process was halted between preparing a statement and
    executing it; without this its locks would be held for as long as the process stands still. Before version 17
    PostgreSQL has no such limit, and nothing is done.
    """
    if connection.get_server_version().major < _KNOWS_TRANSACTION_TIMEOUT:
        return
    # A limit that runs already is only replaced by taking it away first.
    for limit in ("0", f"{int(seconds * 1000)}ms"):
        await connection.execute("SELECT set_config('transaction_timeout', $1, $2)", limit, is_local)


async def _limit_transactions(connection: Connection) -> None:
    await limit_transaction(connection, _TRANSACTION_S, is_local=False)


async def open_database(url: str, *, application: str, connections_max: int = 10) -> Database:
    """Open a pool on a PostgreSQL URL.

    Raises:
        Unavailable: PostgreSQL does not answer.
    """
    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=connections_max,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=COMMAND_TIMEOUT_S,
            server_settings={**_SESSION, "application_name": application},
            max_inactive_connection_lifetime=60,
            init=_limit_transactions,
            reset=_keep_session,
        )
    except (*_GONE, asyncpg.PostgresError) as error:
        raise Unavailable(
            f"The database cannot be opened ({type(error).__name__}: {error}). Check that PostgreSQL runs and that "
            "ROADSTEAD_DATABASE_URL is right."
        ) from error
    return Database(pool)
