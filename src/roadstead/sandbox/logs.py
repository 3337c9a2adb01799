"""What the roles of the sandbox say: one file for each, kept in the state folder."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

SIZE_MAX_BYTES = 10_000_000
"""A log that has grown beyond this is set aside at the next start of its role; one older log is kept."""

TAIL_LINES = 20
_TAIL_BYTES = 16_384
_FOLLOW_INTERVAL_S = 0.2
_CREDENTIALS = re.compile(r"://[^/@\s]+@")


class RoleLog:
    """The log file of one role, to which all its processes append one after the other."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.path = folder / f"{name}.log"
        self._started_at_byte = 0

    def open(self) -> int:
        """Return a descriptor to which the next process of the role writes; the caller closes it."""
        if self._size() > SIZE_MAX_BYTES:
            self.path.replace(self.path.with_suffix(".old.log"))
        self._started_at_byte = self._size()
        return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def tail(self) -> str:
        """Return the last lines that the latest process of the role wrote; empty when it wrote none."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(self._started_at_byte, self._size() - _TAIL_BYTES))
                text = file.read(_TAIL_BYTES).decode(errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-TAIL_LINES:])

    def line_beginning(self, beginning: str) -> str | None:
        """Return the first line of the latest process that begins so and is complete, or None."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._started_at_byte)
                said = file.read(_TAIL_BYTES).decode(errors="replace")
        except FileNotFoundError:
            return None
        whole, _, _ = said.rpartition("\n")
        return next((line for line in whole.splitlines() if line.startswith(beginning)), None)

    def _size(self) -> int:
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0


async def follow(logs: Callable[[], Iterable[RoleLog]], *, show: Callable[[str], None]) -> None:
    """Show every new line of the logs, with the role's name before it, until cancelled.

    `logs` is asked again each time, so that roles which start later are followed too.
    """
    seen: dict[Path, int] = {}
    while True:
        for log in logs():
            seen[log.path] = _show_new(log, since_byte=seen.get(log.path, 0), show=show)
        await asyncio.sleep(_FOLLOW_INTERVAL_S)


def _show_new(log: RoleLog, *, since_byte: int, show: Callable[[str], None]) -> int:
    try:
        with log.path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = since_byte if since_byte <= size else 0
            file.seek(start)
            new = file.read(size - start)
    except FileNotFoundError:
        return since_byte
    whole, _, rest = new.rpartition(b"\n")
    for line in whole.decode(errors="replace").splitlines():
        show(f"{log.name:<9} | {_CREDENTIALS.sub('://', line)}")
    return size - len(rest)
