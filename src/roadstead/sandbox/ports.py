"""Ports of this machine: which are free, and a clear word when one is not."""

from __future__ import annotations

import random
import socket
from collections.abc import Collection
from pathlib import Path

from roadstead.errors import ConfigurationError

LOOPBACK = "127.0.0.1"
_LOWEST = 20_000
_HIGHEST = 32_767
_TRIES = 500
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
