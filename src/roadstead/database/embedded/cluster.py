"""The data folder of PostgreSQL: how it is made, served and cleared of what a crash left."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from roadstead.database.embedded.home import sync_folder
from roadstead.errors import ConfigurationError

if TYPE_CHECKING:
    from roadstead.database.embedded.account import Account
    from roadstead.database.embedded.binaries import Binaries

ROLE = "roadstead"
DATABASE = "roadstead"
INITDB_TIMEOUT_S = 120.0
PS_TIMEOUT_S = 10.0

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Details and statements carry personal data, which no log may hold.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_line_prefix": "%m [%p] ",
}
_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "autovacuum": "off",
}


def server_command(binaries: Binaries, *, data: Path, sockets: Path, port: int, durable: bool) -> list[str]:
    """Return the command line of the server; its settings stand here and in no file."""
    settings = {
        **_SETTINGS,
        **(_DURABLE if durable else _FAST),
        "port": str(port),
        "unix_socket_directories": str(sockets),
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return [str(binaries.postgres), "-D", str(data), *options]


def initialise(
    data: Path,
    *,
    binaries: Binaries,
    account: Account,
    password: str,
    durable: bool,
    cluster_lock: int,
) -> None:
    """Make an empty cluster with our role and database, in one step as seen from outside.

    A power loss or a kill on the way leaves an unfinished folder under another name, which the
    next call removes. The programs inherit the cluster's lock: while one that outlived its owner
    still writes, nobody else gets here.

    Raises:
        ConfigurationError: initdb refused; the message carries what it said.
    """
    unfinished = data.with_name(f"{data.name}.new")
    password_file = data.with_name("initdb.password")
    shutil.rmtree(unfinished, ignore_errors=True)
    password_file.unlink(missing_ok=True)
    try:
        unfinished.mkdir(mode=0o700)
        descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123 - a descriptor
            file.write(password + "\n")
        if account.drop:
            for path in (unfinished, password_file):
                os.chown(path, account.uid, account.gid)
        _run_initdb(
            [
                *(str(binaries.initdb), "--pgdata", str(unfinished), "--username", ROLE),
                *("--encoding=UTF8", "--locale=C", "--auth=scram-sha-256"),
                *("--pwfile", str(password_file), "--no-instructions"),
                *(() if durable else ("--no-sync",)),
            ],
            account,
            cluster_lock,
        )
        _create_database(binaries, unfinished, account, cluster_lock, durable=durable)
    finally:
        password_file.unlink(missing_ok=True)
    unfinished.rename(data)
    sync_folder(data.parent)


def _run_initdb(command: list[str], account: Account, cluster_lock: int) -> None:
    try:
        done = account.run(command, timeout_s=INITDB_TIMEOUT_S, inherited=(cluster_lock,))
    except subprocess.TimeoutExpired as error:
        raise ConfigurationError(
            f"initdb did not finish in {INITDB_TIMEOUT_S:.0f} s: look for a full or very slow disk"
        ) from error
    if done.returncode != 0:
        said = done.stdout.decode(errors="replace").strip()[-2_000:]
        raise ConfigurationError(f"initdb could not make a database: {said}")


def _create_database(
    binaries: Binaries, data: Path, account: Account, cluster_lock: int, *, durable: bool
) -> None:
    statement = f"CREATE DATABASE {DATABASE};\n"
    options = () if durable else ("-F",)
    command = [str(binaries.postgres), "--single", *options, "-D", str(data), "postgres"]
    done = account.run(
        command,
        timeout_s=INITDB_TIMEOUT_S,
        stdin=statement.encode(),
        inherited=(cluster_lock,),
    )
    if done.returncode != 0 or b"ERROR" in done.stdout:
        said = done.stdout.decode(errors="replace").strip()[-2_000:]
        raise ConfigurationError(f"PostgreSQL could not make the database {DATABASE}: {said}")


def data_major(data: Path) -> int | None:
    """Return the major version that wrote this data folder, None when there is none yet."""
    try:
        return int((data / "PG_VERSION").read_text(encoding="ascii"))
    except FileNotFoundError:
        return None


def remove_stale_pid_file(data: Path) -> None:
    """Remove postmaster.pid unless it names a live server of this data folder.

    To be called with the cluster's lock held, so that no server of ours is alive. PostgreSQL
    itself takes any living process with the old number for a server, which after a restart of a
    container it often is not.

    Raises:
        ConfigurationError: somebody else runs a server on this data folder.
    """
    pid_file = data / "postmaster.pid"
    try:
        process_id = int(pid_file.read_text(encoding="ascii").split("\n", 1)[0])
    except FileNotFoundError:
        return
    except ValueError:
        process_id = 0
    if process_id > 0 and _serves(process_id, data):
        raise ConfigurationError(
            f"process {process_id}, which we did not start, is a PostgreSQL server running on"
            f" {data}: stop it first"
        )
    pid_file.unlink(missing_ok=True)


def _serves(process_id: int, data: Path) -> bool:
    """Tell whether the process works in this data folder, as every PostgreSQL process does.

    A process that has ended and that nobody has reaped yet works nowhere.
    """
    if Path("/proc/self/cwd").exists():
        with suppress(FileNotFoundError, PermissionError):
            return Path(f"/proc/{process_id}/cwd").samefile(data)
        return False
    asked = subprocess.run(  # noqa: S603 - a fixed command
        ["/bin/ps", "-o", "stat=,comm=", "-p", str(process_id)],
        check=False,
        stdout=subprocess.PIPE,
        timeout=PS_TIMEOUT_S,
    )
    return b"postgres" in asked.stdout and not asked.stdout.lstrip().startswith(b"Z")
