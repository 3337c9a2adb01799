"""Randomness, injected: identifiers, memos, nonces and keys come from here."""

from __future__ import annotations

import random
import secrets
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

MEMO_MAX = 2**63 - 1
"""Our memos fit a signed 64-bit integer, so that every database and spreadsheet on the way keeps them whole."""


class Randomness(Protocol):
    """A source of random bytes."""

    def token_bytes(self, count: int) -> bytes:
        """Return `count` random bytes."""
        ...


@dataclass(frozen=True, slots=True)
class SystemRandomness:
    """The operating system's source, fit for keys."""

    def token_bytes(self, count: int) -> bytes:
        """Return `count` unpredictable bytes."""
        return secrets.token_bytes(count)


class SeededRandomness:
    """The same bytes for the same seed, so that a test or a simulation can be repeated. Never for keys."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose

    def token_bytes(self, count: int) -> bytes:
        """Return the next `count` bytes of the sequence."""
        return self._random.randbytes(count)


def new_id(randomness: Randomness) -> UUID:
    """Make an identifier that cannot be guessed (UUID version 4)."""
    return UUID(bytes=randomness.token_bytes(16), version=4)


def new_memo(randomness: Randomness) -> int:
    """Make a memo of type id between 1 and 2^63 - 1; uniqueness is the database's to promise."""
    while True:
        memo = int.from_bytes(randomness.token_bytes(8), "big") & MEMO_MAX
        if memo:
            return memo
