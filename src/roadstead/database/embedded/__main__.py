"""Run the embedded PostgreSQL in the foreground until told to stop.

    python -m roadstead.database.embedded --state DIR [--port N]

Prints one line with the database URL when it is ready. SIGTERM, SIGINT and the end of the
lifeline stop it in order, with status 0, at any moment of its life; the death of the server ends
it with status 1.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path
from typing import NoReturn

import structlog

from roadstead.database.embedded.server import EmbeddedPostgres
from roadstead.errors import RoadsteadError

LIFELINE_VARIABLE = "ROADSTEAD_LIFELINE_FD"
"""Number of the inherited read end of a pipe whose write end only the supervisor holds."""

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

_log = structlog.get_logger(__name__)


def main() -> int:
    """Run until a signal, the end of the lifeline, or the death of the server."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    parser = argparse.ArgumentParser(prog="python -m roadstead.database.embedded")
    parser.add_argument("--state", type=Path, required=True, help="the state folder")
    parser.add_argument("--port", type=int, help="insist on this TCP port of 127.0.0.1")
    arguments = parser.parse_args()
    for number in STOP_SIGNALS:
        signal.signal(number, _stop)
    _watch_lifeline()
    server = EmbeddedPostgres(arguments.state, port=arguments.port)
    try:
        url = server.start()
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        server.wait()
        _log.error("embedded_database_died", log_file=str(server.log_file))
    except RoadsteadError as error:
        sys.stderr.write(f"{error}\n")
    finally:
        server.stop()
    return 1


def _stop(_number: int, _frame: object) -> NoReturn:
    """Leave through `finally`; further signals do not cut the shutdown short."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise SystemExit(0)


def _watch_lifeline() -> None:
    descriptor = os.environ.pop(LIFELINE_VARIABLE, None)
    if descriptor is not None:
        threading.Thread(target=_stop_at_end_of, args=(int(descriptor),), daemon=True).start()


def _stop_at_end_of(descriptor: int) -> None:
    while os.read(descriptor, 1):
        continue
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
