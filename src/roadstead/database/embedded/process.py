"""The guard process with PostgreSQL behind it, and the two pipes that tie it to its owner."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from roadstead.database.embedded import guard
from roadstead.database.embedded.account import bare_environment

if TYPE_CHECKING:
    from roadstead.database.embedded.account import Account

STOP_TIMEOUT_S = guard.ORDERLY_S + guard.IMMEDIATE_S + 5.0


class GuardedProcess:
    """A running server; `status` is a descriptor that becomes readable when it has died."""

    def __init__(self, process: subprocess.Popen[bytes], *, lifeline: int, status: int) -> None:
        self._process = process
        self._lifeline: int | None = lifeline
        self.status = status

    @classmethod
    def launch(
        cls, command: list[str], *, account: Account, log_file: Path, cluster_lock: int
    ) -> GuardedProcess:
        """Start the guard, which starts `command`; both inherit the cluster's lock."""
        lifeline_reader, lifeline_writer = os.pipe()
        status_reader, status_writer = os.pipe()
        drop = (account.uid, account.gid) if account.drop else (-1, -1)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        log = os.open(log_file, flags, 0o600)
        try:
            process = subprocess.Popen(  # noqa: S603 - our own command line, no shell
                [
                    *(sys.executable, "-I", "-S", str(Path(guard.__file__).resolve())),
                    *(str(number) for number in (lifeline_reader, status_writer, *drop)),
                    *command,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=bare_environment(),
                pass_fds=(lifeline_reader, status_writer, cluster_lock),
                start_new_session=True,
            )
        except BaseException:
            os.close(lifeline_writer)
            os.close(status_reader)
            raise
        finally:
            for descriptor in (lifeline_reader, status_writer, log):
                os.close(descriptor)
        return cls(process, lifeline=lifeline_writer, status=status_reader)

    def wait(self, timeout_s: float | None) -> bool:
        """Tell whether the server has died within this time; None waits for ever."""
        return self.status in guard.readable([self.status], timeout_s)

    def stop(self, *, orderly: bool) -> None:
        """End the server, orderly or at once, and wait until it is gone. Call it once."""
        if self._lifeline is None:
            return
        if orderly:
            with suppress(BrokenPipeError):
                os.write(self._lifeline, b"o")
            self.wait(STOP_TIMEOUT_S)
        os.close(self._lifeline)
        self._lifeline = None
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self.status)
