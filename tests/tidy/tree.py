"""The tracked files of this repository, and its modules as syntax trees."""

from __future__ import annotations

import ast
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"


@dataclass(frozen=True)
class Module:
    """One module of `src/roadstead`."""

    name: str
    """Dotted name; a package's own module has the package's name."""
    path: str
    """Path below `src/roadstead`."""
    is_package: bool
    text: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)


@cache
def tracked_files() -> tuple[Path, ...]:
    # A checkout that belongs to another user, as in a container, is read all the same.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    paths = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return tuple(path for path in paths if path.is_file())


@cache
def modules() -> tuple[Module, ...]:
    package = SOURCE / "roadstead"
    return tuple(
        module(str(path.relative_to(package)), path.read_text())
        for path in tracked_files()
        if path.suffix == ".py" and path.is_relative_to(package)
    )


def module(path: str, text: str) -> Module:
    parts = ("roadstead", *Path(path).with_suffix("").parts)
    is_package = parts[-1] == "__init__"
    return Module(".".join(parts[:-1] if is_package else parts), path, is_package, text)
