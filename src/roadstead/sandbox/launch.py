"""Become another program, one that the kernel ends together with its parent (Linux).

    launch.py PARENT PROGRAM [ARGUMENT...]

Run as a script, with nothing but the standard library. A pipe already tells the sandbox's processes that their
supervisor is gone (`roadstead.service.lifeline`), but only once they listen, and not while they are stopped. Asking the
kernel between fork and exec would run Python in a copy of a process with threads, which is not safe; a program of its
own is.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

CANNOT_RUN = 127
_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Become the program; return only when that cannot be done or the parent is gone already."""
    parent, program = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        return 1
    try:
        os.execv(program[0], program)  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.stderr.write(f"{program[0]} cannot be run: {error.strerror}\n")
        return CANNOT_RUN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
