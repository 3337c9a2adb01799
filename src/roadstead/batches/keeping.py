"""Keeping files no longer than they are needed: after their time their keys and contents are destroyed together."""

from __future__ import annotations

import structlog

from roadstead.batches import inbox, store
from roadstead.batches.desk import FileDesk

log = structlog.get_logger()


async def destroy_old(desk: FileDesk) -> int:
    """Destroy the contents of files older than the desk keeps them; return how many. Safe to repeat.

    What they were, when they went or came, and what they told stays known; whom they paid does not.

    Raises:
        Unavailable: The database does not answer.
    """
    now = desk.clock.now()
    async with desk.database.transaction() as connection:
        sent = await store.destroy_contents(connection, desk.rail, sent_before=now - desk.kept, now=now)
        came = await inbox.destroy_contents(connection, desk.rail, received_before=now - desk.kept, now=now)
    if sent or came:
        log.info("file_contents_destroyed", rail=desk.rail, batches=sent, files=came)
    return sent + came
