"""What people may say of a line in suspense, and what they agree to. Pure.

A line is money of one of a closed list of purposes, each with its account of the books, or it belongs to a payout. Then
it means what a matched line means, and nothing else: what could not have been matched cannot be resolved so either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from roadstead.config.anchor import Anchor
from roadstead.config.rail_terms import SUSPENSE_AGE_MAX_S, RailDeclaration
from roadstead.ledger import chart
from roadstead.ledger.postings import Posting, line_matched, line_resolved
from roadstead.money import Money
from roadstead.rails.protocol import RailStatus
from roadstead.statements.matching import Line, Matched, Named

RESOLVE = "resolve"
CORRECT = "correct"
NEWS_APPROVALS = 2
"""How many people have to agree to what moves a payout: as many as state what became of one."""


class Purpose(StrEnum):
    """What a line in suspense may turn out to be."""

    BANK_FEE = "bank_fee"
    """What the bank charges, or gives back of it."""
    INTEREST = "interest"
    """Interest, paid or taken."""
    OWN_TRANSFER = "own_transfer"
    """A top-up from, or a sweep to, another account of ours."""
    CAPITAL = "capital"
    """Money that owners put in or take out."""
    TOKEN_SALE = "token_sale"  # noqa: S105 - it says what was sold
    """Money for tokens that were sold to a partner, or taken back from one."""
    BANK_ERROR = "bank_error"
    """A mistake of the bank's, or the line that takes one back."""
    WRITE_OFF = "write_off"
    """Money that is gone and given up; never money that came in, which belongs to somebody."""
    PAYOUT = "payout"
    """The debit or the return of a payout."""


ACCOUNTS: Mapping[Purpose, str] = {
    Purpose.BANK_FEE: chart.BANK_FEES,
    Purpose.INTEREST: chart.INTEREST,
    Purpose.OWN_TRANSFER: chart.OWN_TRANSFERS,
    Purpose.CAPITAL: chart.CAPITAL,
    Purpose.TOKEN_SALE: chart.SALES,
    Purpose.BANK_ERROR: chart.CORRECTIONS,
    Purpose.WRITE_OFF: chart.WRITTEN_OFF,
}
"""The account of each purpose; a payout has its own postings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspensePolicies:
    """What each rail says of its lines in suspense."""

    rails: Mapping[str, RailDeclaration]

    def needs_approval(self, rail: str, amount: Money) -> bool:
        """Tell whether a second person has to agree to what a line of this amount is."""
        terms = self.rails.get(rail)
        if terms is None or terms.suspense_approval_above is None or terms.currency != amount.asset:
            return True
        return amount.decimal > terms.suspense_approval_above

    def age_max(self, rail: str) -> timedelta:
        """Return how long a line may stand in suspense before somebody is told."""
        terms = self.rails.get(rail)
        seconds = SUSPENSE_AGE_MAX_S if terms is None else terms.suspense_age_max_s
        return timedelta(seconds=seconds)


def suspense_policies_of(anchor: Anchor) -> SuspensePolicies:
    """Return what `anchor.toml` says about lines in suspense."""
    return SuspensePolicies(rails={rail.name: rail for rail in anchor.rails})


@dataclass(frozen=True, slots=True)
class NotPossible:
    """Why something cannot be said of a line; the sentence says what to do instead."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What a line is said to be, for the `number`th time."""

    line: Line
    number: int
    purpose: Purpose
    attempt_key: str | None = None
    tells: RailStatus | None = None
    """What it tells of the attempt that was not heard before."""

    @property
    def account(self) -> str | None:
        """The account that it stands on; None when it belongs to a payout."""
        return ACCOUNTS.get(self.purpose)

    @property
    def posting(self) -> Posting:
        """What it means for the books."""
        line, number = self.line, self.number
        if self.account is None:
            return line_matched(line.id, number, line.rail, line.amount, is_credit=line.is_credit)
        return line_resolved(line.id, number, self.account, line.amount, is_credit=line.is_credit)

    def content(self, action: str) -> Mapping[str, str]:
        """Write what people agree to: which line, how much, and what it is said to be, or was said wrongly."""
        amount = self.line.amount if self.line.is_credit else -self.line.amount
        said = {"account": self.account, "attempt": self.attempt_key, "tells": self.tells}
        return {
            "action": action,
            "line": str(self.line.id),
            "rail": self.line.rail,
            "amount": str(amount),
            "booked_on": str(self.line.booked_on or ""),
            "number": str(self.number),
            "purpose": self.purpose,
            **{name: text for name, text in said.items() if text is not None},
        }


def to_account(line: Line, number: int, purpose: Purpose) -> Resolution | NotPossible:
    """Say that a line is money of a purpose."""
    if purpose is Purpose.PAYOUT:
        return NotPossible("Name the attempt of the payout that the line belongs to.")
    if purpose is Purpose.WRITE_OFF and line.is_credit:
        return NotPossible(
            f"Line {line.id} brought money, which belongs to somebody: it is never written off. Find out whose it is."
        )
    return Resolution(line=line, number=number, purpose=purpose)


def to_payout(line: Line, number: int, named: Named) -> Resolution | NotPossible:
    """Say that a line is the debit or the return of an attempt, as if it had named it well enough."""
    matched = _belongs(line, named)
    if isinstance(matched, NotPossible):
        return matched
    return Resolution(
        line=line, number=number, purpose=Purpose.PAYOUT, attempt_key=named.key, tells=matched.tells
    )


def _belongs(line: Line, named: Named) -> Matched | NotPossible:
    which = f"attempt {named.key} of payout {named.payout_id}"
    if line.is_credit:
        if line.amount.asset != named.amount.asset or line.amount.units > named.amount.units:
            return NotPossible(
                f"Line {line.id} brought {line.amount}, more than the {named.amount} of {which}."
            )
        if named.is_credited:
            return NotPossible(f"Another line is the return of {which} already: it comes back once.")
        return Matched(named=named, tells=None if named.is_returned else RailStatus.RETURNED)
    if line.is_reversal or line.reason is not None:
        return NotPossible(
            f"Line {line.id} takes back a credit of the bank's: it pays no payout. Resolve it as {Purpose.BANK_ERROR}."
        )
    if line.amount != named.amount:
        return NotPossible(
            f"Line {line.id} took {line.amount}, and {which} is of {named.amount}: ask the bank, which books a payout "
            "with its own amount and a fee by itself."
        )
    if named.is_debited:
        return NotPossible(
            f"The debit of {which} is another line, or was before the first statement: it is paid once. Ask the bank."
        )
    return Matched(named=named, tells=None if named.is_settled else RailStatus.SETTLED)
