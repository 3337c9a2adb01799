"""Leaders by lease: at most one process at a time has a role, by the database's clock.

A lease is a row that says who holds a role, in which epoch, and until when. The holder renews it well before it ends;
when it stops renewing, because it was killed, stopped or cut off, another takes over and the epoch rises. Believing to
be the leader decides nothing: every write of a leader confirms the lease in its own transaction and holds the row until
the commit, so that a holder that was left behind cannot write any more.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog

from roadstead.database.pool import Connection, Database, limit_transaction
from roadstead.errors import LeadershipLost, RoadsteadError, Unavailable
from roadstead.service.loops import pause
from roadstead.service.metrics import leadership_held

log = structlog.get_logger()

LEASE_S = 5.0
RENEW_EVERY_S = 1.5
STAND_BY_EVERY_S = 0.5
"""How often a process that waits for a role looks whether it is free."""

_CALL_TIMEOUT_S = 2.0
_IDLE_IN_TRANSACTION = "4s"
_CONFIRMED_S = 8.0
"""A leader that halts inside a transaction is cut off by PostgreSQL, or its lock would outlive its lease."""

_IS_FREE = "SELECT expires_at <= clock_timestamp() FROM leases WHERE role = $1"

_ACQUIRE = """
INSERT INTO leases (role, holder, epoch, expires_at)
VALUES ($1, $2, 1, clock_timestamp() + make_interval(secs => $3))
ON CONFLICT (role) DO UPDATE SET holder = excluded.holder, epoch = leases.epoch + 1, expires_at = excluded.expires_at
WHERE leases.expires_at <= clock_timestamp()
RETURNING epoch"""

_RENEW = """
UPDATE leases SET expires_at = clock_timestamp() + make_interval(secs => $4)
WHERE role = $1 AND holder = $2 AND epoch = $3 AND expires_at > clock_timestamp()
RETURNING epoch"""

_RELEASE = """
UPDATE leases SET expires_at = clock_timestamp()
WHERE role = $1 AND holder = $2 AND epoch = $3 AND expires_at > clock_timestamp()"""

_CONFIRM = """
SELECT set_config('idle_in_transaction_session_timeout', $4, true) FROM leases
WHERE role = $1 AND holder = $2 AND epoch = $3 AND expires_at > clock_timestamp()
FOR SHARE"""


def holder_name() -> str:
    """Return a name for this process as a holder, which no process before it had and none after it will."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


class Leadership:
    """One process's claim to a role. `kept` tries to hold it; `confirm` proves it inside a transaction."""

    def __init__(
        self,
        database: Database,
        *,
        role: str,
        holder: str,
        lease_s: float = LEASE_S,
        renew_every_s: float = RENEW_EVERY_S,
    ) -> None:
        """Name the role and the holder; the latter by `holder_name()`, as it must differ for every process."""
        self._database = database
        self._role = role
        self._holder = holder
        self._lease_s = lease_s
        self._renew_every_s = renew_every_s
        self._epoch: int | None = None
        self._held_until_s = 0.0
        self._taken = asyncio.Event()

    @property
    def is_held(self) -> bool:
        """Whether the role is believed to be held: a hint to save work, never a licence to write."""
        return self._epoch is not None and asyncio.get_running_loop().time() < self._held_until_s

    @property
    def epoch(self) -> int | None:
        """The number of the present term, or None while another holds the role."""
        return self._epoch if self.is_held else None

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[Leadership]:
        """Try to get and keep the role while the block runs; give it back at the end for another to have at once.

        It keeps one connection of the pool to itself, so that a busy pool cannot cost the role.
        """
        keeper = asyncio.create_task(self._keep(), name=f"lease of {self._role}")
        try:
            yield self
        finally:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper
            await self._release()

    async def wait_until_held(self, stop: asyncio.Event) -> bool:
        """Wait for the role; False when `stop` came first."""
        while not stop.is_set():
            if self.is_held:
                return True
            await pause(self._renew_every_s, stop, self._taken)
        return False

    async def confirm(self, connection: Connection) -> None:
        """Make sure, inside a transaction, that the role is held, and keep it so until the transaction ends.

        Nobody can take the role over between this and the commit. Call it before the first write; from then on
        PostgreSQL ends the transaction when it lies idle for four seconds, or takes more than eight.

        Raises:
            LeadershipLost: Another holds the role, or the lease has run out; the transaction must be given up.
        """
        epoch = self._epoch
        if epoch is not None:
            row = await connection.fetchrow(_CONFIRM, self._role, self._holder, epoch, _IDLE_IN_TRANSACTION)
            if row is not None:
                await limit_transaction(connection, _CONFIRMED_S)
                return
            if self._epoch == epoch:
                self._lose()
        raise LeadershipLost(
            f"{self._holder} is not the leader for {self._role!r} (any more). Nothing of this step was written; "
            "whoever leads now does it."
        )

    async def _keep(self) -> None:
        while True:
            try:
                async with self._database.connection() as connection:
                    await self._keep_on(connection)
            except RoadsteadError as error:
                log.warning("lease_unavailable", role=self._role, error=error.message)
            except Exception:
                log.exception("lease_failed", role=self._role)
            if not self.is_held:
                self._lose()
            await asyncio.sleep(STAND_BY_EVERY_S)

    async def _keep_on(self, connection: Connection) -> None:
        """Acquire and renew on one connection, for as long as it answers."""
        while True:
            async with asyncio.timeout(_CALL_TIMEOUT_S):
                await (self._renew(connection) if self.is_held else self._acquire(connection))
            await asyncio.sleep(self._renew_every_s if self.is_held else STAND_BY_EVERY_S)

    async def _acquire(self, connection: Connection) -> None:
        self._lose()
        asked_at_s = asyncio.get_running_loop().time()
        if await connection.fetchval(_IS_FREE, self._role) is False:
            return
        epoch = await connection.fetchval(_ACQUIRE, self._role, self._holder, self._lease_s)
        if epoch is None:
            return
        self._epoch = epoch
        self._held_until_s = asked_at_s + self._lease_s
        self._taken.set()
        leadership_held(self._role, held=True)
        log.info("leadership_taken", role=self._role, epoch=epoch)

    async def _renew(self, connection: Connection) -> None:
        # Counted from before the question, so that our own belief ends no later than the lease does.
        asked_at_s = asyncio.get_running_loop().time()
        if await connection.fetchval(_RENEW, self._role, self._holder, self._epoch, self._lease_s) is None:
            self._lose()
            return
        self._held_until_s = asked_at_s + self._lease_s

    async def _release(self) -> None:
        epoch = self._epoch
        if epoch is None:
            return
        self._lose()
        try:
            async with asyncio.timeout(_CALL_TIMEOUT_S), self._database.connection() as connection:
                await connection.execute(_RELEASE, self._role, self._holder, epoch)
        except (Unavailable, TimeoutError) as error:
            log.warning("lease_not_released", role=self._role, error=str(error))

    def _lose(self) -> None:
        if self._epoch is None:
            return
        log.warning("leadership_ended", role=self._role, epoch=self._epoch)
        self._epoch = None
        self._taken.clear()
        leadership_held(self._role, held=False)
