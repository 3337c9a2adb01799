"""A TCP port of 127.0.0.1 that nobody listens on."""

from __future__ import annotations

import secrets
import socket

from roadstead.errors import Unavailable

LOWEST = 20_000
HIGHEST = 32_000
"""Below the ports that Linux gives to outgoing connections, which come and go at random."""

TRIES = 200


def is_free(port: int) -> bool:
    """Tell whether PostgreSQL could listen on this port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose_port() -> int:
    """Return a random port that is free now.

    Raises:
        Unavailable: none was found in a bounded number of tries.
    """
    for _ in range(TRIES):
        port = LOWEST + secrets.randbelow(HIGHEST - LOWEST)
        if is_free(port):
            return port
    raise Unavailable(
        f"no free TCP port of 127.0.0.1 was found between {LOWEST} and {HIGHEST} for the embedded"
        " database: end some servers, or ask for a port of your own"
    )
