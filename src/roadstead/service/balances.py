"""Looking for claimable balances that others made for the distribution account."""

from __future__ import annotations

import time

import structlog

from roadstead.database.pool import Database
from roadstead.payments.claimable import ClaimableBalance, read_balance, store_balances
from roadstead.service import metrics
from roadstead.service.leases import Leadership
from roadstead.stellar.horizon import PAGE_RECORDS_MAX, Horizon
from roadstead.stellar.horizons import Finding, Standing
from roadstead.stellar.records import token_of

log = structlog.get_logger()

LOOK_EVERY_S = 60.0
PAGES_MAX = 10
"""Anybody may make balances for us, as many as they pay reserves for; beyond these pages they are not listed."""


class BalanceWatch:
    """Lists claimable balances now and then. One instance serves one observer."""

    def __init__(
        self, *, account: str, database: Database, leadership: Leadership, every_s: float = LOOK_EVERY_S
    ) -> None:
        """Bind the parts together; the first look is due at once."""
        self._account = account
        self._database = database
        self._leadership = leadership
        self._every_s = every_s
        self._due_at_s = 0.0

    def hurry(self) -> None:
        """Look at the next occasion: somebody made a balance."""
        self._due_at_s = 0.0

    async def look(self, finding: Finding) -> None:
        """List the balances if that is due, and store them; only a server that is up to date tells what is gone.

        Raises:
            HorizonFault: There is no good answer.
        """
        if time.monotonic() < self._due_at_s:
            return
        self._due_at_s = time.monotonic() + self._every_s
        balances, is_all = await self._listed(finding.horizon)
        async with self._database.transaction() as connection:
            await self._leadership.confirm(connection)
            new = await store_balances(
                connection, self._account, balances, is_all=is_all and finding.standing is Standing.FRESH
            )
        metrics.balances_offered.inc(new)
        if new:
            log.info("claimable_balances_seen", count=new)

    async def _listed(self, horizon: Horizon) -> tuple[list[ClaimableBalance], bool]:
        found: dict[str, ClaimableBalance] = {}
        cursor: str | None = None
        for _ in range(PAGES_MAX):
            page = await horizon.claimable_balances(self._account, cursor)
            for record in page.records:
                balance = read_balance(record, self._account)
                if balance is None:
                    log.warning("claimable_balance_unreadable", bytes=len(record))
                    continue
                found[balance.id] = balance
            if len(page.records) < PAGE_RECORDS_MAX:
                return list(found.values()), True
            cursor = token_of(page.records[-1])
            if cursor is None:
                break
        return list(found.values()), False
