"""Ports of this machine: which are free, and a clear word when one is not."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from roadstead.errors import ConfigurationError

LOOPBACK = "127.0.0.1"
_LOWEST = 20_000
_HIGHEST = 32_767
_TRIES = 500
_RELEASE_TIMEOUT_S = 5.0
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def is_free(port: int, *, host: str = LOOPBACK) -> bool:
    """Tell whether a server could listen on a port now.

    A port whose last connections are still closing counts as free, as it does for a server.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def require_free(port: int, *, purpose: str, remedy: str) -> None:
    """Check that a port can be used.

    Raises:
        ConfigurationError: Another program listens on it, or this user may not use it.
    """
    if is_free(port):
        return
    raise ConfigurationError(
        f"Port {port} for {purpose} cannot be used: another program listens on it, or it is reserved. {remedy}"
    )


def choose_free(*, taken: Collection[int]) -> int:
    """Choose a free port that is not in `taken`.

    It lies below the range from which the system numbers outgoing connections, so that a role that is restarted finds
    its port still free.

    Raises:
        ConfigurationError: None was found.
    """
    highest = min(_HIGHEST, _first_ephemeral() - 1)
    candidates = range(_LOWEST, highest) if highest > _LOWEST else range(_LOWEST, _HIGHEST)
    for _ in range(_TRIES):
        port = random.choice(candidates)  # noqa: S311 - no secret, only unlikely to meet a neighbour's choice
        if port not in taken and is_free(port):
            return port
    raise ConfigurationError(
        f"No free port was found between {candidates.start} and {candidates.stop}: end programs that listen there."
    )


def _first_ephemeral() -> int:
    try:
        return int(_EPHEMERAL_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return _HIGHEST + 1


async def settle(
    names: Mapping[str, str], *, given: Mapping[str, int], remembered: Mapping[str, int]
) -> dict[str, int]:
    """Decide the port of each of `names` (name to purpose): the given one, the remembered one, or a free one.

    A remembered port may for a moment still belong to the processes of an earlier run that was killed.

    Raises:
        ConfigurationError: A given or remembered port is in use.
    """
    ports: dict[str, int] = {}
    for name, purpose in names.items():
        if name in given:
            require_free(given[name], purpose=purpose, remedy="End that program or name another port.")
            ports[name] = given[name]
        elif name in remembered:
            await _await_free(remembered[name])
            remedy = "This sandbox used it before: end that program, or start with another state folder."
            require_free(remembered[name], purpose=purpose, remedy=remedy)
            ports[name] = remembered[name]
    taken = {*ports.values(), *given.values(), *remembered.values()}
    for name in names:
        if name not in ports:
            ports[name] = choose_free(taken=taken)
            taken.add(ports[name])
    if len(set(ports.values())) != len(ports):
        raise ConfigurationError("Two of the ports are the same: give each its own.")
    return ports


async def _await_free(port: int) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_RELEASE_TIMEOUT_S):
            while not is_free(port):  # noqa: ASYNC110 - no event tells when the system releases a port
                await asyncio.sleep(0.1)
