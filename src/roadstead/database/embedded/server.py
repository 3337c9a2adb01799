"""The embedded PostgreSQL: one cluster, started and stopped by the process that owns it."""

from __future__ import annotations

import asyncio
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

import structlog

from roadstead.database.embedded import guard
from roadstead.database.embedded.account import Account, bare_environment, choose_account
from roadstead.database.embedded.binaries import Binaries, find_binaries, reachable_binaries
from roadstead.database.embedded.cluster import (
    DATABASE,
    ROLE,
    data_major,
    initialise,
    remove_stale_pid_file,
    server_command,
)
from roadstead.database.embedded.home import (
    FALLBACK_FOLDER,
    Remembered,
    StateFolder,
    new_password,
)
from roadstead.database.embedded.locks import take_cluster_lock, take_owner_lock
from roadstead.database.embedded.ports import choose_port, is_free
from roadstead.errors import ConfigurationError, Unavailable

if TYPE_CHECKING:
    from types import TracebackType

START_TRIES = 5
READY_TIMEOUT_S = 180.0
"""Long, because after a crash the write-ahead log is replayed before the first connection."""

READY_POLL_S = 0.02
"""PostgreSQL tells of its readiness in a file only; a start takes about 0.1 s."""

RETRY_PAUSE_S = 0.5
STOP_TIMEOUT_S = guard.ORDERLY_S + guard.IMMEDIATE_S + 5.0
LOG_BYTES_MAX = 10_000_000
LOG_TAIL_BYTES = 2_000
SOCKET_PATH_BYTES_MAX = 103
"""The smallest limit of the systems we run on (macOS 103, Linux 107)."""

_log = structlog.get_logger(__name__)


