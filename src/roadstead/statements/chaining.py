"""Whether a statement can be believed, and which one follows which. Pure.

A statement counts only when its lines lead from its opening to its closing balance, and when it opens where the last
one closed. Anything else is kept and told, and its lines wait: what is missing comes later and heals the chain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

import msgspec

from roadstead.rails.statements import BankStatement, StatementLine


class StatementStatus(StrEnum):
    """Where a statement stands."""

    LINKED = "linked"
    """It follows the one before; its lines are booked."""
    BROKEN = "broken"
    """It cannot be believed, or what comes before it is missing; its lines wait."""
    SUPERSEDED = "superseded"
    """Another copy of it was believed instead."""


class Fault(StrEnum):
    """Why a statement is broken."""

    NO_BALANCES = "no_balances"
    """It lacks its opening or its closing balance."""
    OTHER_ASSETS = "other_assets"
    """Balances and lines are not all in one currency."""
    DOES_NOT_ADD_UP = "does_not_add_up"
    """Its lines do not lead from its opening to its closing balance: one is missing, doubled or changed."""
    OTHER_ACCOUNT = "other_account"
    """It is of another account than the statements before."""
    CHANGED = "changed"
    """A statement of the same identity is in the books, with other content."""
    GAP = "gap"
    """It does not begin where the last one ended: one is missing, or it is out of turn."""


WAITING_FAULTS = frozenset({Fault.GAP, Fault.OTHER_ACCOUNT})
"""Faults of statements that are sound by themselves, and may follow when another one is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What of a stored statement decides whether another one follows it."""

    id: int
    account: str
    opening_units: int
    closing_units: int
    sequence: int | None
    closed_on: date | None


def booked_lines(statement: BankStatement) -> Sequence[StatementLine]:
    """Return the lines that count: booked, and of an amount."""
    return [line for line in statement.lines if line.is_booked and line.amount.units]


def signed_units(line: StatementLine) -> int:
    """Return what a line does to the balance."""
    return line.amount.units if line.is_credit else -line.amount.units


def fault_of(statement: BankStatement) -> Fault | None:
    """Say what is wrong with a statement by itself."""
    opening, closing = statement.opening, statement.closing
    if opening is None or closing is None:
        return Fault.NO_BALANCES
    lines = booked_lines(statement)
    if {opening.asset, closing.asset, *(line.amount.asset for line in lines)} != {opening.asset}:
        return Fault.OTHER_ASSETS
    if opening.units + sum(map(signed_units, lines)) != closing.units:
        return Fault.DOES_NOT_ADD_UP
    return None


def follows(head: Link, after: Link) -> Fault | None:
    """Say why a sound statement does not follow the last one of the chain; None when it does.

    Numbers count up by one or begin again at 1, as many banks do every year.
    """
    if after.account != head.account:
        return Fault.OTHER_ACCOUNT
    if after.opening_units != head.closing_units:
        return Fault.GAP
    if head.sequence is not None and after.sequence not in {None, 1, head.sequence + 1}:
        return Fault.GAP
    if head.closed_on is not None and after.closed_on is not None and after.closed_on < head.closed_on:
        return Fault.GAP
    return None


def next_of(head: Link | None, waiting: Sequence[Link]) -> Link | None:
    """Choose the statement that follows the last one, or the first of all, the earliest where several could."""
    fitting = [link for link in waiting if head is None or follows(head, link) is None]
    return min(fitting, key=_turn, default=None)


def _turn(link: Link) -> tuple[date, int, int]:
    return link.closed_on or date.max, link.sequence or 0, link.id


def digest_of(statement: BankStatement) -> bytes:
    """Return a digest of what a statement says; how it is called and when it was written may differ between copies."""
    content = replace(statement, identity="", created_at=None)
    return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).digest()
