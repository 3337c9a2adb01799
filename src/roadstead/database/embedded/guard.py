"""Stand between the owner and PostgreSQL, so that PostgreSQL never outlives the owner.

Run as a script by `EmbeddedPostgres`, with nothing but the standard library: as root it starts
before the privileges are dropped, from an interpreter which the unprivileged account may not be
able to read.

    guard.py LIFELINE STATUS UID GID EXECUTABLE [ARGUMENT...]

LIFELINE is the read end of a pipe whose write end only the owner holds: one byte asks for an
orderly shutdown, the end of the pipe means that the owner is gone and PostgreSQL has to go now.
STATUS is the write end of a pipe that only the guard holds: it ends when the guard does. UID and
GID are -1 when nothing is dropped. The guard ends with 0 after an orderly shutdown, otherwise
with 1.
"""

from __future__ import annotations

import ctypes
import math
import os
import select
import signal
import sys
import time

OWNER_CHECK_S = 1.0
"""A leaked copy of the pipe would hide the owner's death; its process id does not."""

ORDERLY_S = 20.0
"""An orderly shutdown writes a checkpoint; after this time it is turned into an immediate one."""

IMMEDIATE_S = 8.0
"""PostgreSQL kills its own children 5 s into an immediate shutdown; later the guard kills."""

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Run PostgreSQL until it ends by itself, is asked to end, or the owner is gone."""
    lifeline, status, uid, gid = (int(argument) for argument in arguments[:4])
    owner = os.getppid()
    os.chdir("/")
    for descriptor in (lifeline, status):
        os.set_inheritable(descriptor, False)
    _load_libc()
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    wake_reader, wake_writer = os.pipe()
    os.set_blocking(wake_writer, False)
    signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _only_wake)
    child = _launch(arguments[4:])
    return Watch(child=child, owner=owner, lifeline=lifeline, wake=wake_reader).run()


class Watch:
    """Waits for the first of: PostgreSQL ended, the owner asks, the owner is gone."""

    def __init__(self, *, child: int, owner: int, lifeline: int, wake: int) -> None:
        self.child = child
        self.owner = owner
        self.lifeline = lifeline
        self.wake = wake

    def run(self) -> int:
        """Return 0 after an orderly shutdown, 1 after any other end."""
        while True:
            ready = readable([self.lifeline, self.wake], OWNER_CHECK_S)
            signals = os.read(self.wake, 64) if self.wake in ready else b""
            if self._ended() is not None:
                return 1
            asked = os.read(self.lifeline, 1) if self.lifeline in ready else None
            if asked == b"" or os.getppid() != self.owner:
                return self._immediate()
            if asked or signal.SIGTERM in signals or signal.SIGINT in signals:
                return self._orderly()

    def _orderly(self) -> int:
        os.kill(self.child, signal.SIGINT)
        deadline = time.monotonic() + ORDERLY_S
        while (left_s := deadline - time.monotonic()) > 0:
            ready = readable([self.lifeline, self.wake], left_s)
            if self.wake in ready:
                os.read(self.wake, 64)
            ended = self._ended()
            if ended is not None:
                return 0 if ended == 0 else 1
            if self.lifeline in ready and os.read(self.lifeline, 1) == b"":
                break
        return self._immediate()

    def _immediate(self) -> int:
        os.kill(self.child, signal.SIGQUIT)
        deadline = time.monotonic() + IMMEDIATE_S
        while (left_s := deadline - time.monotonic()) > 0:
            if readable([self.wake], left_s):
                os.read(self.wake, 64)
            if self._ended() is not None:
                return 1
        os.kill(self.child, signal.SIGKILL)
        os.waitpid(self.child, 0)
        return 1

    def _ended(self) -> int | None:
        process_id, wait_status = os.waitpid(self.child, os.WNOHANG)
        return None if process_id == 0 else wait_status


def readable(descriptors: list[int], timeout_s: float | None) -> set[int]:
    """Wait until something can be read or has ended; None waits for ever.

    With `poll`, because `select` refuses descriptors from 1024 on, which a busy owner may have.
    """
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    timeout_ms = None if timeout_s is None else math.ceil(timeout_s * 1000)
    return {descriptor for descriptor, _ in poll.poll(timeout_ms)}


def _launch(command: list[str]) -> int:
    guard = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        signal.set_wakeup_fd(-1)
        # A group of its own: Ctrl-C in a terminal reaches the owner, which stops us in order.
        os.setsid()
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        _quit_with_parent(guard)
        os.execv(command[0], command)  # noqa: S606 - no shell is wanted
    finally:
        # Reached only when the exec failed; the traceback is in the log.
        sys.excepthook(*sys.exc_info())
        os._exit(1)


_libc: ctypes.CDLL | None = None


def _load_libc() -> None:
    """Load the C library while the interpreter's own files can still be read."""
    global _libc  # noqa: PLW0603 - a script of one thread
    if sys.platform == "linux":
        _libc = ctypes.CDLL(None, use_errno=True)


def _quit_with_parent(parent: int) -> None:
    """Have the kernel send SIGQUIT when the guard dies, even by SIGKILL (Linux only).

    A change of user or group clears this wish, so it is made after the drop. The parent may have
    died before the wish was made: then nothing has been started yet and nothing will be.
    """
    if _libc is None:
        return
    if _libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGQUIT), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        os._exit(1)


def _only_wake(_number: int, _frame: object) -> None:
    """Let the wake-up pipe carry the signal; nothing else happens in a handler."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
