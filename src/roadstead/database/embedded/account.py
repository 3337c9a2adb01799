"""Which operating-system account PostgreSQL runs as, and what that account can reach."""

from __future__ import annotations

import errno
import os
import pwd
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roadstead.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

PREFERRED_NAMES = ("postgres", "nobody")
PROBE_TIMEOUT_S = 10.0
LIBRARY_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Some interpreters find their own shared library only through these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The account of the server processes.

    `drop` is true when this process is root and has to become the account for each program it
    runs; otherwise the account is the one this process has anyway.
    """

    uid: int
    gid: int
    drop: bool

    def run(
        self,
        command: list[str],
        *,
        timeout_s: float,
        stdin: bytes = b"",
        inherited: tuple[int, ...] = (),
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a program to its end as this account, with a bare environment, and return it.

        The descriptors `inherited` stay open in it.

        Raises:
            ConfigurationError: this process may not become the account.
            subprocess.TimeoutExpired: it took longer than `timeout_s` and was killed.
            OSError: the program cannot be started.
        """
        try:
            return subprocess.run(  # noqa: S603 - our own command lines, no shell
                command,
                check=False,
                input=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=timeout_s,
                cwd="/",
                env=bare_environment(),
                pass_fds=inherited,
                user=self.uid if self.drop else None,
                group=self.gid if self.drop else None,
                extra_groups=[] if self.drop else None,
            )
        except PermissionError as error:
            if error.errno == errno.EPERM and self.drop:
                raise ConfigurationError(
                    "PostgreSQL refuses to run as root, and this process may not switch to another"
                    " user (no CAP_SETUID): start it as an ordinary user instead"
                ) from error
            raise

    def can_enter(self, folder: Path) -> bool:
        """Tell whether the account can enter this folder, by trying it."""
        probe = ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)]
        return self.run(probe, timeout_s=PROBE_TIMEOUT_S).returncode == 0

    def can_run(self, program: Path) -> bool:
        """Tell whether the account can start this program with all its libraries, by trying it."""
        try:
            return self.run([str(program), "--version"], timeout_s=PROBE_TIMEOUT_S).returncode == 0
        except OSError:
            return False


def choose_account(data_folder: Path | None) -> Account:
    """Choose the account: our own, or as root the owner of the data, `postgres` or `nobody`.

    PostgreSQL refuses to run as root and to serve a data folder which another account owns, so
    data that exist decide.

    Raises:
        ConfigurationError: the data belong to somebody whom this process cannot become.
    """
    owner = data_folder.stat() if data_folder is not None and data_folder.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner.st_uid != os.geteuid():
            raise ConfigurationError(
                f"the database in {data_folder} belongs to user {owner.st_uid}, not to you"
                f" ({os.geteuid()}): start as that user or as root, or choose another state folder"
            )
        return Account(uid=os.geteuid(), gid=os.getegid(), drop=False)
    if owner is not None and owner.st_uid != 0:
        return Account(uid=owner.st_uid, gid=owner.st_gid, drop=True)
    for name in PREFERRED_NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(uid=entry.pw_uid, gid=entry.pw_gid, drop=True)
    raise ConfigurationError(
        "PostgreSQL refuses to run as root, and this machine has neither a user `postgres` nor"
        " `nobody`: start as an ordinary user instead"
    )


def bare_environment() -> dict[str, str]:
    """Return the environment of the server programs: no PG* variable and no secret gets in."""
    kept = {name: os.environ[name] for name in LIBRARY_PATHS if name in os.environ}
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", **kept}
