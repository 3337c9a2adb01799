"""The embedded PostgreSQL: one cluster, started and stopped by the process that owns it."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

import structlog

from roadstead.database.embedded import addresses, log
from roadstead.database.embedded.account import choose_account
from roadstead.database.embedded.binaries import reachable_binaries
from roadstead.database.embedded.cluster import (
    DATABASE,
    ROLE,
    data_major,
    initialise,
    remove_stale_pid_file,
    server_command,
)
from roadstead.database.embedded.home import FALLBACK_FOLDER, Remembered, StateFolder, new_password
from roadstead.database.embedded.locks import take_cluster_lock, take_owner_lock
from roadstead.database.embedded.process import GuardedProcess
from roadstead.errors import ConfigurationError, RoadsteadError, Unavailable

if TYPE_CHECKING:
    from roadstead.database.embedded.account import Account
    from roadstead.database.embedded.binaries import Binaries

START_TRIES = 5
READY_TIMEOUT_S = 180.0
"""Long, because after a crash the write-ahead log is replayed before the first connection."""

READY_POLL_S = 0.02
"""PostgreSQL tells of its readiness in a file only; a start takes about 0.1 s."""

RETRY_PAUSE_S = 0.5

_log = structlog.get_logger(__name__)


class EmbeddedPostgres:
    """A PostgreSQL server that belongs to this process and goes with it.

    `durable=False` gives up safety against power loss for speed and is for tests alone: a state
    folder remembers which it is, and the other kind refuses it. `port` insists on one TCP port;
    otherwise a free one is chosen at the first start and kept. `binaries` insists on one
    installation of PostgreSQL. Not safe to use from two threads at once.
    """

    def __init__(
        self,
        state_folder: Path,
        *,
        port: int | None = None,
        durable: bool = True,
        binaries: Binaries | None = None,
        fallback_folder: Path = FALLBACK_FOLDER,
    ) -> None:
        self._state = StateFolder(state_folder, fallback_folder=fallback_folder)
        self._wanted_port = port
        self._durable = durable
        self._binaries = binaries
        self._remembered: Remembered | None = None
        self._process: GuardedProcess | None = None
        self._owner_locks: list[int] = []

    @property
    def url(self) -> str:
        """The database URL over TCP on 127.0.0.1; the same after every restart.

        Known after a start, and also after one that found the server in use by another process.

        Raises:
            Unavailable: there has been no start yet.
        """
        remembered = self._present()
        if remembered.port is None:
            raise Unavailable("the embedded database is being made by another process: try again in a moment")
        return f"postgresql://{ROLE}:{remembered.password}@127.0.0.1:{remembered.port}/{DATABASE}"

    @property
    def socket_url(self) -> str:
        """The database URL over the Unix socket, whose folder changes at every start."""
        remembered = self._present()
        return (
            f"postgresql://{ROLE}:{remembered.password}@/{DATABASE}"
            f"?host={remembered.socket_folder}&port={remembered.port}"
        )

    @property
    def log_file(self) -> Path:
        """The file that PostgreSQL writes its messages to."""
        return self._home / "server.log"

    @property
    def data_folder(self) -> Path:
        """The folder with PostgreSQL's own files."""
        return self._home / "data"

    def start(self) -> str:
        """Start the server, making the cluster at the first time, and return its URL.

        Returns when connections are accepted. Starting a running server returns its URL again;
        after its death it may be started again. What an earlier run left behind, however it was
        killed, is cleared away first.

        Raises:
            ConfigurationError: this machine, folder or port cannot carry the server as asked.
            InUse: another process runs the server; its `url` can be used as long as that does.
            Unavailable: the server did not come up in time.
        """
        if self.is_alive():
            return self.url
        self._release()
        try:
            return self._start()
        except OSError as error:
            self._release()
            raise ConfigurationError(
                f"the database of {self._state.path} cannot be started here: {error}"
            ) from error
        except BaseException:
            self._release()
            raise

    def stop(self) -> None:
        """Stop the server and wait until it is gone. Safe to call again.

        A durable server writes its checkpoint first; one for tests is just ended.
        """
        if self._process is not None:
            self._process.stop(orderly=self._durable)
        self._release()

    def destroy(self) -> None:
        """Stop the server and remove the cluster with everything in it. Safe to call again.

        The state folder itself stays, with whatever else is in it.

        Raises:
            InUse: another process runs this cluster.
        """
        self.stop()
        if not self._state.own.is_dir():
            return
        self._give_back_shared_memory()
        try:
            self._owner_locks.append(take_owner_lock(self._state.own))
            self._remembered = self._state.load()
            if self._remembered is not None and self._home.is_dir():
                self._lock_home()
                os.close(take_cluster_lock(self._home))
                self._remove_socket_folder()
                shutil.rmtree(self._home)
            shutil.rmtree(self._state.own, ignore_errors=True)
        finally:
            self._release()
            self._remembered = None

    def is_alive(self) -> bool:
        """Tell whether the server is running."""
        return self._process is not None and not self._process.wait(0)

    def wait(self, *, timeout_s: float | None = None) -> bool:
        """Block until the server has died; return False when it lives on after `timeout_s`."""
        return self._process is None or self._process.wait(timeout_s)

    async def died(self) -> None:
        """Return when the server has died; may be cancelled at any time.

        Raises:
            Unavailable: the server has not been started.
        """
        if self._process is None:
            raise Unavailable("the embedded database is not running: start it first")
        loop = asyncio.get_running_loop()
        noticed = asyncio.Event()
        status = self._process.status
        loop.add_reader(status, noticed.set)
        try:
            await noticed.wait()
        finally:
            loop.remove_reader(status)

    def __enter__(self) -> Self:
        """Start the server."""
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop the server."""
        self.stop()

    async def __aenter__(self) -> Self:
        """Start the server without holding up the event loop; a cancelled start is undone."""
        starting = asyncio.ensure_future(asyncio.to_thread(self.start))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            await asyncio.wait([starting])
            await asyncio.to_thread(self.stop)
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Stop the server without holding up the event loop."""
        await asyncio.to_thread(self.stop)

    def _start(self) -> str:
        self._state.create(choose_account(None))
        # Known before the lock, so that one who finds the server in use can ask for its URL.
        self._remembered = self._state.load()
        self._owner_locks.append(take_owner_lock(self._state.own))
        self._remembered = self._state.load() or self._prepare_first()
        self._check(self._remembered)
        self._lock_home()
        account = choose_account(self.data_folder)
        cluster_lock = take_cluster_lock(self._home)
        try:
            binaries = reachable_binaries(
                self._binaries,
                data_major=data_major(self.data_folder),
                account=account,
                copies=self._home / "binaries",
            )
            self._initialise_once(binaries, account, cluster_lock)
        finally:
            os.close(cluster_lock)
        return self._launch(binaries, account)

    def _give_back_shared_memory(self) -> None:
        """Start and stop a server that was killed: only its successor finds what it shared."""
        self._remembered = self._state.load()
        if self._remembered is None or not (self.data_folder / "postmaster.pid").exists():
            return
        # A failure that stands in the way of the removal comes up again there.
        with suppress(RoadsteadError):
            self.start()
        self.stop()

    def _lock_home(self) -> None:
        """Lock the cluster itself too, which a copied state folder may point to as well."""
        if self._home != self._state.own:
            self._owner_locks.append(take_owner_lock(self._home))

    def _prepare_first(self) -> Remembered:
        home = self._state.choose_home(choose_account(None))
        if (home / "data").exists():
            raise ConfigurationError(
                f"there is a database in {home / 'data'}, but {self._state.file}, which holds its"
                " password, is missing: restore that file from a backup"
            )
        remembered = Remembered(
            password=new_password(),
            durable=self._durable,
            home=None if home == self._state.own else str(home),
        )
        self._state.save(remembered)
        return remembered

    def _check(self, remembered: Remembered) -> None:
        if remembered.durable != self._durable:
            kinds = {True: "kept safe", False: "for tests only"}
            raise ConfigurationError(
                f"the database of {self._state.path} was made {kinds[remembered.durable]} and is"
                f" asked for as {kinds[self._durable]}: choose another state folder"
            )
        if remembered.initialised and not self.data_folder.is_dir():
            raise ConfigurationError(
                f"the database of {self._state.path} is gone: {self.data_folder} does not exist or"
                " cannot be entered. Restore it from a backup; to start with an empty one, remove"
                f" {self._state.own}"
            )

    def _initialise_once(self, binaries: Binaries, account: Account, cluster_lock: int) -> None:
        remembered = self._present()
        if not self.data_folder.exists():
            initialise(
                self.data_folder,
                binaries=binaries,
                account=account,
                password=remembered.password,
                durable=self._durable,
                cluster_lock=cluster_lock,
            )
        if not remembered.initialised:
            remembered.initialised = True
            self._state.save(remembered)

    def _launch(self, binaries: Binaries, account: Account) -> str:
        """Start the server process, with a bounded number of tries.

        The port may be snatched between choosing and listening, and after a kill of the
        postmaster alone the kernel may still hold what its backends shared.
        """
        log.rotate(self.log_file)
        for attempt in range(1, START_TRIES + 1):
            self._settle_on_port()
            process = self._process = self._spawn(binaries, account)
            if self._wait_ready(process):
                return self.url
            process.stop(orderly=False)
            _log.warning("embedded_database_start_failed", attempt=attempt, of=START_TRIES)
            if attempt < START_TRIES:
                time.sleep(RETRY_PAUSE_S)
        raise Unavailable(
            f"PostgreSQL did not start in {START_TRIES} tries; what it says is in {self.log_file}."
            f" The last of it: {log.tail(self.log_file)}"
        )

    def _settle_on_port(self) -> None:
        remembered = self._present()
        if self._wanted_port is not None:
            if not addresses.is_free(self._wanted_port):
                raise Unavailable(
                    f"port {self._wanted_port} of 127.0.0.1 is in use by another program: end that"
                    " one, or ask for another port"
                )
            remembered.port = self._wanted_port
        elif remembered.port is None:
            remembered.port = addresses.choose_port()
        elif not addresses.is_free(remembered.port):
            taken, remembered.port = remembered.port, addresses.choose_port()
            _log.warning("embedded_database_port_changed", taken=taken, now=remembered.port)

    def _spawn(self, binaries: Binaries, account: Account) -> GuardedProcess:
        remembered = self._present()
        cluster_lock = take_cluster_lock(self._home)
        try:
            remove_stale_pid_file(self.data_folder)
            self._remove_socket_folder()
            sockets = addresses.make_socket_folder(account)
            remembered.socket_folder = str(sockets)
            self._state.save(remembered)
            command = server_command(
                binaries,
                data=self.data_folder,
                sockets=sockets,
                port=remembered.port or 0,
                durable=self._durable,
            )
            return GuardedProcess.launch(
                command, account=account, log_file=self.log_file, cluster_lock=cluster_lock
            )
        finally:
            # The server has its own copy now; the lock is free when its last process is gone.
            os.close(cluster_lock)

    def _wait_ready(self, process: GuardedProcess) -> bool:
        """Wait for the word `ready` in the eighth line of postmaster.pid, as pg_ctl does.

        Returns False when the server ends before that.

        Raises:
            Unavailable: it neither becomes ready nor ends.
        """
        pid_file = self.data_folder / "postmaster.pid"
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline:
            with suppress(FileNotFoundError, IndexError):
                if pid_file.read_text().splitlines()[7].strip() == "ready":
                    return True
            if process.wait(READY_POLL_S):
                return False
        raise Unavailable(
            f"PostgreSQL was not ready after {READY_TIMEOUT_S:.0f} s; what it says is in"
            f" {self.log_file}. The last of it: {log.tail(self.log_file)}"
        )

    def _remove_socket_folder(self) -> None:
        remembered = self._remembered
        if remembered is not None and remembered.socket_folder is not None:
            addresses.remove_socket_folder(Path(remembered.socket_folder))

    def _release(self) -> None:
        if self._process is not None:
            self._process.stop(orderly=False)
            self._process = None
            self._remove_socket_folder()
        for lock in self._owner_locks:
            os.close(lock)
        self._owner_locks.clear()

    @property
    def _home(self) -> Path:
        home = self._present().home
        return self._state.own if home is None else Path(home)

    def _present(self) -> Remembered:
        if self._remembered is None:
            raise Unavailable("the embedded database has not been started yet: start it first")
        return self._remembered
