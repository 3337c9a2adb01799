"""Keeps the sandbox's processes alive while it runs itself, and none of them afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from roadstead.errors import Unavailable
from roadstead.sandbox.logs import RoleLog
from roadstead.sandbox.probes import Probe
from roadstead.service.lifeline import LIFELINE_VARIABLE

START_TRIES = 3
"""How often a role is started at first before the start as a whole is given up."""

RESTART_DELAYS_S = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
"""How long to wait before a restart, by the number of starts that failed since the role was last ready."""

PROBE_INTERVAL_S = 0.1
_KILL_TIMEOUT_S = 5.0
_LAUNCHER = (sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One process of the sandbox: what runs, and how to tell that it is ready."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    """All of the process's environment, but for the lifeline, which the supervisor adds."""
    probe: Probe
    stage: int = 0
    """Roles of a higher stage are stopped first."""
    ready_within_s: float = 30.0
    stop_within_s: float = 5.0


class RoleFailed(Unavailable):
    """A role does not start; the message carries the end of its log."""

    code = "role_failed"


class _Start(Enum):
    READY = "ready"
    ENDED = "ended"
    LATE = "late"


@dataclass(slots=True)
class _Running:
    role: Role
    log: RoleLog
    process: asyncio.subprocess.Process | None = None
    failed_starts: int = 0
    attendant: asyncio.Task[None] | None = field(default=None)


