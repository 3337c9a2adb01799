"""Asking several Horizon servers about accounts: the first that proves itself is asked, the next one when it fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta

from roadstead.clock import Clock
from roadstead.errors import Unavailable
from roadstead.stellar.accounts import AccountReader, AccountSigners, HorizonAccountReader
from roadstead.stellar.horizons import Finding, Horizons

PROOF_HOLDS_S = 10.0
"""How long a server that proved itself is asked without a new proof."""
LAG_MAX_S = 900.0
"""A server that is further behind is not believed: somebody whose key was taken off an account must stay out."""


class AccountsOfHorizons(AccountReader):
    """Implements `AccountReader` over the servers of `Horizons`. Nothing of an account is remembered."""

    def __init__(self, horizons: Horizons, readers: Sequence[HorizonAccountReader], clock: Clock) -> None:
        """Bind the servers and, in the same order, how each is asked about accounts."""
        self._horizons = horizons
        self._readers = dict(zip(horizons.servers, readers, strict=True))
        self._clock = clock
        self._finding: Finding | None = None
        self._proven_at_s = 0.0
        self._proving = asyncio.Lock()

    async def signers(self, account: str) -> AccountSigners | None:
        """Return who signs for the account G... now, or None when it does not exist.

        Raises:
            Unavailable: No server of the right network answers, or all that do lag too far behind.
        """
        tries_left = len(self._readers)
        while True:
            finding = await self._proven()
            try:
                return await self._readers[finding.horizon].signers(account)
            except Unavailable:
                self._horizons.failed(finding.horizon)
                self._finding = None
                tries_left -= 1
                if not tries_left:
                    raise

    async def close(self) -> None:
        """Close the connections; a later question opens new ones."""
        for reader in self._readers.values():
            await reader.close()

    async def _proven(self) -> Finding:
        async with self._proving:
            if self._finding is None or time.monotonic() - self._proven_at_s > PROOF_HOLDS_S:
                self._finding = await self._horizons.prove(None)
                self._proven_at_s = time.monotonic()
            finding = self._finding
        if self._clock.now() - finding.root.latest_ledger_closed_at > timedelta(seconds=LAG_MAX_S):
            raise Unavailable(
                "The Stellar network could not be asked who signs for the account: every Horizon lags. Nothing was "
                "decided: try again in a moment."
            )
        return finding
