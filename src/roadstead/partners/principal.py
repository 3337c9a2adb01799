"""Who is calling: the identity that a SEP-10 token proves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The authenticated caller.

    A muxed account M... and its base account with the same id as memo are one and the same principal (SEP-10).
    """

    account: str
    """The base account, G..."""
    memo: int | None = None
    """The memo of the token, or the id of the muxed account; None for the account as a whole."""
    client_domain: str | None = None


class TokenReader(Protocol):
    """Reads the bearer tokens that the API issued."""

    def read(self, token: str) -> Principal:
        """Return who the token speaks for.

        Raises:
            Unauthenticated: The token is malformed, forged, expired, not yet valid, or from another issuer.
        """
        ...


class PartnerDirectory(Protocol):
    """Knows which accounts belong to active partners."""

    async def require_active(self, account: str) -> None:
        """Return when the account belongs to an active partner; what it says may be a second old.

        Raises:
            Forbidden: It belongs to none, or to a disabled one.
        """
        ...
