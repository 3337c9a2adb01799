"""Run the embedded PostgreSQL in the foreground until told to stop.

    python -m roadstead.database.embedded --state DIR [--port N]

Prints one line with the database URL when it is ready. SIGTERM, SIGINT and the end of the
lifeline stop it in order, with status 0; the death of the server ends it with status 1.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import sys
from pathlib import Path

import structlog

from roadstead.database.embedded.server import EmbeddedPostgres
from roadstead.errors import RoadsteadError

LIFELINE_VARIABLE = "ROADSTEAD_LIFELINE_FD"
"""Number of the inherited read end of a pipe whose write end only the supervisor holds."""

_log = structlog.get_logger(__name__)


def main() -> int:
    """Run until a signal, the end of the lifeline, or the death of the server."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    parser = argparse.ArgumentParser(prog="python -m roadstead.database.embedded")
    parser.add_argument("--state", type=Path, required=True, help="the state folder")
    parser.add_argument("--port", type=int, help="insist on this TCP port of 127.0.0.1")
    arguments = parser.parse_args()
    stop_reader = _catch_stop_signals()
    lifeline = os.environ.pop(LIFELINE_VARIABLE, None)
    watched = [stop_reader] if lifeline is None else [stop_reader, int(lifeline)]
    server = EmbeddedPostgres(arguments.state, port=arguments.port)
    try:
        url = server.start()
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        return _wait(server, watched)
    except RoadsteadError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        server.stop()


def _wait(server: EmbeddedPostgres, watched: list[int]) -> int:
    died = server.death_notice()
    while True:
        readable, _, _ = select.select([died, *watched], [], [])
        if died in readable:
            _log.error("embedded_database_died", log_file=str(server.log_file))
            return 1
        # The lifeline carries no data; a byte on it means nothing, its end means stop.
        for descriptor in readable:
            if descriptor == watched[0] or not os.read(descriptor, 1):
                return 0


def _catch_stop_signals() -> int:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    return reader


if __name__ == "__main__":
    sys.exit(main())
