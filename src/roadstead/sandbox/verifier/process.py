"""The provider as a process: reads its arguments, serves until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import uvicorn
import uvloop

from roadstead.clock import SystemClock
from roadstead.errors import ConfigurationError, RoadsteadError
from roadstead.sandbox.verifier.api import ProviderApi
from roadstead.sandbox.verifier.faults import FaultPlan
from roadstead.sandbox.verifier.journal import Journal
from roadstead.sandbox.verifier.provider import Provider
from roadstead.sandbox.verifier.ringing import Bell

SECRET_VARIABLE = "ROADSTEAD_SIMULATED_VERIFIER_SECRET"  # noqa: S105 - the name of a variable

_DELAY_MAX_S = 24 * 3600


def arguments(texts: Sequence[str]) -> Namespace:
    """Read the command line."""
    parser = ArgumentParser(
        prog="python -m roadstead.sandbox.verifier",
        description=f"A simulated provider that verifies customers. {SECRET_VARIABLE} is the shared secret.",
    )
    parser.add_argument("--port", type=int, required=True, help="TCP port; 0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="loopback address to listen on")
    parser.add_argument("--state", type=Path, help="folder of the journal; without it, state is in memory")
    parser.add_argument("--notify", metavar="URL", help="rings at URL/<verifier>/events")
    parser.add_argument("--delay", type=float, default=1.0, metavar="SECONDS", help="until it decides")
    return parser.parse_args(texts)


def run(texts: Sequence[str]) -> int:
    """Run the provider until it is told to end; return the exit status."""
    options = arguments(texts)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(options))
    except RoadsteadError as error:
        os.write(2, f"{error.message}\n".encode())
        return 1
    return 0


class _Server(uvicorn.Server):
    """Announces itself when it listens, and ends at the first signal: the journal needs no farewell."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        for listener in sockets or []:
            host, port, *_ = listener.getsockname()
            os.write(1, f"listening http://{host}:{port}\n".encode())

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.end)
        yield

    def end(self) -> None:
        """End without waiting for idle connections."""
        self.should_exit = True
        self.force_exit = True


async def _serve(options: Namespace) -> None:
    secret = os.environ.get(SECRET_VARIABLE, "")
    if not secret:
        raise ConfigurationError(
            f"{SECRET_VARIABLE} is missing: set it to the secret shared with the anchor."
        )
    if options.host != "localhost" and not ip_address(options.host).is_loopback:
        raise ConfigurationError(
            "The simulated verifier's side door is open to everybody: listen on 127.0.0.1."
        )
    if not 0 <= options.delay <= _DELAY_MAX_S:
        raise ConfigurationError(f"A delay is 0 to {_DELAY_MAX_S} seconds.")
    journal, clock, plan = Journal(options.state), SystemClock(), FaultPlan()
    shared = secret.encode()
    try:
        provider = Provider(journal=journal, clock=clock, delay=timedelta(seconds=options.delay), salt=shared)
        bell = Bell(provider=provider, plan=plan, address=options.notify, secret=shared, clock=clock)
        api = ProviderApi(provider=provider, plan=plan, secret=shared, clock=clock)
        await _serve_until_told(api, bell, _listen(options.host, options.port))
    finally:
        journal.close()


async def _serve_until_told(api: ProviderApi, bell: Bell, listener: socket.socket) -> None:
    config = uvicorn.Config(
        api.application(), ws="none", lifespan="off", log_config=None, access_log=False, server_header=False
    )
    server = _Server(config)
    ringing = asyncio.create_task(bell.run())
    ringing.add_done_callback(lambda _: server.end())
    await server.serve(sockets=[listener])
    ringing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await ringing


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise ConfigurationError(f"The verifier cannot listen on {host}:{port}: {error.strerror}.") from error
