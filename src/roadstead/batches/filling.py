"""Putting attempts into the open batch: once for each key, whatever is repeated, and never twice with other content."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import asyncpg
import structlog

from roadstead.batches import store
from roadstead.batches.desk import FileDesk
from roadstead.batches.sealing import new_seal, open_seal
from roadstead.batches.store import Batch, BatchStatus, NewItem
from roadstead.errors import InvariantViolated
from roadstead.rails.iso20022.payments import adjustments, uetr_of
from roadstead.rails.protocol import PayoutAttempt
from roadstead.rails.written import write_attempt
from roadstead.randomness import new_id

log = structlog.get_logger()

TRIES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The very same attempt is in a batch."""

    batch_id: str
    is_withheld: bool = False
    """Whether nobody can say if the batch was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Differs:
    """The key is known, and whether it is the same attempt cannot be said or is not so."""

    why: str


async def put(desk: FileDesk, attempt: PayoutAttempt) -> Kept | Differs:
    """Put an attempt into the open batch, which is opened when there is none. May be repeated; it is put once.

    Raises:
        InvariantViolated: What is stored cannot be read, or no batch could be had.
        Unavailable: The database or the keeper of the keys does not answer; it may have been put.
    """
    for _ in range(TRIES):
        known = await compare(desk, attempt)
        if known is not None:
            return known
        batch = await _open_batch(desk)
        if batch is None or batch.wrapped_key is None:
            continue
        seal = await open_seal(desk.keys, batch.id, batch.wrapped_key)
        changes = [str(each) for each in adjustments(attempt)]
        item = NewItem(
            key=attempt.key,
            end_to_end_id=attempt.end_to_end_id,
            uetr=uetr_of(attempt.key),
            amount=attempt.amount,
            content=seal.close(attempt.key, write_attempt(attempt), desk.randomness),
            adjustments=changes,
        )
        try:
            async with desk.database.transaction() as connection:
                is_put = await store.put_item(
                    connection, batch.id, item, items_max=desk.items_max, now=desk.clock.now()
                )
        except asyncpg.UniqueViolationError:
            continue
        if is_put:
            if changes:
                log.info("payment_text_adjusted", rail=desk.rail, key=attempt.key, changes=changes)
            return Kept(batch_id=str(batch.id))
    raise InvariantViolated(
        f"Attempt {attempt.key} found no batch of rail {desk.rail} to go into: look at its batches."
    )


async def compare(desk: FileDesk, attempt: PayoutAttempt) -> Kept | Differs | None:
    """Compare an attempt with what is kept under its key; None when the key is not known.

    Raises:
        InvariantViolated: What is stored cannot be read.
        Unavailable: The database or the keeper of the keys does not answer.
    """
    async with desk.database.connection() as connection:
        known = await store.item(connection, attempt.key)
    if known is None:
        return None
    if known.content is None or known.wrapped_key is None:
        return Differs(why="its content was destroyed after its time, so that nobody can compare")
    seal = await open_seal(desk.keys, known.batch_id, known.wrapped_key)
    if seal.open(known.key, known.content) != write_attempt(attempt):
        return Differs(why="it is in a batch with other content")
    return Kept(batch_id=str(known.batch_id), is_withheld=known.batch_status is BatchStatus.WITHHELD)


async def _open_batch(desk: FileDesk) -> Batch | None:
    """Return the open batch, after closing a full one and opening another; None when somebody was faster."""
    async with desk.database.connection() as connection:
        found = await store.open_batch(connection, desk.rail)
        if found is not None and found.items >= desk.items_max:
            await store.stop_filling(connection, found.id, desk.clock.now())
            found = None
    if found is not None:
        return found
    batch_id, now = new_id(desk.randomness), desk.clock.now()
    _, wrapped_key = await new_seal(desk.keys, batch_id, desk.randomness)
    new = Batch(
        id=batch_id,
        rail=desk.rail,
        asset=desk.asset,
        message_id=message_id_of(batch_id.bytes),
        status=BatchStatus.OPEN,
        items=0,
        closed_at=None,
        file_name=None,
        content=None,
        wrapped_key=wrapped_key,
        staged_as=None,
    )
    async with desk.database.connection() as connection:
        await store.insert_batch(connection, new, wrapped_key, opened_at=now, closes_at=desk.closes_at(now))
        return await store.open_batch(connection, desk.rail)


def message_id_of(random_bytes: bytes) -> str:
    """Name a batch's file for the bank (`MsgId`): from random bytes, so that no restored database uses it again."""
    return "B" + base64.b32encode(random_bytes).decode().rstrip("=")
