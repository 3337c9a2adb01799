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

UNITS_MAX = 2**63 - 1
TEXT_MAX = 500
"""Characters of a text that are kept."""


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
    """Return the lines that count: booked, and of an amount; a line that a statement repeats counts once."""
    return list({line.identity: line for line in reversed(_told_lines(statement))}.values())[::-1]


def _told_lines(statement: BankStatement) -> Sequence[StatementLine]:
    return [line for line in statement.lines if line.is_booked and line.amount.units > 0]


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
    by_identity = {line.identity: line for line in lines}
    if any(by_identity[line.identity] != line for line in _told_lines(statement)):
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


def storable(statement: BankStatement) -> BankStatement:
    """Return a statement as it can be stored, whatever its source wrote: no text or number is beyond the database.

    One such statement would otherwise hold up everything that a rail tells after it.
    """
    sequence = statement.sequence
    return replace(
        statement,
        identity=_name(statement.identity),
        account=_text(statement.account),
        sequence=None if sequence is None or not 0 <= sequence <= UNITS_MAX else sequence,
        lines=tuple(_storable_line(line) for line in statement.lines),
    )


def _storable_line(line: StatementLine) -> StatementLine:
    return replace(
        line,
        identity=_name(line.identity),
        bank_reference=_given(line.bank_reference),
        end_to_end_id=_given(line.end_to_end_id),
        key=_given(line.key),
        counterparty_name=_given(line.counterparty_name),
        counterparty_account=_given(line.counterparty_account),
        reason=_given(line.reason),
        information=_text(line.information),
    )


def _given(text: str | None) -> str | None:
    return None if text is None else _text(text)


def _name(text: str) -> str:
    """Return an identity, or a digest of one that is too long for an index or cannot be stored."""
    plain = _text(text)
    return plain if plain == text else hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _text(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:TEXT_MAX]


def digest_of(statement: BankStatement) -> bytes:
    """Return a digest of what a statement says; how it is called and when it was written may differ between copies."""
    content = replace(statement, identity="", created_at=None)
    return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).digest()
