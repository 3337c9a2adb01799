from __future__ import annotations

import select
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.fixtures.forking import Forked, fork

START_DEADLINE_S = 20


@dataclass
class Server:
    """A network process and where it listens."""

    process: Forked
    url: str

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=5)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=5)


def read_line(process: Forked) -> str:
    ready, _, _ = select.select([process.stdout], [], [], START_DEADLINE_S)
    if not ready:
        process.kill()
        raise AssertionError("the network process did not start in time")
    return process.stdout.readline().decode().strip()


def launch(*arguments: str | Path) -> Server:
    process = fork("roadstead.sandbox.network", "--port", "0", *map(str, arguments))
    line = read_line(process)
    assert line.startswith("listening "), line
    return Server(process, line.removeprefix("listening "))


Starter = Callable[..., Server]


@pytest.fixture
def start() -> Iterator[Starter]:
    """Starts network processes and ends whatever is left of them."""
    servers: list[Server] = []

    def starting(*arguments: str | Path) -> Server:
        server = launch(*arguments)
        servers.append(server)
        return server

    yield starting
    for server in servers:
        server.process.close()


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Server]:
    """One network for all tests that do not mind each other; ledgers close on submission."""
    server = launch("--close", "on-submit")
    yield server
    server.process.close()
