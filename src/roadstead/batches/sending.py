"""Closing batches and sending their files: bytes are stored before they leave, and leave under one name once.

Each step is safe to repeat after a crash at any moment:

- Building is repeated until its bytes are stored; nothing has left before.
- Staging writes under a temporary name of its own; until that name is stored, nothing is published.
- Once it is stored, nothing is written to the bank any more but one rename. Where the temporary name is, the rename has
  not happened; where it is gone, it has, and the file is the bank's.
"""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta
from uuid import UUID

import structlog

from roadstead.batches import store
from roadstead.batches.desk import LEASE, FileDesk
from roadstead.batches.sealing import Seal, open_seal
from roadstead.batches.store import Batch, BatchStatus, BuiltFile
from roadstead.batches.withholding import tell_withheld
from roadstead.boundaries import boundary
from roadstead.database.pool import Connection
from roadstead.errors import Conflict, InvariantViolated, RoadsteadError, Unavailable
from roadstead.operations.alerts import AlertKind, Severity, close_alert, open_alert
from roadstead.rails.channels.protocol import Whereabouts
from roadstead.rails.iso20022.payments import Heading, write_payments
from roadstead.rails.written import read_attempt
from roadstead.randomness import new_id

log = structlog.get_logger()

FILE = "file"
"""The name to which the sealed bytes of a file are bound."""
TRY_AGAIN_AFTER = timedelta(seconds=30)
"""How long a batch rests when the bank's channel does not answer."""


async def work_due(desk: FileDesk) -> bool:
    """Close the open batch when its time is over, and carry one closed batch a step on; True when there was one.

    Safe to run anywhere, at any time, by any number of workers.
    """
    await tell_withheld(desk)
    token = new_id(desk.randomness)
    async with desk.database.connection() as connection:
        await store.stop_filling_due(connection, desk.rail, desk.clock.now())
        batch = await store.claim(connection, desk.rail, token, LEASE)
    if batch is None:
        return False
    try:
        if batch.status is BatchStatus.CLOSING:
            await _build(desk, batch, token)
        else:
            await _send(desk, batch, token)
    except RoadsteadError as error:
        log.warning("batch_not_sent", rail=desk.rail, batch_id=str(batch.id), error=error.message)
        await _rest(desk, batch, token, error.message)
    except Exception as error:
        # A mistake of ours in one batch must not stop the others, and people have to know of it.
        log.exception("batch_failed", rail=desk.rail, batch_id=str(batch.id))
        await _rest(desk, batch, token, f"a step failed ({type(error).__name__}); the log tells why.")
    return True


async def _rest(desk: FileDesk, batch: Batch, token: UUID, why: str) -> None:
    """Tell people that a batch cannot be sent, and let it rest until it is tried again."""
    async with desk.database.transaction() as connection:
        await _tell_stuck(connection, desk, batch, why)
        await store.release(connection, batch.id, token, after=TRY_AGAIN_AFTER)


async def _build(desk: FileDesk, batch: Batch, token: UUID) -> None:
    """Build the file of a batch that takes no more payouts, and store its exact bytes."""
    async with desk.database.connection() as connection:
        items = await store.contents(connection, batch.id)
    seal = await _seal(desk, batch)
    built = await asyncio.to_thread(_file, desk, batch, seal, items)
    async with desk.database.transaction() as connection:
        if await store.store_file(connection, batch.id, token, built):
            await store.release(connection, batch.id, token)
    log.info("batch_closed", rail=desk.rail, batch_id=str(batch.id), items=len(items), bytes=built.size_bytes)


def _file(desk: FileDesk, batch: Batch, seal: Seal, items: list[tuple[str, bytes]]) -> BuiltFile:
    if batch.closed_at is None:
        raise InvariantViolated(f"Batch {batch.id} is {batch.status} and was never closed.")
    attempts = [read_attempt(seal.open(key, content)) for key, content in items]
    heading = Heading(
        message_id=batch.message_id,
        created_at=batch.closed_at,
        execute_on=desk.hours.execution_date(batch.closed_at),
    )
    content = write_payments(heading, desk.debtor, attempts)
    return BuiltFile(
        name=f"{batch.closed_at:%Y%m%dT%H%M%S}-{batch.message_id}.xml",
        digest=hashlib.sha256(content).digest(),
        size_bytes=len(content),
        content=seal.close(FILE, content, desk.randomness),
        execute_on=heading.execute_on,
    )


async def _send(desk: FileDesk, batch: Batch, token: UUID) -> None:
    if batch.file_name is None:
        raise InvariantViolated(f"Batch {batch.id} is closed and has no file.")
    staged_as = batch.staged_as or await _stage(desk, batch, batch.file_name, token)
    if staged_as is None:
        return
    if await _publish(desk, staged_as, batch.file_name):
        async with desk.database.transaction() as connection:
            await store.mark_sent(connection, batch.id, desk.clock.now())
            await close_alert(connection, AlertKind.BATCH_STUCK, desk.rail, reason="the file was sent")
        log.info("batch_sent", rail=desk.rail, batch_id=str(batch.id), file=batch.file_name)
    else:
        async with desk.database.connection() as connection:
            await store.release(connection, batch.id, token, after=TRY_AGAIN_AFTER)


async def _stage(desk: FileDesk, batch: Batch, name: str, token: UUID) -> str | None:
    """Write the whole file under a temporary name; None when another worker went on meanwhile."""
    seal = await _seal(desk, batch)
    if batch.content is None:
        raise InvariantViolated(f"Batch {batch.id} was not sent and its bytes are gone.")
    content = await asyncio.to_thread(seal.open, FILE, batch.content)
    temporary_name = f".{name}.{token.hex[:12]}.part"
    boundary("batch.stage.before")
    await desk.channel.stage(temporary_name, content)
    boundary("batch.stage.after")
    async with desk.database.connection() as connection:
        if await store.mark_staged(connection, batch.id, token, temporary_name):
            return temporary_name
    await desk.channel.discard(temporary_name)
    return None


async def _publish(desk: FileDesk, staged_as: str, name: str) -> bool:
    """Let the bank have a staged file; False while payouts are stopped.

    Raises:
        Unavailable: The channel does not answer; where the file is, is asked the next time.
    """
    where = await desk.channel.whereabouts(staged_as, name)
    if where is Whereabouts.STAGED:
        async with desk.database.connection() as connection:
            if await store.is_stopped(connection):
                return False
        boundary("batch.publish.before")
        try:
            await desk.channel.publish(staged_as, name)
        except Conflict as error:
            if await desk.channel.whereabouts(staged_as, name) is Whereabouts.STAGED:
                raise Unavailable(f"The file {name} cannot be given its name: {error.message}") from error
        boundary("batch.publish.after")
    return True


async def _seal(desk: FileDesk, batch: Batch) -> Seal:
    if batch.wrapped_key is None:
        raise InvariantViolated(f"Batch {batch.id} was not sent and its key is gone.")
    return await open_seal(desk.keys, batch.id, batch.wrapped_key)


async def _tell_stuck(connection: Connection, desk: FileDesk, batch: Batch, why: str) -> None:
    await open_alert(
        connection,
        kind=AlertKind.BATCH_STUCK,
        subject=desk.rail,
        message=f"Batch {batch.id} with {batch.items} payouts cannot be sent over {desk.rail}: {why} It is tried "
        "again by itself, under the same name; see roadstead batches list.",
        severity=Severity.CRITICAL,
    )
