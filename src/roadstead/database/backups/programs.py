"""`pg_dump` and `pg_restore`: which of those on this machine fit a server, and how they are run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from roadstead.database.embedded.account import bare_environment
from roadstead.database.embedded.binaries import candidate_folders, major_version
from roadstead.errors import ConfigurationError, Unavailable

PROGRAMS = ("pg_dump", "pg_restore")
TIMEOUT_S = 6 * 3600.0
"""How long dumping or restoring may take."""

_TOLD_BYTES_MAX = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """One installation of PostgreSQL's programs for backups."""

    folder: Path
    major: int


def find_programs(server_major: int, *, folders: Iterable[Path] | None = None) -> Programs:
    """Return the programs of the server's own major version, or else of the nearest newer one, which can read it too.

    Raises:
        ConfigurationError: There are none; the message lists what was found instead.
    """
    found: list[Programs] = []
    for folder in candidate_folders() if folders is None else folders:
        major = major_version(folder, PROGRAMS)
        if major is not None:
            found.append(Programs(folder=folder, major=major))
    fitting = sorted(
        (programs for programs in found if programs.major >= server_major), key=lambda one: one.major
    )
    if fitting:
        return fitting[0]
    told = ", ".join(f"{one.folder} (version {one.major})" for one in found) or "nothing"
    raise ConfigurationError(
        f"The database server has version {server_major}, and its backup needs pg_dump and pg_restore of version "
        f"{server_major} or later; found: {told}. Install PostgreSQL's client programs of that version (Debian: "
        f"postgresql-client-{server_major})."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A database's URL in two parts, so that no other process sees the password in a command line."""

    url: str
    environment: Mapping[str, str]


def address_of(url: str) -> Address:
    """Take the password out of a PostgreSQL URL."""
    parts = urlsplit(url)
    if parts.password is None:
        return Address(url=url, environment={})
    user, _, host = parts.netloc.rpartition("@")
    plain = parts._replace(netloc=f"{user.partition(':')[0]}@{host}")
    return Address(url=plain.geturl(), environment={"PGPASSWORD": unquote(parts.password)})


async def run_program(
    programs: Programs, name: str, arguments: Sequence[str], address: Address, *, timeout_s: float = TIMEOUT_S
) -> None:
    """Run a program to its end; it is killed when this is cancelled or takes too long.

    Raises:
        Unavailable: It failed or took too long; the message carries the end of what it said.
    """
    process = await asyncio.create_subprocess_exec(
        str(programs.folder / name),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**bare_environment(), **address.environment},
    )
    try:
        _, said = await asyncio.wait_for(process.communicate(), timeout=timeout_s)
    except TimeoutError as error:
        raise Unavailable(f"{name} did not end within {timeout_s:.0f} s and was stopped.") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        told = said[-_TOLD_BYTES_MAX:].decode(errors="replace").strip()
        raise Unavailable(f"{name} failed with status {process.returncode}. The last of what it said: {told}")
