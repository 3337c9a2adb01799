"""When the data of a deleted customer may be erased. Pure rules over the table of retention and what happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from roadstead.config.retention_terms import RetentionCategory, RetentionStart, RetentionTerms, retention_of


class Cause(StrEnum):
    """Why data are still kept."""

    UNDER_WAY = "A transaction of this customer is under way and has to be finished first."
    SERVED = "Money was sent or received: the law asks that the data are kept, and only for that they are."
    LAW = "The law asks that the data are kept, and only for that they are."


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What decides how long a customer's data are kept."""

    restricted_at: datetime
    open_remittances: int
    served_until: datetime | None
    """When the last remittance that was paid for ended, or moved last; None for who never sent or received money."""
    is_held: bool
    """Whether a legal hold stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a customer may be erased now, and if not, why and until when."""

    cause: Cause | None
    """None means now."""
    until: datetime | None = None
    """None where nobody can say yet. A legal hold is not told: it may be secret."""


def judge(standing: Standing, table: tuple[RetentionTerms, ...], now: datetime) -> Verdict:
    """Tell whether a restricted customer's data may be erased now."""
    if standing.open_remittances:
        return Verdict(cause=Cause.UNDER_WAY)
    due_at = erase_at(standing, table)
    if due_at > now:
        return Verdict(cause=Cause.LAW if standing.served_until is None else Cause.SERVED, until=due_at)
    return Verdict(cause=Cause.LAW if standing.is_held else None)


def erase_at(standing: Standing, table: tuple[RetentionTerms, ...]) -> datetime:
    """Return when the retention of a customer without a remittance under way is over, a legal hold apart."""
    is_served = standing.served_until is not None
    terms = retention_of(table, RetentionCategory.SERVED if is_served else RetentionCategory.UNSERVED)
    start = standing.restricted_at
    if terms.start is RetentionStart.LAST_REMITTANCE and standing.served_until is not None:
        start = standing.served_until
    return start + timedelta(days=terms.days)
