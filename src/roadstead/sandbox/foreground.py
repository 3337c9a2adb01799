"""Running something in the foreground until it is done or somebody stops it."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Coroutine
from typing import Any

from roadstead.errors import ConfigurationError, RoadsteadError

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SIGNAL_STATUS = 128
_EXIT_REFUSED = 1
_EXIT_CONFIGURATION = 2


async def in_foreground(body: Coroutine[Any, Any, int]) -> int:
    """Run a coroutine to its end and return its status; every stop signal cancels it.

    When the body lets the cancellation through, the status is 128 and the signal's number, as in a shell; a body that
    was content to be stopped catches it and returns its own.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(body)
    received: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        received.append(number)
        task.cancel()

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not received:
            raise
        return _SIGNAL_STATUS + received[0]
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)


def run_in_foreground(body: Coroutine[Any, Any, int]) -> int:
    """Run a coroutine as a program does: until it ends or a signal stops it; tell its errors, return its status."""
    try:
        return asyncio.run(in_foreground(body))
    except RoadsteadError as error:
        return refusal(error)


def refusal(error: RoadsteadError) -> int:
    """Tell a person why something was not done, and return the exit status for that."""
    sys.stderr.write(f"{error.message}\n")
    return _EXIT_CONFIGURATION if isinstance(error, ConfigurationError) else _EXIT_REFUSED
