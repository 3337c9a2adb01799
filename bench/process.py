"""What a process has used so far, by the kernel's own account of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_USER_TICKS = 11
_SYSTEM_TICKS = 12
"""Positions behind the process's name, which is the only column that may hold spaces (proc(5))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """CPU time of a process and all its threads since it started, and its memory."""

    user_s: float
    system_s: float
    memory_peak_bytes: int
    memory_bytes: int

    @property
    def cpu_s(self) -> float:
        """User and system time together."""
        return self.user_s + self.system_s


def usage_of(process_id: int) -> Usage:
    """Read what a living process has used."""
    folder = Path(f"/proc/{process_id}")
    columns = (folder / "stat").read_text().rpartition(")")[2].split()
    sizes = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    return Usage(
        user_s=int(columns[_USER_TICKS]) / _TICKS_PER_S,
        system_s=int(columns[_SYSTEM_TICKS]) / _TICKS_PER_S,
        memory_peak_bytes=_kibibytes(sizes["VmHWM"]),
        memory_bytes=_kibibytes(sizes["VmRSS"]),
    )


def _kibibytes(text: str) -> int:
    return int(text.split(maxsplit=1)[0]) * 1024
