"""What is installed at the boundaries of a process under test: it notes every pass, and ends the process where told."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from roadstead.boundaries import watched_by
from roadstead.service import housekeeping, scheduler

_for_life = ExitStack()


@dataclass(frozen=True, kw_only=True)
class Orders:
    """Where to note what was passed, and where to end."""

    notes: str
    """A file that every process under test appends to."""
    kill_at: Mapping[str, int] = field(default_factory=dict)
    """Boundaries at which to end, each with the number of its pass in this process."""
    signal_number: int = signal.SIGKILL
    """What it sends itself there."""


def hurry() -> None:
    """Let happen within seconds what happens every few minutes, so that its boundaries are passed at all."""
    housekeeping.PURGE_INTERVAL_S = 0.5
    scheduler.STATEMENTS_INTERVAL_S = 0.5


def install(orders: Orders) -> None:
    """Watch the boundaries of this process from now on, for as long as it lives."""
    hurry()
    notes = os.open(orders.notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    passes: Counter[str] = Counter()

    def pass_by(name: str) -> None:
        passes[name] += 1
        if passes[name] == orders.kill_at.get(name):
            os.write(notes, f"{name}\n!{name}\n".encode())
            os.kill(os.getpid(), orders.signal_number)
            return
        os.write(notes, f"{name}\n".encode())

    _for_life.enter_context(watched_by(pass_by))


def passed(notes: Path) -> Counter[str]:
    """Count the passes of every boundary that were noted."""
    return Counter(line for line in _lines(notes) if not line.startswith("!"))


def struck(notes: Path) -> list[str]:
    """List the boundaries at which processes ended, in order."""
    return [line[1:] for line in _lines(notes) if line.startswith("!")]


def _lines(notes: Path) -> list[str]:
    return notes.read_text().splitlines() if notes.exists() else []
