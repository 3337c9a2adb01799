"""Two locks that tell who owns a cluster and whether any process of it is still alive.

Both are `flock` locks, which the kernel releases when the last process that holds the open file
is gone, however it went. The owner's lock is held by the owning process alone. The cluster's lock
is inherited by the guard, the postmaster and every backend: who gets it knows that no server
process is left, not even a backend that survived its postmaster and still holds shared memory.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from roadstead.errors import Unavailable

POLL_S = 0.1
GRACE_S = 4.0
"""How long the processes of an earlier run may take to end by themselves."""

KILL_S = 10.0


class InUse(Unavailable):
    """Another living process owns this cluster; its clients may use the server nevertheless."""

    code = "embedded_database_in_use"


def take_owner_lock(folder: Path) -> int:
    """Take the owner's lock in this folder and return its descriptor; closing it gives it back.

    Raises:
        InUse: another living process owns this cluster.
    """
    descriptor = _open(folder / "owner.lock")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 32, 0).decode().strip() or "unknown"
        os.close(descriptor)
        raise InUse(
            f"the database in {folder} is already in use by process {holder}: stop that one"
            " first, or choose another state folder"
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def take_cluster_lock(home: Path) -> int:
    """Wait until every process of an earlier run is gone; return the lock's descriptor.

    Leftovers get a few seconds to see that their postmaster or guard is dead. A backend in the
    middle of a long computation does not look, so after that they are killed: nothing that was
    acknowledged is lost, because it is in the write-ahead log.

    Raises:
        Unavailable: some process of the earlier run could not be ended in time.
    """
    path = home / "cluster.lock"
    descriptor = _open(path)
    if _lock_within(descriptor, GRACE_S):
        return descriptor
    for process in _holders(path, but=os.getpid()):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    if _lock_within(descriptor, KILL_S):
        return descriptor
    left = ", ".join(str(process) for process in _holders(path, but=os.getpid())) or "unknown"
    os.close(descriptor)
    raise Unavailable(
        f"processes of an earlier run of the database in {home} do not end (process ids: {left}):"
        " end them, then start again"
    )


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _lock_within(descriptor: int, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)


def _holders(path: Path, *, but: int) -> list[int]:
    """Return the processes that have the lock file open, as far as /proc shows them (Linux)."""
    wanted = str(path.resolve())
    return [
        int(process.name)
        for process in Path("/proc").glob("[0-9]*")
        if int(process.name) != but and wanted in _open_files(process)
    ]


def _open_files(process: Path) -> set[str]:
    opened: set[str] = set()
    with suppress(OSError):
        for link in (process / "fd").iterdir():
            with suppress(OSError):
                opened.add(str(link.readlink()))
    return opened
