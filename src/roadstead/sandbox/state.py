"""The folder of one sandbox: used by one supervisor at a time, and removed after one that nobody asked to keep."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from roadstead.database.embedded import EmbeddedPostgres
from roadstead.errors import ConfigurationError, RoadsteadError

TEMPORARY_PREFIX = "roadstead-sandbox-"
LOCK_NAME = "supervisor.lock"
LOGS_NAME = "logs"
SWEEP_AGE_S = 60.0
"""Only temporary folders older than this are taken for left behind; a younger one may not be locked yet."""


class State:
    """A locked state folder. Close it when every process that uses it has ended."""

    def __init__(self, folder: Path, *, is_temporary: bool, lock: int) -> None:
        self.folder = folder
        self.is_temporary = is_temporary
        self._lock = lock

    @property
    def logs(self) -> Path:
        """The folder of the roles' logs."""
        return self.folder / LOGS_NAME

    def close(self) -> None:
        """Give the folder back; a temporary one is removed with its database. Safe to call again."""
        if self._lock < 0:
            return
        if self.is_temporary:
            _remove(self.folder)
        os.close(self._lock)
        self._lock = -1


def open_state(path: Path | None, *, temporary_in: Path | None = None) -> State:
    """Lock the state folder, making it where it is missing; None makes a temporary one.

    Temporary ones are made in `temporary_in`, or where the system keeps such.

    Raises:
        ConfigurationError: The folder cannot be made, or another sandbox uses it now.
    """
    folder = _make_folder(path, temporary_in or Path(tempfile.gettempdir()))
    lock = _take_lock(folder)
    return State(folder, is_temporary=path is None, lock=lock)


def sweep(*, temporary_in: Path | None = None) -> None:
    """Remove the temporary folders of sandboxes that were killed. This may take seconds; safe to call again."""
    for folder in (temporary_in or Path(tempfile.gettempdir())).glob(f"{TEMPORARY_PREFIX}*"):
        with suppress(OSError, RoadsteadError):
            status = folder.lstat()
            if (
                status.st_uid != os.geteuid()
                or folder.is_symlink()
                or time.time() - status.st_mtime < SWEEP_AGE_S
            ):
                continue
            lock = _take_lock(folder)
            try:
                _remove(folder)
            finally:
                os.close(lock)


def _make_folder(path: Path | None, temporary_in: Path) -> Path:
    # The database may run as another user, who has to pass through, when this is root.
    mode = 0o711 if os.geteuid() == 0 else 0o700
    try:
        if path is None:
            folder = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=temporary_in))
            folder.chmod(mode)
        else:
            folder = path.absolute()
            if not folder.is_dir():
                folder.mkdir(parents=True)
                folder.chmod(mode)
        (folder / LOGS_NAME).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"The state folder {error.filename} cannot be used ({error.strerror}): name another with --state."
        ) from error
    return folder


def _take_lock(folder: Path) -> int:
    path = folder / LOCK_NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"The state folder {folder} cannot be written ({error.strerror}): name another with --state."
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise ConfigurationError(
            f"Another sandbox (process {holder}) uses the state folder {folder}: stop it, or name another with --state."
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _remove(folder: Path) -> None:
    with suppress(RoadsteadError):
        EmbeddedPostgres(folder).destroy()
    shutil.rmtree(folder, ignore_errors=True)
