"""Where clients reach the server: a free TCP port of 127.0.0.1, and a short Unix socket path."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from roadstead.errors import ConfigurationError, Unavailable

if TYPE_CHECKING:
    from roadstead.database.embedded.account import Account

LOWEST_PORT = 20_000
HIGHEST_PORT = 32_000
"""Below the ports that Linux gives to outgoing connections, which come and go at random."""

PORT_TRIES = 200
SOCKET_FOLDER_PREFIX = "roadstead-"
SOCKET_PATH_BYTES_MAX = 103
"""The smallest limit of the systems we run on (macOS 103, Linux 107)."""


def is_free(port: int) -> bool:
    """Tell whether PostgreSQL could listen on this port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # PostgreSQL sets it too; without it, closed connections would seem to hold the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose_port() -> int:
    """Return a random port that is free now.

    Raises:
        Unavailable: none was found in a bounded number of tries.
    """
    for _ in range(PORT_TRIES):
        port = LOWEST_PORT + secrets.randbelow(HIGHEST_PORT - LOWEST_PORT)
        if is_free(port):
            return port
    raise Unavailable(
        f"no free TCP port of 127.0.0.1 was found between {LOWEST_PORT} and {HIGHEST_PORT} for the"
        " embedded database: end some servers, or ask for a port of your own"
    )


def make_socket_folder(account: Account) -> Path:
    """Make a private folder, owned by the account, whose path is short enough for a socket.

    Raises:
        ConfigurationError: no temporary folder will do.
    """
    for parent in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp")):  # noqa: S108 - mkdtemp
        longest = f"{parent}/{SOCKET_FOLDER_PREFIX}12345678/.s.PGSQL.65535"
        if len(os.fsencode(longest)) > SOCKET_PATH_BYTES_MAX:
            continue
        try:
            folder = Path(tempfile.mkdtemp(prefix=SOCKET_FOLDER_PREFIX, dir=parent))
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


def remove_socket_folder(folder: Path) -> None:
    """Remove the folder that an earlier start made. Safe to call again."""
    if folder.name.startswith(SOCKET_FOLDER_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)
