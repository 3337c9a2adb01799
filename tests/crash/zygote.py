"""A process that has imported everything once and forks processes that run at once, each at its own command line.

A server that is killed a thousand times should not spend its time importing. Requests and answers are lines of JSON on
standard input and output. The children are real processes with the product's own entry point; they go when this
process goes, and it goes when its standard input ends.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import runpy
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.crash import faults, watch
from tests.crash.watch import Orders

ROOT = Path(__file__).resolve().parents[2]
_DEATH_SIGNAL = 1
"""`PR_SET_PDEATHSIG` of Linux's prctl."""
_IMPORTED = (
    "roadstead.batches.opening",
    "roadstead.cli.api_role",
    "roadstead.cli.observer_role",
    "roadstead.cli.roles",
    "roadstead.cli.scheduler_role",
    "roadstead.cli.serve",
    "roadstead.cli.worker_role",
    "roadstead.sandbox.network.process",
    "roadstead.sandbox.bank.process",
    "stellar_sdk",
    "uvicorn.protocols.http.httptools_impl",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
)


@dataclass(frozen=True, kw_only=True)
class Command:
    """What a forked process runs, and what is watched in it."""

    module: str
    arguments: list[str]
    environ: dict[str, str]
    log: str
    orders: dict[str, Any] = field(default_factory=dict)
    fault: str = ""


class Zygote:
    """The forking process, as its users have it. Use it as an async context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        with (self._folder / "zygote.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "tests.crash.zygote"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def fork(
        self,
        module: str,
        *arguments: str,
        environ: Mapping[str, str],
        log: Path,
        orders: Orders | None = None,
        fault: str = "",
    ) -> Forked:
        """Start a process that runs a module as `python -m` would."""
        command = Command(
            module=module,
            arguments=list(arguments),
            environ=dict(environ),
            log=str(log),
            orders=asdict(orders) if orders else {},
            fault=fault,
        )
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._turn:
            self._process.stdin.write(json.dumps(asdict(command)).encode() + b"\n")
            line = await self._process.stdout.readline()
        assert line, f"the zygote ended: {(self._folder / 'zygote.log').read_text()}"
        return Forked(int(line))


class Forked:
    """A forked process, from outside."""

    def __init__(self, process_id: int) -> None:
        self.process_id = process_id
        self._gone = asyncio.Event()
        try:
            self._descriptor = os.pidfd_open(process_id)
        except ProcessLookupError:
            self._gone.set()
            return
        asyncio.get_running_loop().add_reader(self._descriptor, self._note_end)

    def _note_end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)
        self._gone.set()

    @property
    def is_gone(self) -> bool:
        """Whether it has ended."""
        return self._gone.is_set()

    async def ended(self) -> None:
        """Return when it has ended."""
        await self._gone.wait()

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it is still there."""
        if not self.is_gone:
            # It may be gone already, and the loop not yet know it.
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, number)

    def kill(self) -> None:
        """End it without a word."""
        self.send(signal.SIGKILL)

    async def halt(self, for_s: float) -> None:
        """Let it stand still for a time, and then go on as if nothing had been."""
        self.send(signal.SIGSTOP)
        try:
            await asyncio.sleep(for_s)
        finally:
            self.send(signal.SIGCONT)

    async def end(self, number: signal.Signals = signal.SIGKILL, *, within_s: float = 30.0) -> None:
        """End it by a signal and wait until it is gone."""
        self.send(number)
        async with asyncio.timeout(within_s):
            await self.ended()


def main() -> None:
    """Fork whatever standard input asks for, until it ends."""
    for name in _IMPORTED:
        __import__(name)
    # Nobody asks how a child ended: whoever started it watches it by itself.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        process_id = os.fork()
        if process_id == 0:
            _live(Command(**json.loads(line)))
        sys.stdout.write(f"{process_id}\n")
        sys.stdout.flush()


def _live(command: Command) -> None:
    """Be the process that was asked for. Does not return."""
    status = 1
    try:
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(command.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for descriptor, place in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(descriptor, place)
        os.environ.clear()
        os.environ.update(command.environ)
        sys.argv = [command.module, *command.arguments]
        if command.orders:
            watch.install(Orders(**command.orders))
        if command.fault:
            faults.plant(command.fault)
        runpy.run_module(command.module, run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - the child must never go on as its parent
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
