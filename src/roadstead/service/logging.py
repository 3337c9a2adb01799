"""Logs: one line an event, JSON for machines or text for people, with everything that looks like a secret masked.

What is logged is ids, counts and states. The mask is the last line of defence, not a licence: it works on the finished
line, so that it also sees what a library put into an exception. A line that cannot be written is dropped; logging never
fails what it reports on.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

import msgspec
import structlog
from structlog.typing import EventDict, WrappedLogger

from roadstead.clock import Clock, SystemClock, utc_text

MASK = b"[masked]"

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_QUIET = ("aiohttp.access", "uvicorn.access")
"""Loggers that would tell of each request once more."""

_STELLAR_SEED = re.compile(rb"S[A-Z2-7]{55}(?![A-Za-z0-9])")
_INSIDE_A_WORD = re.compile(rb"(?<!\\)[A-Za-z0-9]\Z")
_AFTER_AN_ESCAPE = re.compile(rb"\\(?:[bfnrt]|x[0-9a-f]{2}|u[0-9A-Fa-f]{4})\Z")
_TOKEN = re.compile(rb"eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?")
_BEARER = re.compile(rb"(bearer)(?:\s|%20|\+)+[\w.~+/=-]+", re.IGNORECASE)
_PASSWORD_IN_URL = re.compile(rb"(://[^/\s:@\"]*:)[^/\s@\"]+(?=@)")
# PostgreSQL quotes the refused row there, whatever is in it.
_DATABASE_DETAIL = re.compile(r"^DETAIL:.*$", re.MULTILINE)


def configure_logging(
    *,
    level: str,
    log_format: str,
    role: str,
    version: str,
    clock: Clock | None = None,
    output: BinaryIO | None = None,
) -> None:
    """Set up the logs of this process, those of libraries included. Call it once, before the first line is logged.

    `level` is debug, info, warning or error; `log_format` is json or text. The output is standard error unless another
    is given.
    """
    severity = _LEVELS[level]
    render = _json_renderer(role, version) if log_format == "json" else _text_renderer(role)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _time_stamper(clock or SystemClock()),
            structlog.processors.format_exc_info,
            _without_database_detail,
            render,
            _mask_line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(severity),
        logger_factory=_sink_factory(output or sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    logging.root.handlers[:] = [_Bridge()]
    logging.root.setLevel(severity)
    logging.captureWarnings(True)
    for name in ("uvicorn", "uvicorn.error", "asyncio"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in _QUIET:
        logging.getLogger(name).disabled = True


def mask(line: bytes) -> bytes:
    """Replace what looks like a Stellar seed, a token, a bearer header or a password in a URL."""
    line = _STELLAR_SEED.sub(_mask_seed, line)
    # Searching for the plain text first is ten times faster than the patterns, and nearly always the end of it.
    if b"eyJ" in line:
        line = _TOKEN.sub(MASK, line)
    if b"bearer" in line.lower():
        line = _BEARER.sub(rb"\1 " + MASK, line)
    if b"://" in line:
        line = _PASSWORD_IN_URL.sub(rb"\1" + MASK, line)
    return line


def _mask_seed(found: re.Match[bytes]) -> bytes:
    """Mask a seed, but leave an address M... that happens to contain one's form readable."""
    before = found.string[max(0, found.start() - 6) : found.start()]
    if _INSIDE_A_WORD.search(before) and not _AFTER_AN_ESCAPE.search(before):
        return found.group()
    return MASK


def _time_stamper(clock: Clock) -> structlog.typing.Processor:
    def stamp(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["timestamp"] = utc_text(clock.now())
        return event

    return stamp


def _without_database_detail(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if "exception" in event:
        event["exception"] = _DATABASE_DETAIL.sub("DETAIL: [left out]", str(event["exception"]))
    return event


def _json_renderer(role: str, version: str) -> structlog.typing.Processor:
    encoder = msgspec.json.Encoder(enc_hook=repr, decimal_format="string")

    def render(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
        line = {
            "timestamp": event.pop("timestamp"),
            "level": event.pop("level"),
            "role": role,
            "version": version,
            "event": event.pop("event", None),
            **event,
        }
        try:
            return encoder.encode(line)
        except (TypeError, ValueError, RecursionError):
            # A key that is no text, half a surrogate, or a value that contains itself.
            return encoder.encode({ascii(key): ascii(value) for key, value in line.items()})

    return render


def _text_renderer(role: str) -> structlog.typing.Processor:
    console = structlog.dev.ConsoleRenderer(colors=False)

    def render(logger: WrappedLogger, method: str, event: EventDict) -> bytes:
        event["event"] = f"[{role}] {event.get('event')}"
        return str(console(logger, method, event)).encode(errors="backslashreplace")

    return render


def _mask_line(_logger: WrappedLogger, _method: str, line: Any) -> bytes:
    return mask(line)


def _sink_factory(output: BinaryIO) -> Callable[..., _Sink]:
    sink = _Sink(output)

    def make(*_: object) -> _Sink:
        return sink

    return make


class _Sink:
    """Writes finished lines, whatever their level."""

    __slots__ = ("_output",)

    def __init__(self, output: BinaryIO) -> None:
        self._output = output

    def write(self, line: bytes) -> None:
        """Write one line at once; drop it when nobody reads any more."""
        try:
            self._output.write(line + b"\n")
            self._output.flush()
        except (OSError, ValueError):
            return

    debug = info = warning = error = critical = exception = msg = write


class _Bridge(logging.Handler):
    """Sends what libraries log through the same processors."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record of the standard library."""
        try:
            structlog.get_logger().log(
                record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info
            )
        except Exception:  # noqa: BLE001 - a library's malformed record must not break the library
            structlog.get_logger().warning("log_record_malformed", logger=record.name)
