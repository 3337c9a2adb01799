"""What every kind of operation is described by."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from roadstead.sandbox.network.ledger.assets import AccountId
from roadstead.sandbox.network.ledger.balances import Terms
from roadstead.sandbox.network.ledger.outcome import OUTER, Outcome, refused, refused_outside
from roadstead.sandbox.network.ledger.overlay import Overlay
from roadstead.sandbox.network.ledger.reserves import ReserveProblem, Sponsorships
from roadstead.sandbox.network.ledger.state import Account

LOW = 1
MEDIUM = 2
HIGH = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What a static check may look at. `body` is the decoded operation of the rule's own type."""

    body: Any
    source: AccountId
    terms: Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """An operation at its turn: what it may read and change."""

    body: Any
    source: AccountId
    view: Overlay
    terms: Terms
    sponsorships: Sponsorships
    transaction_source: AccountId
    transaction_sequence: int
    index: int

    def source_account(self) -> Account:
        """The acting account, recorded as used. It exists: that was checked before."""
        account = self.view.account(self.source)
        if account is None:
            raise LookupError("The source of an operation left the ledger while it ran.")
        return account


def medium(_body: Any) -> int:
    """The threshold of most operations."""
    return MEDIUM


def low(_body: Any) -> int:
    """The threshold of what hurts nobody."""
    return LOW


def high(_body: Any) -> int:
    """The threshold of what changes who controls an account."""
    return HIGH


def never_malformed(_check: Check) -> IntEnum | None:
    """For operations without a static check."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One kind of operation: its name in Horizon, its threshold, its check and its effect."""

    name: str
    apply: Callable[[Turn], Outcome]
    check: Callable[[Check], IntEnum | None] = never_malformed
    threshold: Callable[[Any], int] = medium
    supported: bool = True


def unpaid(problem: ReserveProblem, low_reserve: IntEnum) -> Outcome:
    """The outcome for an entry whose reserve nobody can pay."""
    match problem:
        case ReserveProblem.LOW_RESERVE:
            return refused(low_reserve)
        case ReserveProblem.TOO_MANY_SUBENTRIES:
            return refused_outside(OUTER.opTOO_MANY_SUBENTRIES)
        case ReserveProblem.TOO_MANY_SPONSORING:
            return refused_outside(OUTER.opTOO_MANY_SPONSORING)
