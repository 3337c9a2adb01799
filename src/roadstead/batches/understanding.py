"""Understanding stored files of a bank: what they tell is taken in once, and a bad file holds up no other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from uuid import UUID

import structlog

from roadstead.batches import events, inbox, store
from roadstead.batches.desk import FileDesk
from roadstead.batches.events import FileEvent
from roadstead.batches.inbox import ReceivedFile
from roadstead.batches.sealing import open_seal
from roadstead.database.pool import Connection
from roadstead.errors import InvariantViolated, RoadsteadError, Unavailable
from roadstead.money import Money
from roadstead.operations.alerts import AlertKind, Severity, open_alert
from roadstead.rails.iso20022.reading import AccountReport, BankFile, read_bank_file
from roadstead.rails.iso20022.reports import PaymentReturns, StatusReport
from roadstead.rails.protocol import RailStatus
from roadstead.rails.statements import BankStatement

log = structlog.get_logger()

CONTENT = "content"
"""The name to which the sealed bytes of a file are bound."""
FILES_MAX = 1000
TOLD_ONE_BY_ONE_MAX = 20
"""So many duplicates of one report are alerts of their own; the others are counted in one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """What was made of a file."""

    detail: str
    balance: tuple[Money, datetime] | None = None


async def understand_stored(desk: FileDesk) -> int:
    """Understand what is stored, oldest first; return how many files there were.

    A file that cannot be understood is kept, marked and told to people; the others are not held up. Safe to repeat, and
    to run twice at once: each file is taken in by one transaction.

    Raises:
        Unavailable: The database or the keeper of the keys does not answer.
    """
    count = 0
    while count < FILES_MAX:
        async with desk.database.connection() as connection:
            file = await inbox.oldest_stored(connection, desk.rail)
        if file is None:
            break
        count += 1
        try:
            await _take_in(desk, file, await read_file(desk, file))
        except Unavailable:
            raise
        except RoadsteadError as error:
            await _set_aside(desk, file, error.message)
        except Exception as error:
            # A mistake of ours in one file must not stop the others; it is read again when it is repaired.
            log.exception("bank_file_failed", rail=desk.rail, file_id=str(file.id))
            await _set_aside(desk, file, f"Reading it failed ({type(error).__name__}); the log tells why.")
    return count


async def read_file(desk: FileDesk, file: ReceivedFile) -> BankFile:
    """Open and read a stored file.

    Raises:
        BadInput: It is no message that we read, damaged, or dangerous to read.
        InvariantViolated: It cannot be decrypted, or its content was destroyed.
        Unavailable: The keeper of the keys does not answer.
    """
    if file.content is None or file.wrapped_key is None:
        raise InvariantViolated(f"The content of file {file.id} was destroyed after its time.")
    seal = await open_seal(desk.keys, file.id, file.wrapped_key)
    content = file.content
    return await asyncio.to_thread(lambda: read_bank_file(seal.open(CONTENT, content)))


async def _take_in(desk: FileDesk, file: ReceivedFile, read: BankFile) -> None:
    async with desk.database.transaction() as connection:
        if not await inbox.lock_stored(connection, desk.rail, file.id):
            return
        match read.content:
            case StatusReport() as report:
                taken = await _take_report(desk, connection, file.id, report)
            case AccountReport() as report:
                taken = await _take_account(desk, connection, file.id, report)
            case PaymentReturns() as returns:
                count = await _store(desk, connection, file.id, events.of_returns(returns))
                taken = _Taken(detail=f"{count} events")
        await inbox.mark_understood(
            connection,
            file.id,
            message=read.message,
            detail=taken.detail,
            balance=taken.balance,
            now=desk.clock.now(),
        )
    log.info(
        "bank_file_understood",
        rail=desk.rail,
        file_id=str(file.id),
        message=read.message,
        detail=taken.detail,
    )


async def _take_report(desk: FileDesk, connection: Connection, file_id: UUID, report: StatusReport) -> _Taken:
    batch = await store.batch_by_message(connection, desk.rail, report.original_message_id)
    if batch is None or not batch.may_be_with_bank:
        # What the bank cannot have, it cannot have refused: its payouts may still go out.
        await _tell(desk, connection, file_id, "speaks of a file that we do not know to have sent.")
        return _Taken(detail="speaks of no batch of ours that was sent")
    items = await inbox.items_of(connection, batch.id, batch.asset)
    meant = events.of_report(report, items)
    answer = meant.answer
    if answer is not None and answer.is_duplicate:
        await _tell_duplicate(desk, connection, f"batch {batch.id}")
    elif answer is not None:
        await store.mark_answered(
            connection,
            batch.id,
            status=answer.status,
            bank_status=answer.bank_status,
            reason=answer.reason,
            now=desk.clock.now(),
        )
        if answer.status is store.BatchStatus.REFUSED:
            await _tell_refused(desk, connection, batch, answer.reason)
    for key in meant.duplicates[:TOLD_ONE_BY_ONE_MAX]:
        await _tell_duplicate(desk, connection, f"attempt {key}")
    if len(meant.duplicates) > TOLD_ONE_BY_ONE_MAX:
        await _tell_duplicate(desk, connection, f"{len(meant.duplicates)} payouts of batch {batch.id}")
    if meant.puzzles:
        await _tell(
            desk, connection, file_id, f"has statuses that we do not know: {', '.join(meant.puzzles)}"
        )
    count = await inbox.store_events(connection, desk.rail, file_id, meant.events)
    return _Taken(detail=f"batch {batch.id}: {answer.bank_status if answer else 'no status'}, {count} events")


