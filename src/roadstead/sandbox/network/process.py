"""The network as a process of its own: arguments, the closing of ledgers, the server."""

import argparse
import asyncio
import contextlib
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
import uvicorn
import uvloop

from roadstead.clock import SystemClock
from roadstead.errors import ConfigurationError
from roadstead.service import lifeline

from .horizon.application import Horizon
from .horizon.face import Face
from .journal import Journal
from .network import DEFAULT_PASSPHRASE, Network, QueuePolicy, Terms

if TYPE_CHECKING:
    from .tls import Certificates

_log = structlog.get_logger()

_GRACE_S = 1
_KEEP_ALIVE_S = 75
_BACKLOG = 1024
_CLOSE_DEFAULT = "auto:1"
_INTERVAL_MIN_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """When ledgers close: every so many seconds, on submission, or only when asked (neither)."""

    every_s: float | None = None
    on_submit: bool = False


def parse_closing(text: str) -> Closing:
    """Read `auto:SECONDS`, `on-submit` or `manual`.

    Raises:
        ConfigurationError: It is none of these.
    """
    match text.partition(":"):
        case ("manual", "", ""):
            return Closing()
        case ("on-submit", "", ""):
            return Closing(on_submit=True)
        case ("auto", _, seconds):
            with contextlib.suppress(ValueError):
                every_s = float(seconds or "1")
                if _INTERVAL_MIN_S <= every_s <= 3600:  # noqa: PLR2004 - an hour
                    return Closing(every_s=every_s)
    raise ConfigurationError(
        f"--close {text!r} is not understood: use auto:SECONDS (0.1 to 3600), on-submit or manual."
    )


class Closer:
    """Closes ledgers in the event loop, in its own time or as soon as something waits."""

    def __init__(self, face: Face, closing: Closing) -> None:
        self._face = face
        self._closing = closing
        self._work = asyncio.Event()
        face.network.accepted_listeners.append(self._work.set)
        if face.network.pending.hashes:
            self._work.set()

    async def run(self) -> None:
        """Close ledgers until cancelled."""
        if self._closing.on_submit:
            await self._on_submit()
        elif self._closing.every_s is not None:
            await self._regularly(self._closing.every_s)
        else:
            await asyncio.Event().wait()

    async def _on_submit(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            await asyncio.sleep(0)
            if not self._face.paused:
                self._face.network.close()

    async def _regularly(self, every_s: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + every_s
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            due = max(due + every_s, loop.time())
            if not self._face.paused:
                self._face.network.close()


class _Server(uvicorn.Server):
    """A server that tells its streams to end before it waits for them."""

    def __init__(self, config: uvicorn.Config, face: Face) -> None:
        super().__init__(config)
        self._face = face
        self.broken = False

    def end_when_broken(self, closing: "asyncio.Task[None]") -> None:
        """A network that cannot close ledgers any more must not look alive."""
        if not closing.cancelled() and closing.exception() is not None:
            _log.error("network_closing_broken", exc_info=closing.exception())
            self.broken = True
            self.should_exit = True
            self._face.end()

    def handle_exit(self, sig: int, frame: object) -> None:
        """Begin the end."""
        self.should_exit = True
        asyncio.get_running_loop().call_soon_threadsafe(self._face.end)
        del sig, frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the process runs."""

    host: str
    port: int
    state: Path | None
    terms: Terms
    closing: Closing
    tls: bool
    submit_timeout_s: float
    stream_timeout_s: float


def parse_arguments(arguments: Sequence[str]) -> Options:
    """Read the command line; ends the process with a message where it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m roadstead.sandbox.network",
        description="An offline Stellar network with Horizon's interface.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, required=True, help="port to listen on; 0: a free one")
    parser.add_argument("--state", type=Path, help="folder to keep the network in")
    parser.add_argument("--passphrase", default=DEFAULT_PASSPHRASE, help="network passphrase")
    parser.add_argument("--close", default=_CLOSE_DEFAULT, help="auto:SECONDS, on-submit or manual")
    parser.add_argument(
        "--queue",
        choices=[policy.value for policy in QueuePolicy],
        default=QueuePolicy.CHAINS.value,
        help="waiting transactions per account: chains (protocol 19) or one (from 20 on)",
    )
    parser.add_argument(
        "--tls", action="store_true", help="serve https; the authority lies in the state folder"
    )
    parser.add_argument(
        "--submit-timeout",
        type=float,
        default=30.0,
        help="seconds a submission waits for its ledger before it is answered with 504",
    )
    parser.add_argument(
        "--stream-timeout", type=float, default=55.0, help="seconds until a stream says byebye"
    )
    given = parser.parse_args(arguments)
    terms = Terms(passphrase=given.passphrase, queue=QueuePolicy(given.queue))
    return Options(
        host=given.host,
        port=given.port,
        state=given.state,
        terms=terms,
        closing=parse_closing(given.close),
        tls=given.tls,
        submit_timeout_s=given.submit_timeout,
        stream_timeout_s=given.stream_timeout,
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        raise ConfigurationError(
            f"Cannot listen on {host}:{port}: {error.strerror}. Choose another --port."
        ) from error
    return listener


def _certificates(options: Options) -> "Certificates":
    """The certificates of the state folder, made there at the first start."""
    if options.state is None:
        raise ConfigurationError("--tls needs --state: the authority's certificate is kept there.")
    from .tls import certificates_in  # noqa: PLC0415 - slow to import, seldom needed

    return certificates_in(options.state, options.host)


async def serve(options: Options) -> int:
    """Run until told to stop; gives the exit code."""
    journal = None if options.state is None else Journal(options.state / "network.journal")
    network = Network.start(options.terms, SystemClock(), journal)
    face = Face(
        network,
        submit_timeout_s=options.submit_timeout_s,
        stream_timeout_s=options.stream_timeout_s,
    )
    closer = Closer(face, options.closing)
    listener = _listen(options.host, options.port)
    certificates = _certificates(options) if options.tls else None
    config = uvicorn.Config(
        Horizon(face),
        ssl_certfile=None if certificates is None else certificates.server,
        ssl_keyfile=None if certificates is None else certificates.key,
        loop="none",
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=_KEEP_ALIVE_S,
    )
    server = _Server(config, face)
    port = listener.getsockname()[1]
    closing = asyncio.create_task(closer.run())
    closing.add_done_callback(server.end_when_broken)
    scheme = "https" if options.tls else "http"
    sys.stdout.write(f"listening {scheme}://{options.host}:{port}\n")
    sys.stdout.flush()
    try:
        await server.serve(sockets=[listener])
    finally:
        closing.cancel()
        if journal is not None:
            journal.close()
    return 1 if server.broken else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the process; the exit code is 2 where the start is refused, 1 where it broke."""
    lifeline.watch()
    try:
        options = parse_arguments(sys.argv[1:] if arguments is None else arguments)
        with contextlib.suppress(KeyboardInterrupt):
            return uvloop.run(serve(options))
    except ConfigurationError as error:
        sys.stderr.write(f"{error.message}\n")
        return 2
    return 0
