"""Where a cluster lives on disk, and what is remembered about it between starts.

    STATE/postgresql/server.json  port, password, and where the cluster is (0600)
    STATE/postgresql/owner.lock   held by the owning process, see `locks`
    HOME/data/                    PostgreSQL's own files (0700, owned by the account)
    HOME/server.log               what PostgreSQL says
    HOME/cluster.lock             held by every process of the server, see `locks`
    HOME/binaries/                a copy of the programs, where the account needs one

HOME is STATE/postgresql, unless we are root and the account cannot enter it: then it is a folder
of its own under /var/lib/roadstead, named after the path of the state folder.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog

from roadstead.database.embedded.locks import take_owner_lock
from roadstead.errors import ConfigurationError

if TYPE_CHECKING:
    from roadstead.database.embedded.account import Account

FALLBACK_FOLDER = Path("/var/lib/roadstead")
OWN_FOLDER_NAME = "postgresql"
_HOME_NAME = re.compile(r"[0-9a-f]{16}")

_log = structlog.get_logger(__name__)


class Remembered(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What has to stay the same from one start to the next.

    `home` is None when the cluster lies beside the file, so that the state folder can be moved.
    """

    password: str
    durable: bool
    home: str | None = None
    initialised: bool = False
    port: int | None = None
    socket_folder: str | None = None


class StateFolder:
    """The state folder's own part of the cluster: the file `server.json` and its pointer."""

    def __init__(self, path: Path, *, fallback_folder: Path = FALLBACK_FOLDER) -> None:
        self.path = path.absolute()
        self.own = self.path / OWN_FOLDER_NAME
        self.fallback_folder = fallback_folder
        self.file = self.own / "server.json"

    def load(self) -> Remembered | None:
        """Return what an earlier start remembered, None before the first.

        Raises:
            ConfigurationError: the file is there and cannot be used.
        """
        try:
            remembered = msgspec.json.decode(self.file.read_bytes(), type=Remembered)
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise ConfigurationError(
                f"{self.file} belongs to another user: start as that user or as root, or choose"
                " another state folder"
            ) from error
        except msgspec.MsgspecError as error:
            raise ConfigurationError(
                f"{self.file} is damaged ({error}): restore it from a backup; it names the place"
                " of the database and its password"
            ) from error
        if remembered.home is None:
            return remembered
        home = Path(remembered.home)
        if home.parent != self.fallback_folder or not _HOME_NAME.fullmatch(home.name):
            raise ConfigurationError(
                f"{self.file} points to {home}, which is not one of the folders under"
                f" {self.fallback_folder}: restore the file from a backup"
            )
        return remembered

    def save(self, remembered: Remembered) -> None:
        """Replace the file in one step, readable by its owner alone, safe against power loss."""
        unfinished = self.file.with_suffix(".new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with open(os.open(unfinished, flags, 0o600), "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(msgspec.json.encode(remembered))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self.file)
        sync_folder(self.own)

    def create(self, account: Account) -> None:
        """Make the state folder and our own folder in it where they are missing.

        What root makes may be passed through by the account, but not listed; what an ordinary
        user makes is theirs alone. Folders that exist keep their permissions.
        """
        mode = 0o711 if account.drop else 0o700
        try:
            missing = [folder for folder in (self.own, *self.own.parents) if not folder.exists()]
            for folder in reversed(missing):
                folder.mkdir()
                folder.chmod(mode)
        except OSError as error:
            raise ConfigurationError(
                f"the state folder {self.path} cannot be made ({error.strerror}): choose another"
            ) from error

    def choose_home(self, account: Account) -> Path:
        """Return the folder for a new cluster: our own, or one that the account can enter.

        Raises:
            ConfigurationError: the account cannot enter the state folder, and no folder can be
                made under the fallback either.
            InUse: a server that was started from a state folder deleted since runs there.
        """
        if not account.drop or account.can_enter(self.own):
            return self.own
        digest = hashlib.sha256(str(self.path).encode()).hexdigest()[:16]
        home = self.fallback_folder / digest
        try:
            self._set_aside(home)
            for folder in (self.fallback_folder, home):
                if not folder.exists():
                    folder.mkdir(parents=True)
                    folder.chmod(0o711)
        except OSError as error:
            raise ConfigurationError(
                f"user {account.uid}, which PostgreSQL has to run as, cannot enter {self.own}, and"
                f" {home} cannot be made instead ({error.strerror}): choose a state folder that"
                " everybody may pass through, or start as an ordinary user"
            ) from error
        if account.can_enter(home):
            return home
        home.rmdir()
        raise ConfigurationError(
            f"user {account.uid}, which PostgreSQL has to run as, can enter neither {self.own} nor"
            f" {home}: choose a state folder that everybody may pass through, or start as an"
            " ordinary user"
        )

    def _set_aside(self, home: Path) -> None:
        """Keep, under another name, the cluster of an earlier state folder at the same path.

        Raises:
            InUse: that cluster is running.
        """
        if not home.exists():
            return
        os.close(take_owner_lock(home))
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        kept = home.with_name(f"{home.name}.left-{stamp}")
        home.rename(kept)
        _log.warning("embedded_database_left_behind", state=str(self.path), kept_in=str(kept))


def new_password() -> str:
    """Return a random password that needs no escaping in a URL."""
    return secrets.token_hex(24)


def sync_folder(folder: Path) -> None:
    """Make a rename inside this folder survive a power loss."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
