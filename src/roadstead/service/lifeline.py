"""Die with the parent: a child given a lifeline ends when its supervisor does, however that happened."""

from __future__ import annotations

import os
import threading

LIFELINE_VARIABLE = "ROADSTEAD_LIFELINE_FD"
"""Number of the inherited read end of a pipe whose write end only the supervisor holds."""


def watch() -> None:
    """Watch the lifeline, if this process was given one; return at once.

    A daemon thread waits for the end of the pipe, which comes when the supervisor closes it or is killed, even with
    SIGKILL; the process then ends at once with status 1. What was not committed by then was not done, which every role
    has to survive anyway.
    """
    number = os.environ.pop(LIFELINE_VARIABLE, None)
    if number is None:
        return
    threading.Thread(target=_end_with, args=(int(number),), name="lifeline", daemon=True).start()


def _end_with(descriptor: int) -> None:
    while os.read(descriptor, 1):
        continue
    os._exit(1)
