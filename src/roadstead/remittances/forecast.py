"""When a remittance's status should change, as far as the bank's business days tell. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from roadstead.config.anchor import Anchor
from roadstead.rails.calendars import BusinessCalendar
from roadstead.remittances.states import RemittanceStatus
from roadstead.remittances.store import Remittance

_UNDER_WAY = frozenset({RemittanceStatus.PENDING_RECEIVER, RemittanceStatus.PENDING_EXTERNAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Carriage:
    """What carries the money of a remittance now."""

    rail: str
    """The rail that its payout is on, which may be a fallback."""
    handed_over_at: datetime | None
    """When the bank was handed it, or is going to be; None while no attempt is under way."""


def is_under_way(remittance: Remittance) -> bool:
    """Whether a remittance is paid and its money neither there nor given up, so that a forecast can be asked for."""
    return remittance.status in _UNDER_WAY and remittance.funded_by is not None


def seconds_until_change(
    anchor: Anchor, remittance: Remittance, now: datetime, *, carriage: Carriage | None = None
) -> int | None:
    """Return the seconds until the money of a paid remittance should be there (SEP-31 `status_eta`).

    The rail is the one that the payout is on; while there is no payout, the first one of the funding method. What the
    bank has counts from when it was handed over, what it has not from now. None where nobody can say: for another
    status, for a rail that never rests, and when the forecast is over.
    """
    if not is_under_way(remittance):
        return None
    rail = carriage.rail if carriage is not None else anchor.funding_method(remittance.funding_method).rail
    calendar = anchor.rail(rail).calendar
    terms = anchor.calendar(calendar) if calendar is not None else None
    if terms is None:
        return None
    with_bank = remittance.status is RemittanceStatus.PENDING_EXTERNAL
    handed_over_at = remittance.status_at if with_bank else now
    if with_bank and carriage is not None and carriage.handed_over_at is not None:
        handed_over_at = carriage.handed_over_at
    seconds = int((BusinessCalendar(terms).settles_by(handed_over_at) - now).total_seconds())
    return seconds if seconds > 0 else None