class EmbeddedPostgres:
    """A PostgreSQL server that belongs to this process and goes with it.

    `durable=False` gives up safety against power loss for speed and is for tests alone: a state
    folder remembers which it is, and the other kind refuses it. `port` insists on one TCP port;
    otherwise a free one is chosen at the first start and kept. Not safe to use from two threads
    at once.
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
        self._running: _Running | None = None
        self._owner_lock: int | None = None

    @property
    def url(self) -> str:
        """The database URL over TCP on 127.0.0.1; the same after every restart."""
        remembered = self._present()
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

    @property
    def postmaster_pid(self) -> int:
        """The process id of the running server, for tests and for diagnosis."""
        return int((self.data_folder / "postmaster.pid").read_text().splitlines()[0])

    def start(self) -> str:
        """Start the server, making the cluster at the first time, and return its URL.

        Returns when connections are accepted. Starting a running server returns its URL again;
        after its death it may be started again. What an earlier run left behind, however it was
        killed, is cleared away first.

        Raises:
            ConfigurationError: this machine, folder or port cannot carry the server as asked.
            Unavailable: the server did not come up in time, or another process runs it.
        """
        if self._running is not None and self._running.is_alive():
            return self.url
        self._release()
        try:
            return self._start()
        except BaseException:
            self._release()
            raise

    def stop(self) -> None:
        """Stop the server and wait until its last process is gone. Safe to call again.

        A durable server writes its checkpoint first; one for tests is just ended.
        """
        if self._running is not None:
            self._running.stop(orderly=self._durable)
        self._release()

    def destroy(self) -> None:
        """Stop the server and remove the cluster with everything in it. Safe to call again.

        Raises:
            Unavailable: another process runs this cluster.
        """
        self.stop()
        remembered = self._state.load()
        if remembered is None:
            shutil.rmtree(self._state.own, ignore_errors=True)
            return
        self._remembered = remembered
        if self._home.is_dir():
            self._owner_lock = take_owner_lock(self._home / "owner.lock")
            os.close(take_cluster_lock(self._home / "cluster.lock"))
        self._remove_socket_folder()
        self._state.forget(self._home)
        self._release()

    def is_alive(self) -> bool:
        """Tell whether the server is running."""
        return self._running is not None and self._running.is_alive()

    def wait(self, *, timeout_s: float | None = None) -> bool:
        """Block until the server has died; return False when it lives on after `timeout_s`."""
        return self._running is None or self._running.wait(timeout_s)

    def death_notice(self) -> int:
        """Return a descriptor that becomes readable when the server dies, for an event loop.

        Raises:
            Unavailable: the server is not running.
        """
        if self._running is None:
            raise Unavailable("the embedded database is not running: start it first")
        return self._running.status

    async def died(self) -> None:
        """Return when the server has died; may be cancelled at any time."""
        loop = asyncio.get_running_loop()
        noticed = asyncio.Event()
        descriptor = self.death_notice()
        loop.add_reader(descriptor, noticed.set)
        try:
            await noticed.wait()
        finally:
            loop.remove_reader(descriptor)

    def __enter__(self) -> Self:
        """Start the server."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the server."""
        self.stop()

    async def __aenter__(self) -> Self:
        """Start the server without holding up the event loop."""
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the server without holding up the event loop."""
        await asyncio.to_thread(self.stop)

    def _start(self) -> str:
        remembered = self._state.load()
        if remembered is None:
            remembered = self._prepare_first()
        self._remembered = remembered
        self._check(remembered)
        account = choose_account(self.data_folder)
        self._owner_lock = take_owner_lock(self._home / "owner.lock")
        cluster_lock = take_cluster_lock(self._home / "cluster.lock")
        try:
            binaries = self._usable_binaries(account)
            self._initialise_once(binaries, account)
        finally:
            os.close(cluster_lock)
        return self._launch(binaries, account)

    def _prepare_first(self) -> Remembered:
        account = choose_account(None)
        self._state.create(account)
        home = self._state.choose_home(account)
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

    def _usable_binaries(self, account: Account) -> Binaries:
        found = self._binaries or find_binaries(data_major=data_major(self.data_folder))
        return reachable_binaries(found, account=account, copies=self._home / "binaries")

    def _initialise_once(self, binaries: Binaries, account: Account) -> None:
        remembered = self._present()
        if not self.data_folder.exists():
            initialise(
                self.data_folder,
                binaries=binaries,
                account=account,
                password=remembered.password,
                durable=self._durable,
            )
        if not remembered.initialised:
            remembered.initialised = True
            self._state.save(remembered)

    def _launch(self, binaries: Binaries, account: Account) -> str:
        """Start the server process, with a bounded number of tries.

        The port may be snatched between choosing and listening, and after a kill of the
        postmaster alone the kernel may still hold what its backends shared.
        """
        said = ""
        for last in (*[False] * (START_TRIES - 1), True):
            self._settle_on_port()
            self._rotate_log()
            self._running = self._spawn(binaries, account)
            if self._wait_ready():
                return self.url
            said = self._log_tail()
            self._running.stop(orderly=False)
            self._running.close()
            self._running = None
            if not last:
                time.sleep(RETRY_PAUSE_S)
        raise Unavailable(
            f"PostgreSQL did not start in {START_TRIES} tries. The last it said, in"
            f" {self.log_file}: {said or 'nothing'}"
        )

    def _settle_on_port(self) -> None:
        remembered = self._present()
        if self._wanted_port is not None:
            if not is_free(self._wanted_port):
                raise Unavailable(
                    f"port {self._wanted_port} of 127.0.0.1 is in use by another program: end that"
                    " one, or ask for another port"
                )
            chosen = self._wanted_port
        elif remembered.port is not None and is_free(remembered.port):
            chosen = remembered.port
        else:
            chosen = choose_port()
            if remembered.port is not None:
                _log.warning("embedded_database_port_changed", taken=remembered.port, now=chosen)
        remembered.port = chosen
        self._state.save(remembered)

    def _spawn(self, binaries: Binaries, account: Account) -> _Running:
        remembered = self._present()
        cluster_lock = take_cluster_lock(self._home / "cluster.lock")
        try:
            remove_stale_pid_file(self.data_folder)
            self._remove_socket_folder()
            folder = _make_socket_folder(account)
            remembered.socket_folder = str(folder)
            self._state.save(remembered)
            command = server_command(
                binaries,
                data=self.data_folder,
                sockets=folder,
                port=remembered.port or 0,
                durable=self._durable,
            )
            return _Running.launch(
                command, account=account, log_file=self.log_file, cluster_lock=cluster_lock
            )
        finally:
            os.close(cluster_lock)

    def _wait_ready(self) -> bool:
        """Wait for the word `ready` in the eighth line of postmaster.pid, as pg_ctl does."""
        running, pid_file = self._running, self.data_folder / "postmaster.pid"
        deadline = time.monotonic() + READY_TIMEOUT_S
        while running is not None and time.monotonic() < deadline:
            with suppress(FileNotFoundError, IndexError):
                if pid_file.read_text().splitlines()[7].strip() == "ready":
                    return True
            if running.wait(READY_POLL_S):
                return False
        return False

    def _rotate_log(self) -> None:
        with suppress(FileNotFoundError):
            if self.log_file.stat().st_size > LOG_BYTES_MAX:
                self.log_file.replace(self.log_file.with_suffix(".log.1"))

    def _log_tail(self) -> str:
        try:
            with self.log_file.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
                lines = file.read().decode(errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        return " | ".join(lines[-6:])

    def _remove_socket_folder(self) -> None:
        remembered = self._remembered
        if remembered is None or remembered.socket_folder is None:
            return
        folder = Path(remembered.socket_folder)
        if folder.name.startswith("roadstead-"):
            shutil.rmtree(folder, ignore_errors=True)

    def _release(self) -> None:
        if self._running is not None:
            self._running.stop(orderly=False)
            self._running.close()
            self._running = None
            self._remove_socket_folder()
        if self._owner_lock is not None:
            os.close(self._owner_lock)
            self._owner_lock = None

    @property
    def _home(self) -> Path:
        home = self._present().home
        return self._state.own if home is None else Path(home)

    def _present(self) -> Remembered:
        if self._remembered is None:
            raise Unavailable("the embedded database has not been started yet: start it first")
        return self._remembered


class _Running:
    """The guard process and the two pipes to it."""

    def __init__(self, process: subprocess.Popen[bytes], *, lifeline: int, status: int) -> None:
        self._process = process
        self._lifeline: int | None = lifeline
        self.status = status

    @classmethod
    def launch(cls, command: list[str], *, account: Account, log_file: Path, cluster_lock: int) -> _Running:
        """Start the guard, which starts `command`; both inherit the cluster's lock."""
        lifeline_reader, lifeline_writer = os.pipe()
        status_reader, status_writer = os.pipe()
        drop = (account.uid, account.gid) if account.drop else (-1, -1)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        log = os.open(log_file, flags, 0o600)
        try:
            process = subprocess.Popen(  # noqa: S603 - our own command line, no shell
                [
                    *(sys.executable, "-I", "-S", str(Path(guard.__file__).resolve())),
                    *(str(number) for number in (lifeline_reader, status_writer, *drop)),
                    *command,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=bare_environment(),
                pass_fds=(lifeline_reader, status_writer, cluster_lock),
                start_new_session=True,
            )
        except BaseException:
            os.close(lifeline_writer)
            os.close(status_reader)
            raise
        finally:
            for descriptor in (lifeline_reader, status_writer, log):
                os.close(descriptor)
        return cls(process, lifeline=lifeline_writer, status=status_reader)

    def is_alive(self) -> bool:
        return not self.wait(0)

    def wait(self, timeout_s: float | None) -> bool:
        readable, _, _ = select.select([self.status], [], [], timeout_s)
        return bool(readable)

    def stop(self, *, orderly: bool) -> None:
        """Ask the guard to end the server, or let go of it; wait until both are gone."""
        if self._lifeline is not None:
            if orderly:
                with suppress(BrokenPipeError):
                    os.write(self._lifeline, b"o")
                self.wait(STOP_TIMEOUT_S)
            os.close(self._lifeline)
            self._lifeline = None
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        os.close(self.status)


def _make_socket_folder(account: Account) -> Path:
    """Make a private folder whose path is short enough for a Unix socket."""
    for parent in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp")):  # noqa: S108 - mkdtemp
        longest = f"{parent}/roadstead-12345678/.s.PGSQL.65535"
        if len(os.fsencode(longest)) > SOCKET_PATH_BYTES_MAX:
            continue
        try:
            folder = Path(tempfile.mkdtemp(prefix="roadstead-", dir=parent))
        except OSError:
            continue
        if account.drop:
            os.chown(folder, account.uid, account.gid)
        if account.can_enter(folder):
            return folder
        folder.rmdir()
    raise ConfigurationError(
        "no temporary folder with a short path can be used for the database's socket: make /tmp"
        " writable for this user"
    )
