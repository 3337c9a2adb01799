"""What a statement line means: the settlement or the return of a payout, or money in suspense. Pure.

A line is matched by its end-to-end id, else by the attempt's key, else by the bank's reference, else by amount, date
and creditor where exactly one payout fits. What is left is never guessed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from uuid import UUID

from roadstead.money import Money
from roadstead.rails.protocol import Creditor, RailStatus

WRITTEN_BEFORE = timedelta(days=10)
"""How long before its booking an attempt may have been written, to be found without any identifier."""
WRITTEN_AFTER = timedelta(days=1)
"""The same after it: days are counted in different time zones."""
CUT_NAME_MIN = 20
"""A name of at least so many letters may be a longer one that was cut."""


class LineStatus(StrEnum):
    """Where a line stands."""

    STORED = "stored"
    """Nobody has looked at it, or its statement is broken."""
    MATCHED = "matched"
    """It is the settlement or the return of an attempt."""
    SUSPENDED = "suspended"
    """It is on `suspense:bank`: nobody knows yet whose it is."""
    RESOLVED = "resolved"
    """People said what it is, and it stands on that account."""


class MatchedBy(StrEnum):
    """What a line was recognised by."""

    END_TO_END_ID = "end_to_end_id"
    KEY = "key"
    REFERENCE = "reference"
    AMOUNT = "amount"
    """Amount, date and creditor, of which exactly one attempt had all."""
    PERSON = "person"
    """People said so."""


class SuspenseReason(StrEnum):
    """Why a line is in suspense."""

    UNKNOWN = "unknown"
    """It names no payout of ours: an incoming wire, a fee, interest."""
    OTHER_AMOUNT = "other_amount"
    """It names a payout of another amount."""
    SECOND_DEBIT = "second_debit"
    """The payout it names was debited before."""
    SECOND_CREDIT = "second_credit"
    """The payout it names came back before."""
    REVERSAL = "reversal"
    """The bank takes back a line of its own, or a return; whether it books it again, nobody knows."""
    WITHOUT_REASON = "without_reason"
    """It names a payout of ours, brings money, and does not say that it is a return."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A stored line, as far as its meaning depends on it."""

    id: int
    rail: str
    identity: str
    """Unique within the rail."""
    amount: Money
    is_credit: bool
    is_reversal: bool
    reason: str | None
    reference: str | None
    booked_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The attempt that a line names, and what is known of it."""

    key: str
    payout_id: UUID
    by: MatchedBy
    amount: Money
    is_settled: bool
    is_returned: bool
    is_debited: bool
    """Whether a line in the books is its debit already."""
    is_credited: bool
    """The same of its return."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """The line belongs to an attempt."""

    named: Named
    tells: RailStatus | None
    """What it tells of the attempt that was not heard before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspended:
    """The line goes to suspense."""

    why: SuspenseReason


def conclude(line: Line, named: Named | None) -> Matched | Suspended:
    """Say what a line means, given the attempt that it names."""
    if named is None:
        return Suspended(why=SuspenseReason.UNKNOWN)
    if line.is_reversal or (line.reason is not None and not line.is_credit):
        return Suspended(why=SuspenseReason.REVERSAL)
    if line.is_credit:
        return _credit(line, named)
    if line.amount != named.amount:
        return Suspended(why=SuspenseReason.OTHER_AMOUNT)
    if named.is_debited:
        return Suspended(why=SuspenseReason.SECOND_DEBIT)
    return Matched(named=named, tells=None if named.is_settled else RailStatus.SETTLED)


def _credit(line: Line, named: Named) -> Matched | Suspended:
    if line.reason is None:
        return Suspended(why=SuspenseReason.WITHOUT_REASON)
    if line.amount.asset != named.amount.asset or line.amount.units > named.amount.units:
        return Suspended(why=SuspenseReason.OTHER_AMOUNT)
    if named.is_credited:
        return Suspended(why=SuspenseReason.SECOND_CREDIT)
    return Matched(named=named, tells=None if named.is_returned else RailStatus.RETURNED)


def only_payee(
    name: str | None, account: str | None, creditors: Iterable[tuple[str, Creditor]]
) -> str | None:
    """Return the key of the one attempt whose creditor a line names; None when there is none, or more than one."""
    fitting = [key for key, creditor in creditors if _is_payee(name, account, creditor)]
    return fitting[0] if len(fitting) == 1 else None


def _is_payee(name: str | None, account: str | None, creditor: Creditor) -> bool:
    if account:
        return _letters(account) == _letters(creditor.account_number)
    told, known = _letters(name or ""), _letters(creditor.name)
    if not told:
        return False
    is_cut = len(told) >= CUT_NAME_MIN and known.startswith(told)
    return told == known or is_cut or _words(name or "") == _words(creditor.name)


def _letters(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in plain if letter.isalnum())


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text).casefold()
    kept = "".join(
        letter if letter.isalnum() else " " for letter in plain if not unicodedata.combining(letter)
    )
    return sorted(kept.split())