class Supervisor:
    """Starts roles, starts them again when they end, and stops them.

    Every process hears of this process's end by a pipe (`roadstead.service.lifeline`) and, on Linux, by the kernel, so
    that none survives it, even when it is killed. Use it from one event loop on the main thread.
    """

    def __init__(
        self,
        *,
        logs: Path,
        restart: bool = True,
        tell: Callable[[str], None],
        changed: Callable[[], None],
    ) -> None:
        """Prepare.

        Args:
            logs: The folder for the roles' logs; it must exist.
            restart: Whether a role that ends is started again.
            tell: Called with one sentence whenever something happens that a person wants to know.
            changed: Called whenever `pids` is no longer what it was.
        """
        self._logs_folder = logs
        self._restart = restart
        self._tell = tell
        self._changed = changed
        self._running: dict[str, _Running] = {}
        self._stopping = False
        self._lifeline_reader, self._lifeline_writer = os.pipe()

    @property
    def pids(self) -> dict[str, int]:
        """The living processes by role, in the order in which the roles were first started."""
        return {
            name: running.process.pid
            for name, running in self._running.items()
            if running.process is not None and running.process.returncode is None
        }

    @property
    def logs(self) -> tuple[RoleLog, ...]:
        """The logs of all roles started so far."""
        return tuple(running.log for running in self._running.values())

    def log_of(self, name: str) -> RoleLog:
        """Return the log of a role that was started."""
        return self._running[name].log

    async def start(self, role: Role) -> None:
        """Start a role, wait until it is ready, and look after it from then on.

        Raises:
            RoleFailed: It ended three times before it was ready, or was not ready in time.
        """
        running = _Running(role, RoleLog(self._logs_folder, role.name))
        self._running[role.name] = running
        while True:
            try:
                await self._launch(running)
            except OSError as error:
                raise RoleFailed(
                    f"{role.name} cannot be started ({error.strerror}): {role.command[0]}"
                ) from error
            outcome = await self._await_ready(running)
            if outcome is _Start.READY:
                break
            running.failed_starts += 1
            if outcome is _Start.LATE or running.failed_starts >= START_TRIES:
                raise RoleFailed(self._complaint(running, outcome))
            await asyncio.sleep(_restart_delay_s(running.failed_starts))
        running.failed_starts = 0
        running.attendant = asyncio.create_task(self._attend(running), name=f"attend {role.name}")

    async def stop(self) -> None:
        """Stop all roles, highest stage first, and return when none is left. Safe to call again."""
        self._stopping = True
        attendants = [r.attendant for r in self._running.values() if r.attendant is not None]
        for attendant in attendants:
            attendant.cancel()
        await asyncio.gather(*attendants, return_exceptions=True)
        for stage in sorted({running.role.stage for running in self._running.values()}, reverse=True):
            await asyncio.gather(*(self._end(r) for r in self._running.values() if r.role.stage == stage))
        self._close_lifeline()

    def kill(self) -> None:
        """Kill every process at once; `stop` then has nothing to wait for."""
        for process_id in self.pids.values():
            _kill_group(process_id)

    async def _launch(self, running: _Running) -> None:
        descriptor = running.log.open()
        try:
            running.process = await asyncio.create_subprocess_exec(
                *_LAUNCHER,
                str(os.getpid()),
                *running.role.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                env={**running.role.environment, LIFELINE_VARIABLE: str(self._lifeline_reader)},
                pass_fds=(self._lifeline_reader,),
                # A session of its own: Ctrl-C in a terminal reaches the supervisor alone, which stops them in order.
                start_new_session=True,
            )
        finally:
            os.close(descriptor)
        self._changed()

    async def _await_ready(self, running: _Running) -> _Start:
        process = _process_of(running)
        ended = asyncio.create_task(process.wait())
        deadline_s = asyncio.get_running_loop().time() + running.role.ready_within_s
        try:
            while asyncio.get_running_loop().time() < deadline_s:
                if ended.done():
                    return _Start.ENDED
                if await running.role.probe(running.log):
                    return _Start.READY
                await asyncio.wait({ended}, timeout=PROBE_INTERVAL_S)
        finally:
            ended.cancel()
        return _Start.LATE

    async def _attend(self, running: _Running) -> None:
        while True:
            status = await _process_of(running).wait()
            self._changed()
            self._tell(f"{running.role.name} {_how_it_ended(status)}.")
            if not self._restart:
                return
            await self._revive(running)

    async def _revive(self, running: _Running) -> None:
        while True:
            await asyncio.sleep(_restart_delay_s(running.failed_starts))
            try:
                await self._launch(running)
            except OSError as error:
                # The machine is short of something, such as memory or open files; that may pass.
                running.failed_starts += 1
                self._tell(
                    f"{running.role.name} cannot be started now ({error.strerror}); it is tried again."
                )
                continue
            match await self._await_ready(running):
                case _Start.READY:
                    running.failed_starts = 0
                    self._tell(f"{running.role.name} is back (process {_process_of(running).pid}).")
                    return
                case _Start.LATE:
                    self._tell(self._complaint(running, _Start.LATE))
                    return
                case _Start.ENDED:
                    running.failed_starts += 1
                    if running.failed_starts == START_TRIES:
                        self._tell(f"{self._complaint(running, _Start.ENDED)}\nIt is tried again and again.")

    async def _end(self, running: _Running) -> None:
        process = running.process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), running.role.stop_within_s)
        except TimeoutError:
            self._tell(
                f"{running.role.name} did not stop in {running.role.stop_within_s:g} s and was killed."
            )
            _kill_group(process.pid)
            await asyncio.wait_for(process.wait(), _KILL_TIMEOUT_S)

    def _close_lifeline(self) -> None:
        for descriptor in (self._lifeline_reader, self._lifeline_writer):
            if descriptor >= 0:
                os.close(descriptor)
        self._lifeline_reader = self._lifeline_writer = -1

    def _complaint(self, running: _Running, outcome: _Start) -> str:
        role, log = running.role, running.log
        if outcome is _Start.LATE:
            what = f"was not ready within {role.ready_within_s:g} s"
        else:
            what = f"{_how_it_ended(_process_of(running).returncode or 0)} before it was ready"
        said = log.tail()
        return f"{role.name} {what}. Its log {log.path} " + (f"ends with:\n{said}" if said else "is empty.")


def _process_of(running: _Running) -> asyncio.subprocess.Process:
    if running.process is None:
        raise RoleFailed(f"{running.role.name} was never started.")
    return running.process


def _restart_delay_s(failed_starts: int) -> float:
    return RESTART_DELAYS_S[min(failed_starts, len(RESTART_DELAYS_S) - 1)]


def _how_it_ended(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def _kill_group(process_id: int) -> None:
    """Kill a process and those that it started, which share its session unless they left it."""
    with suppress(ProcessLookupError):
        os.killpg(process_id, signal.SIGKILL)
