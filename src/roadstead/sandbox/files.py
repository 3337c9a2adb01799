"""Files that hold secrets: written in one step, readable by their owner alone."""

from __future__ import annotations

import os
from pathlib import Path

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW


def write_private(path: Path, text: str) -> None:
    """Write or replace a file in one step, with mode 0600, flushed to disk.

    An interrupted write leaves the old file as it was, and beside it one that the next write replaces.

    Raises:
        OSError: It cannot be written there.
    """
    unfinished = path.with_name(f".{path.name}.new")
    with open(os.open(unfinished, _FLAGS, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
