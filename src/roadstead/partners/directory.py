"""Which accounts belong to active partners, asked at every request and therefore remembered for a second."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from roadstead.clock import Clock
from roadstead.database.pool import Database
from roadstead.errors import Forbidden
from roadstead.partners import store

REMEMBERED_FOR = timedelta(seconds=1)
REMEMBERED_MAX = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    active: bool
    asked_at: datetime


class CachedPartnerDirectory:
    """Asks the database who is a partner, at most once a second for each account; implements `PartnerDirectory`.

    Both answers are remembered, in bounded number. When the database is away nobody is let in on an old answer.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        support_email: str | None = None,
        remembered_max: int = REMEMBERED_MAX,
    ) -> None:
        """Take the address that refused callers are sent to, where there is one."""
        self._database = database
        self._clock = clock
        self._remembered_max = remembered_max
        self._findings: dict[str, _Finding] = {}
        contact = (
            f"write to {support_email}" if support_email else "contact the support named in stellar.toml"
        )
        self._refusal = (
            f"This account belongs to no active partner of this anchor. To become one, or if you are one, {contact} "
            "and name the account."
        )

    async def require_active(self, account: str) -> None:
        """Return when the account belongs to an active partner; what it says may be a second old.

        Raises:
            Forbidden: It belongs to none, or to a disabled one.
            Unavailable: The database does not answer, so that it is not known.
        """
        now = self._clock.now()
        finding = self._findings.get(account)
        # A clock that was set back must not make an answer last.
        if finding is None or not timedelta(0) <= now - finding.asked_at < REMEMBERED_FOR:
            finding = await self._ask(account, now)
        if not finding.active:
            raise Forbidden(self._refusal)

    async def _ask(self, account: str, now: datetime) -> _Finding:
        self._findings.pop(account, None)
        async with self._database.connection() as connection:
            finding = _Finding(active=await store.is_active(connection, account), asked_at=now)
        if len(self._findings) >= self._remembered_max:
            del self._findings[next(iter(self._findings))]
        self._findings[account] = finding
        return finding
