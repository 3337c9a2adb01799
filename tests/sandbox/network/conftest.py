from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

START_DEADLINE_S = 20


@dataclass
class Server:
    """A network process and where it listens."""

    process: subprocess.Popen[bytes]
    url: str

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=5)


def read_line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], START_DEADLINE_S)
    if not ready:
        process.kill()
        raise AssertionError("the network process did not start in time")
    return process.stdout.readline().decode().strip()


def launch(*arguments: str | Path) -> Server:
    command = [sys.executable, "-m", "roadstead.sandbox.network", "--port", "0"]
    process = subprocess.Popen(
        [*command, *map(str, arguments)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
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
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()
        if server.process.stdout is not None:
            server.process.stdout.close()


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Server]:
    """One network for all tests that do not mind each other; ledgers close on submission."""
    server = launch("--close", "on-submit")
    yield server
    server.kill()
    if server.process.stdout is not None:
        server.process.stdout.close()
