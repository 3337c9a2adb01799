"""Choosing the rail of a payout: the first of its funding method that carries the amount, then the fallbacks. Pure.

A fallback is taken only when the rail before has definitely refused, and only for a reason that lies in that rail: it
cannot carry the amount, it is closed, our account behind it is empty, or our instruction does not suit its form. What
is wrong with the receiving client's account or data is as wrong elsewhere, what the law may forbid is not sent another
way round, and after a duplicate or without a reason nobody knows that nothing was paid.
"""

from __future__ import annotations

from dataclasses import dataclass

from roadstead.config.anchor import Anchor
from roadstead.money import Money
from roadstead.payouts.reason_codes import ActionClass

LIES_IN_THE_RAIL = frozenset(
    {ActionClass.OVER_LIMIT, ActionClass.OUR_FUNDS, ActionClass.OUR_FORMAT, ActionClass.TRY_LATER}
)
"""The classes of reasons that another rail may cure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """Where a payout can go on from its rail."""

    onward: str | None = None
    """The next rail of its funding method that carries the amount."""
    back: str | None = None
    """The rail before that only could not at the time, with which the next round begins."""


def first_rail(anchor: Anchor, method_name: str, amount: Money) -> str:
    """Return the rail with which a payout begins: the first that carries the amount, or the first of all.

    Raises:
        BadInput: The anchor has no such funding method.
    """
    rails = anchor.rails_of(method_name)
    return next((rail.name for rail in rails if rail.carries(amount)), rails[0].name)


def next_rail(anchor: Anchor, method_name: str, current: str, amount: Money) -> str | None:
    """Return the first rail after the current one that carries the amount; None when there is none.

    A payout whose rail is no longer of its funding method stays where it is.

    Raises:
        BadInput: The anchor has no such funding method.
    """
    rails = anchor.rails_of(method_name)
    names = [rail.name for rail in rails]
    if current not in names:
        return None
    return next((rail.name for rail in rails[names.index(current) + 1 :] if rail.carries(amount)), None)
