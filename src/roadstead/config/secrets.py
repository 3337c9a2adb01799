"""Secrets that do not slip out: a value that shows itself only when asked by name."""

from __future__ import annotations

import hmac
from typing import Never

MASK = "********"


class Secret:
    """A text that must not be seen: `reveal` is the only way to it.

    Printing, formatting and logging show a mask; comparing takes the same time wherever two values differ. It cannot
    be pickled, so that it does not travel to other processes by accident.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself. Hand it to the one call that needs it and keep no copy."""
        return self._value

    def __repr__(self) -> str:
        """Show that a secret is here, and nothing of it."""
        return f"Secret({MASK})"

    def __str__(self) -> str:
        """Show that a secret is here, and nothing of it."""
        return MASK

    def __format__(self, specification: str) -> str:
        """Show that a secret is here, and nothing of it."""
        return format(MASK, specification)

    def __eq__(self, other: object) -> bool:
        """Compare two secrets in constant time; a secret equals nothing that is no secret."""
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        """Hash by the value, as equality demands; Python salts it differently in every process."""
        return hash((Secret, self._value))

    def __reduce__(self) -> Never:
        """Refuse to be pickled."""
        raise TypeError("A secret cannot be pickled: hand over the name of its setting and read it there.")
