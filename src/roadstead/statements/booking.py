"""Booking statement lines: each becomes the news of a payout, or stands in suspense, together with the books."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time

import structlog

from roadstead.clock import Clock
from roadstead.database.pool import Connection, Database
from roadstead.errors import InvariantViolated
from roadstead.ledger.postings import Posting, bank_credited, bank_debited
from roadstead.ledger.store import post
from roadstead.operations.alerts import AlertKind, Severity, open_alert
from roadstead.payouts import inbox, preparation
from roadstead.payouts.desk import Desk
from roadstead.payouts.store import Attempt, Payout
from roadstead.rails.protocol import Creditor, RailEvent, RailStatus
from roadstead.statements import lines as store
from roadstead.statements.matching import (
    Line,
    Matched,
    MatchedBy,
    Named,
    Suspended,
    SuspenseReason,
    conclude,
    only_payee,
)

log = structlog.get_logger()

LINES_MAX = 500
"""How many lines are booked in one transaction."""

Concluded = Sequence[tuple[Line, Named | None, Matched | Suspended]]


async def book_waiting(database: Database, desks: Mapping[str, Desk], clock: Clock) -> int:
    """Book the oldest lines that wait; return how many there were.

    A debit that tells of a settlement nobody heard of, or a credit of a return, becomes a rail event, which is applied
    like every other. What was heard before is linked and not booked again. Everything else stands on `suspense:bank`.
    Safe to run anywhere, at any time, by any number of workers.

    Raises:
        Unavailable: The database or the keeper of the keys does not answer.
    """
    async with database.connection() as connection:
        ids = await store.waiting(connection, LINES_MAX)
        nameless = await store.nameless(connection, ids) if ids else []
    if not ids:
        return 0
    guesses = await _guess(database, desks, nameless)
    async with database.transaction() as connection:
        await store.take_turn(connection)
        concluded = _conclude(await store.named(connection, ids, guesses))
        await _write(connection, concluded, clock.now())
    return len(concluded)


async def _guess(
    database: Database, desks: Mapping[str, Desk], nameless: Sequence[store.Nameless]
) -> dict[int, str]:
    """Find the attempts of lines that name only a creditor, where exactly one fits and no other line could be it."""
    guesses: dict[int, str] = {}
    for line in nameless:
        if (desk := desks.get(line.rail)) is None:
            continue
        async with database.connection() as connection:
            found = await store.candidates(connection, line)
        creditors = [
            (attempt.key, creditor)
            for payout, attempt in found
            if (creditor := await _creditor(desk, payout, attempt)) is not None
        ]
        key = only_payee(line.name, line.account, creditors)
        if key is not None:
            guesses[line.line_id] = key
    counts: dict[str, int] = defaultdict(int)
    for key in guesses.values():
        counts[key] += 1
    return {line_id: key for line_id, key in guesses.items() if counts[key] == 1}


async def _creditor(desk: Desk, payout: Payout, attempt: Attempt) -> Creditor | None:
    try:
        return (await preparation.unseal(desk, payout, attempt)).creditor
    except InvariantViolated:
        # The client is erased: nobody can be recognised by name any more.
        return None


def _conclude(named: Sequence[tuple[Line, Named | None]]) -> Concluded:
    """Say what each line means; of several that name one attempt the first has it, and none that was only guessed.

    A guess that turns out to be taken is no second debit: the line names nothing, and is unknown.
    """
    taken: set[tuple[str, bool]] = set()
    concluded: list[tuple[Line, Named | None, Matched | Suspended]] = []
    for line, found in sorted(named, key=_is_guess):
        known = found
        if found is not None:
            known = replace(
                found,
                is_debited=found.is_debited or (found.key, False) in taken,
                is_credited=found.is_credited or (found.key, True) in taken,
            )
        if known is not None and known.by is MatchedBy.AMOUNT and known.is_debited:
            known = None
        meaning = conclude(line, known)
        if isinstance(meaning, Matched):
            taken.add((meaning.named.key, line.is_credit))
        concluded.append((line, known, meaning))
    return concluded


def _is_guess(one: tuple[Line, Named | None]) -> bool:
    return one[1] is not None and one[1].by is MatchedBy.AMOUNT


async def _write(connection: Connection, concluded: Concluded, now: datetime) -> None:
    matched = [(line, one) for line, _, one in concluded if isinstance(one, Matched)]
    suspended = [(line, one) for line, _, one in concluded if isinstance(one, Suspended)]
    await store.set_matched(connection, matched, now)
    await store.set_suspended(connection, suspended, now)
    events: dict[str, list[RailEvent]] = defaultdict(list)
    for line, one in matched:
        if one.tells is not None:
            events[line.rail].append(event_of(line, one.named.key, one.tells, now))
    for rail, told in events.items():
        await inbox.store_events(connection, rail, told, seen=None, cursor=None)
    await post(connection, [_posting(line) for line, _ in suspended])
    for line, named, meaning in concluded:
        if named is not None and isinstance(meaning, Suspended):
            await _tell(connection, line, named, meaning.why)
    log.info(
        "statement_lines_booked",
        matched=len(matched),
        told=sum(map(len, events.values())),
        suspended=len(suspended),
    )


def event_of(line: Line, key: str, tells: RailStatus, now: datetime) -> RailEvent:
    """Return the news of an attempt that a line brings; a line brings news once."""
    return RailEvent(
        identity=line.identity,
        key=key,
        end_to_end_id=None,
        status=tells,
        occurred_at=now if line.booked_on is None else datetime.combine(line.booked_on, time(), UTC),
        amount=line.amount,
        reference=line.reference,
        reason=line.reason,
        detail=f"statement line {line.id}",
    )


def _posting(line: Line) -> Posting:
    make = bank_credited if line.is_credit else bank_debited
    return make(line.id, line.rail, line.amount)


async def _tell(connection: Connection, line: Line, named: Named, why: SuspenseReason) -> None:
    """Alert about a line that names a payout and yet is in suspense."""
    is_second = why is SuspenseReason.SECOND_DEBIT
    await open_alert(
        connection,
        kind=AlertKind.PAYOUT_PAID_TWICE if is_second else AlertKind.STATEMENT_LINE_UNCLEAR,
        subject=str(named.payout_id) if is_second else str(line.id),
        message=f"Statement line {line.id} of {line.rail} names attempt {named.key} of payout {named.payout_id} and is "
        f"in suspense ({why}: {line.amount}). Ask the bank what it is.",
        severity=Severity.CRITICAL,
    )
