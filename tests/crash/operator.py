"""What an operator types while servers are killed; each command is killed at its boundaries too."""

from __future__ import annotations

from collections.abc import Iterator

from stellar_sdk import Keypair
from tests.crash.world import World


class Operator:
    """Gives every command that writes, and those that read, again and again."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._turn = 0

    def commands(self) -> Iterator[tuple[str, ...]]:
        """Name one round of commands."""
        self._turn += 1
        partner = f"Partner {self._turn}"
        yield ("partners", "add", partner, Keypair.random().public_key)
        yield ("partners", "hosts", partner, "--add", "localhost")
        yield ("partners", "disable", partner)
        if self._turn > 1:
            return
        yield ("partners", "list")
        for room in ("remittances", "payments", "callbacks"):
            yield (room, "list")
        yield ("payments", "undecodable")
