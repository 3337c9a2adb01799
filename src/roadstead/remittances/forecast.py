"""When a remittance's status should change, as far as the bank's business days tell. Pure."""

from __future__ import annotations

from datetime import datetime

from roadstead.config.anchor import Anchor
from roadstead.rails.calendars import BusinessCalendar
from roadstead.remittances.states import RemittanceStatus
from roadstead.remittances.store import Remittance

_UNDER_WAY = frozenset({RemittanceStatus.PENDING_RECEIVER, RemittanceStatus.PENDING_EXTERNAL})


def seconds_until_change(anchor: Anchor, remittance: Remittance, now: datetime) -> int | None:
    """Return the seconds until the money of a paid remittance should be there (SEP-31 `status_eta`).

    What the bank has counts from when it took it on, what it has not from now. None where nobody can say: for another
    status, for a rail that never rests, and when the forecast is over.
    """
    if remittance.status not in _UNDER_WAY or remittance.funded_by is None:
        return None
    rail = anchor.rail(anchor.funding_method(remittance.funding_method).rail)
    terms = anchor.calendar(rail.calendar) if rail.calendar is not None else None
    if terms is None:
        return None
    with_bank = remittance.status is RemittanceStatus.PENDING_EXTERNAL
    settles_by = BusinessCalendar(terms).settles_by(remittance.status_at if with_bank else now)
    seconds = int((settles_by - now).total_seconds())
    return seconds if seconds > 0 else None