async def _take_account(
    desk: FileDesk, connection: Connection, file_id: UUID, report: AccountReport
) -> _Taken:
    own = events.own_statements(report, desk.debtor.account)
    if not own:
        await _tell(desk, connection, desk.rail, "is of another account than ours.")
        return _Taken(detail="of no account of ours")
    count = await _store(desk, connection, file_id, events.of_account(report, desk.debtor.account))
    balance = max(filter(None, map(_balance, own)), key=lambda one: one[1], default=None)
    if balance is not None and balance[0].asset != desk.asset:
        balance = None
    lines = sum(len(statement.lines) for statement in own)
    return _Taken(detail=f"{lines} lines, {count} events", balance=balance)


def _balance(statement: BankStatement) -> tuple[Money, datetime] | None:
    if statement.closing is None:
        return None
    if statement.created_at is not None:
        return statement.closing, statement.created_at
    if statement.closed_on is None:
        return None
    return statement.closing, datetime.combine(statement.closed_on, time(), tzinfo=UTC)


async def _store(desk: FileDesk, connection: Connection, file_id: UUID, told: tuple[FileEvent, ...]) -> int:
    """Find out of which attempts events speak, and store them."""
    told = tuple(event for event in told if event.amount is None or event.amount.asset == desk.asset)
    keys = {event.key for event in told if event.key}
    end_to_end_ids = {event.end_to_end_id for event in told if event.end_to_end_id}
    ours, meant = await inbox.keys_of(
        connection, desk.rail, desk.asset, keys=keys, end_to_end_ids=end_to_end_ids
    )
    resolved = []
    for event in told:
        key = event.key if event.key in ours else meant.get(event.end_to_end_id or "")
        item = ours.get(key or "")
        if item is not None and event.status is RailStatus.SETTLED and event.amount != item.amount:
            # A charge for the payment, or a mistake: the statement puts it before people, and it settles nothing.
            log.warning("debit_of_other_amount", rail=desk.rail, file_id=str(file_id), key=item.key)
            continue
        end_to_end_id = event.end_to_end_id if item is None else item.end_to_end_id
        resolved.append(replace(event, key=key, end_to_end_id=end_to_end_id))
    known = [event for event in resolved if event.key is not None or event.end_to_end_id is not None]
    return await inbox.store_events(connection, desk.rail, file_id, known)


async def _set_aside(desk: FileDesk, file: ReceivedFile, why: str) -> None:
    log.error("bank_file_unreadable", rail=desk.rail, file_id=str(file.id), why=why)
    async with desk.database.transaction() as connection:
        await inbox.mark_unreadable(connection, file.id, why)
        await _tell(desk, connection, file.id, f"cannot be understood: {why}")


async def _tell(desk: FileDesk, connection: Connection, subject: UUID | str, what: str) -> None:
    await open_alert(
        connection,
        kind=AlertKind.BANK_FILE,
        subject=str(subject),
        message=f"A file of the bank behind {desk.rail} {what} See roadstead batches files; the file is kept.",
    )


async def _tell_refused(
    desk: FileDesk, connection: Connection, batch: store.Batch, reason: str | None
) -> None:
    await open_alert(
        connection,
        kind=AlertKind.BATCH_REFUSED,
        subject=str(batch.id),
        message=f"The bank behind {desk.rail} refused the whole file {batch.file_name} with {batch.items} payouts "
        f"({reason or 'no reason'}). Its payouts follow their reason; find out what was wrong with the file first.",
        severity=Severity.CRITICAL,
    )


async def _tell_duplicate(desk: FileDesk, connection: Connection, what: str) -> None:
    await open_alert(
        connection,
        kind=AlertKind.BATCH_DUPLICATE,
        subject=what,
        message=f"The bank behind {desk.rail} says that it has {what} already. Nothing is sent again: find out from "
        "the bank what became of the first one.",
        severity=Severity.CRITICAL,
    )
