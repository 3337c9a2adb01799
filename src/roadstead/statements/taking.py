"""Taking statements in: stored as they came, linked where they follow, told where they do not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog

from roadstead.boundaries import boundary
from roadstead.clock import Clock
from roadstead.database.pool import Connection, Database
from roadstead.errors import Conflict, NotFound
from roadstead.ledger.postings import bank_opened
from roadstead.ledger.store import post
from roadstead.money import Asset, Money
from roadstead.operations import audit
from roadstead.operations.alerts import AlertKind, Severity, close_alert, open_alert
from roadstead.rails.statements import BankStatement, StatementSource
from roadstead.statements import store
from roadstead.statements.chaining import (
    WAITING_FAULTS,
    Fault,
    StatementStatus,
    digest_of,
    fault_of,
    follows,
    next_of,
    storable,
)

log = structlog.get_logger()

PAGES_MAX = 50
TOLD_MAX = 3


async def poll_statements(database: Database, rail: str, source: StatementSource, clock: Clock) -> int:
    """Ask a rail for statements and take them in, page by page; return how many were new.

    The rail is asked outside any transaction; statements and cursor are stored together. Safe to repeat and to run
    twice at once: whoever is second finds the cursor moved and stores nothing.

    Raises:
        Unavailable: The rail or the database does not answer.
    """
    count = 0
    for _ in range(PAGES_MAX):
        async with database.connection() as connection:
            seen = await store.cursor_of(connection, rail)
        boundary("rail.statements.before")
        statements, cursor = await source.statements(seen)
        boundary("rail.statements.after")
        if not statements and cursor == seen:
            break
        async with database.transaction() as connection:
            if not await store.move_cursor(connection, rail, seen=seen, cursor=cursor):
                break
            count += await take(connection, rail, statements, clock.now())
    return count


async def take(connection: Connection, rail: str, statements: Sequence[BankStatement], now: datetime) -> int:
    """Store statements of a rail in the caller's transaction and link what follows; return how many were new.

    A copy of what is stored changes nothing. What does not follow is stored as broken and waits, and an alert is open
    as long as any does.
    """
    await store.lock_chain(connection, rail)
    count = 0
    assets: dict[Asset, None] = {}
    for statement in map(storable, statements):
        fault = fault_of(statement)
        if fault is None and await store.is_linked(connection, rail, statement.identity):
            fault = Fault.CHANGED
        stored = await store.insert(
            connection, rail, statement, digest=digest_of(statement), fault=fault or Fault.GAP, now=now
        )
        if stored is None:
            continue
        count += 1
        log.info("statement_stored", rail=rail, statement_id=stored, fault=fault)
        if statement.opening is not None:
            assets[statement.opening.asset] = None
    for asset in assets:
        await _link_all(connection, rail, asset, now)
    if count:
        await _tell_broken(connection, rail)
    return count


async def _link_all(connection: Connection, rail: str, asset: Asset, now: datetime) -> None:
    """Link what follows the last statement, and what follows that, until nothing does."""
    head = await store.head(connection, rail, asset.id)
    waiting = await store.waiting(connection, rail, asset.id)
    while (link := next_of(head, waiting)) is not None:
        await store.link(connection, link.id, head.id if head else None, now)
        if head is None:
            before = await store.begin(connection, link.id)
            opening = Money(asset, link.opening_units - before)
            if opening.units:
                await post(connection, [bank_opened(link.id, rail, opening)])
        log.info("statement_linked", rail=rail, statement_id=link.id)
        head = link
        waiting = [other for other in waiting if other.id != link.id]
    for other in waiting:
        if head is not None and (fault := follows(head, other)) is not None:
            await store.set_fault(connection, other.id, fault)


async def _tell_broken(connection: Connection, rail: str) -> None:
    count, broken = await store.broken(connection, rail, TOLD_MAX)
    if not count:
        reason = "Every statement follows the one before."
        await close_alert(connection, AlertKind.STATEMENT_BROKEN, rail, reason=reason)
        return
    told = ", ".join(f"{identity[:40]} ({fault})" for identity, fault in broken)
    more = f" and {count - len(broken)} more" if count > len(broken) else ""
    await open_alert(
        connection,
        kind=AlertKind.STATEMENT_BROKEN,
        subject=rail,
        message=f"Statements of {rail} are broken and their lines wait: {told}{more}. Have the bank send what is "
        "missing again; see roadstead statements list --status broken.",
        severity=Severity.CRITICAL,
    )


async def set_aside(connection: Connection, statement_id: int, *, reason: str, actor: str) -> None:
    """Put a broken statement aside for good, because a person knows that it tells nothing that the books need.

    Raises:
        Conflict: It is not broken.
        NotFound: There is no such statement.
    """
    rail, status, _ = await _locked(connection, statement_id)
    if status is not StatementStatus.BROKEN:
        raise Conflict(f"Statement {statement_id} is {status}: only a broken one can be set aside.")
    await store.supersede(connection, statement_id)
    await audit.record(
        connection,
        actor=actor,
        action="statement.set_aside",
        subject=f"statement {statement_id}",
        detail={"rail": rail, "reason": reason},
    )
    await _tell_broken(connection, rail)


async def take_back(
    connection: Connection, statement_id: int, *, reason: str, actor: str, now: datetime
) -> StatementStatus:
    """Let a statement that was set aside wait again, link it where it follows, and return where it stands now.

    The bank need not send it anew, and could not: a copy of what is stored changes nothing.

    Raises:
        Conflict: It was not set aside, or could not be believed by itself.
        NotFound: There is no such statement.
    """
    rail, status, fault = await _locked(connection, statement_id)
    if status is not StatementStatus.SUPERSEDED:
        raise Conflict(f"Statement {statement_id} is {status}: only one that was set aside is taken back.")
    asset = await store.asset_of(connection, statement_id)
    if fault not in WAITING_FAULTS or asset is None:
        raise Conflict(
            f"Statement {statement_id} cannot be believed by itself ({fault}): have the bank send a whole one."
        )
    await store.wait_again(connection, statement_id)
    await _link_all(connection, rail, asset, now)
    await audit.record(
        connection,
        actor=actor,
        action="statement.taken_back",
        subject=f"statement {statement_id}",
        detail={"rail": rail, "reason": reason},
    )
    await _tell_broken(connection, rail)
    return (await _locked(connection, statement_id))[1]


async def _locked(connection: Connection, statement_id: int) -> tuple[str, StatementStatus, Fault | None]:
    """Lock a statement, and its chain before it, so that nobody links it meanwhile; return where it stands."""
    rail = await store.rail_of(connection, statement_id)
    if rail is None:
        raise NotFound(f"There is no statement {statement_id}: see roadstead statements list.")
    await store.lock_chain(connection, rail)
    status, fault = await store.standing_of(connection, statement_id)
    return rail, status, fault
