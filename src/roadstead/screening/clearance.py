"""Whether money may go out to and from customers: the question that stands before every attempt to pay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from roadstead.config.effective import Configuration
from roadstead.database.pool import Connection
from roadstead.screening import lists_store, store
from roadstead.screening.protocol import ListState


class Clearance(StrEnum):
    """What screening says of a payout."""

    CLEAR = "clear"
    """It may go out."""
    AWAITED = "awaited"
    """A party has to be screened first; it is, before all others."""
    STALE = "stale"
    """A list that is needed is missing or too old."""
    BLOCKED = "blocked"
    """People have to decide whether a party is whom a list names, or decided that it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What has to be there before money goes out."""

    is_on: bool
    lists: tuple[str, ...]
    """Names of lists that are needed."""
    age_max: timedelta | None
    """How old each of them may be; None when they never grow too old."""


def requirements_of(configuration: Configuration) -> Requirements:
    """Take the requirements from a configuration."""
    settings = configuration.settings
    return Requirements(
        is_on=settings.screening, lists=settings.screening_lists, age_max=configuration.list_age_max
    )


def stale_lists(requirements: Requirements, lists: Sequence[ListState], now: datetime) -> Mapping[str, str]:
    """Return the lists that stop payouts, each with what is wrong with it. Pure."""
    if not requirements.is_on:
        return {}
    known = {one.name: one for one in lists}
    found: dict[str, str] = {}
    for name in requirements.lists:
        state = known.get(name)
        if state is None:
            found[name] = "was never imported"
        elif requirements.age_max is not None and now - state.current_at > requirements.age_max:
            found[name] = f"was last imported or confirmed at {state.current_at:%Y-%m-%d %H:%M} UTC"
    return found


async def clearance(
    connection: Connection, customer_ids: Sequence[UUID], requirements: Requirements, now: datetime
) -> Clearance:
    """Say whether money may go out now. Who is found to wait is screened before all others.

    What people have not decided, or confirmed, blocks also where screening is switched off meanwhile.
    """
    standings = await store.standings(connection, customer_ids)
    if any(one.is_blocked for one in standings):
        return Clearance.BLOCKED
    if not requirements.is_on:
        return Clearance.CLEAR
    waiting = [one.customer_id for one in standings if not one.is_current]
    if waiting:
        await store.await_screening(connection, waiting)
    if stale_lists(requirements, await lists_store.states(connection), now):
        return Clearance.STALE
    return Clearance.AWAITED if waiting else Clearance.CLEAR
