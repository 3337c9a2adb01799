"""A Python program in a process of its own, which a test may stop, resume and kill."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 20.0


class Process:
    """A running program whose standard output is read line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    async def says(self, line: str) -> None:
        """Wait until it has written a line."""
        async with asyncio.timeout(PATIENCE_S):
            while (heard := await asyncio.to_thread(self._readline)) != line:
                assert heard, f"it ended with status {self._process.wait()} before it said {line!r}"

    async def line(self) -> str:
        """Return the next line that it writes."""
        async with asyncio.timeout(PATIENCE_S):
            return await asyncio.to_thread(self._readline)

    def stop(self) -> None:
        """Halt it where it is."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it run on."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it without a word."""
        self._process.kill()
        self._process.wait(PATIENCE_S)

    def end(self) -> int:
        """Ask it to end and return its status."""
        self._process.terminate()
        return self._process.wait(PATIENCE_S)

    def _readline(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def python_process(program: str, *arguments: str) -> Iterator[Process]:
    """Run a program given as text; kill it at the end if it is still there."""
    with _process("-c", program, *arguments) as process:
        yield process


@contextmanager
def module_process(module: str, *arguments: str) -> Iterator[Process]:
    """Run a module; kill it at the end if it is still there."""
    with _process("-m", module, *arguments) as process:
        yield process


@contextmanager
def _process(*arguments: str) -> Iterator[Process]:
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
    )
    try:
        yield Process(process)
    finally:
        process.kill()
        process.wait(PATIENCE_S)
        assert process.stdout is not None
        process.stdout.close()
