"""The file that PostgreSQL writes its messages to."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BYTES_MAX = 10_000_000
TAIL_BYTES = 2_000
TAIL_LINES = 6


def rotate(file: Path) -> None:
    """Set a file that has grown too long aside; one earlier file is kept."""
    with suppress(FileNotFoundError):
        if file.stat().st_size > BYTES_MAX:
            file.replace(file.with_name(f"{file.name}.1"))


def tail(file: Path) -> str:
    """Return the last lines in one, for an error message."""
    with file.open("rb") as opened:
        opened.seek(max(0, opened.seek(0, os.SEEK_END) - TAIL_BYTES))
        return " | ".join(opened.read().decode(errors="replace").splitlines()[-TAIL_LINES:])
