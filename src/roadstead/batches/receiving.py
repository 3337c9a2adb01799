"""Fetching the bank's files: each is stored as it came before anybody tries to understand it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from roadstead.batches import inbox, understanding
from roadstead.batches.desk import FileDesk
from roadstead.batches.inbox import FileStatus
from roadstead.batches.sealing import new_seal
from roadstead.boundaries import boundary
from roadstead.errors import NotFound, TooLarge, Unavailable
from roadstead.operations import audit
from roadstead.operations.alerts import AlertKind, close_alert, open_alert
from roadstead.rails.channels.protocol import OfferedFile
from roadstead.rails.iso20022.documents import FILE_BYTES_MAX
from roadstead.randomness import new_id

log = structlog.get_logger()


FAULTS_MAX = 3
"""So many files that cannot be fetched or put away end a look; the next one begins with the others."""


class Receiver:
    """Fetches the files of one rail. What it remembers between two looks is only what is incomplete or left behind."""

    def __init__(self, desk: FileDesk) -> None:
        """Bind the desk; nothing has been seen yet."""
        self._desk = desk
        self._seen: dict[str, tuple[OfferedFile, datetime]] = {}
        self._left: set[OfferedFile] = set()
        """Files that stay where they are because they cannot be understood."""
        self._faulty: set[str] = set()
        """Names of files that could not be fetched or put away the last time."""

    async def look(self) -> int:
        """List what the bank has put out, store what is complete, understand it and put it away; return how many came.

        A file counts as complete when it looked the same for a while. One that cannot be fetched or put away holds up
        no other. Safe to repeat, and to run twice at once.

        Raises:
            Unavailable: The channel, the database or the keeper of the keys does not answer, or not for every file.
        """
        try:
            boundary("file.list.before")
            offered = await self._desk.channel.offered()
            boundary("file.list.after")
        except Unavailable as error:
            await self._tell_unreachable(error)
            raise
        count, fault = await self._take_all(self._complete(offered))
        # What was stored by a process that died before it understood it.
        await understanding.understand_stored(self._desk)
        if fault is not None:
            await self._tell_unreachable(fault)
            raise fault
        async with self._desk.database.connection() as connection:
            await close_alert(
                connection, AlertKind.BANK_CHANNEL, self._desk.rail, reason="the bank's channel answers"
            )
        return count

    async def _take_all(self, files: Sequence[OfferedFile]) -> tuple[int, Unavailable | None]:
        """Take every file that can be had, those that could not be last; return how many came, and the first fault."""
        count, faults = 0, list[Unavailable]()
        for file in sorted(files, key=lambda each: each.name in self._faulty):
            try:
                count += await self._take(file)
                self._faulty.discard(file.name)
            except Unavailable as error:
                log.warning("bank_file_not_taken", rail=self._desk.rail, error=error.message)
                self._faulty.add(file.name)
                faults.append(error)
            if len(faults) >= FAULTS_MAX:
                break
        return count, faults[0] if faults else None

    def _complete(self, offered: Sequence[OfferedFile]) -> list[OfferedFile]:
        now = self._desk.clock.now()
        self._left &= set(offered)
        self._faulty &= {file.name for file in offered}
        seen = {}
        for file in offered:
            before = self._seen.get(file.name)
            seen[file.name] = before if before is not None and before[0] == file else (file, now)
        self._seen = seen
        settle = timedelta(seconds=self._desk.settle_s)
        return [file for file, since in seen.values() if now - since >= settle and file not in self._left]

    async def _take(self, file: OfferedFile) -> bool:
        """Store one file, understand it, and put it away; one that cannot be understood stays where it is."""
        try:
            boundary("file.read.before")
            content = await self._desk.channel.read(file.name, bytes_max=FILE_BYTES_MAX)
            boundary("file.read.after")
        except NotFound:
            return False
        except TooLarge as error:
            self._left.add(file)
            await self._tell_too_large(error)
            return False
        if len(content) != file.size_bytes:
            # Somebody still writes to it.
            del self._seen[file.name]
            return False
        digest = hashlib.sha256(content).digest()
        is_new = await keep_file(self._desk, file.name, content)
        await understanding.understand_stored(self._desk)
        async with self._desk.database.connection() as connection:
            status = await inbox.known_status(connection, self._desk.rail, file.name, digest)
        if status is FileStatus.UNDERSTOOD:
            boundary("file.archive.before")
            await self._desk.channel.archive(file)
            boundary("file.archive.after")
        else:
            self._left.add(file)
        return is_new

    async def _tell_unreachable(self, error: Unavailable) -> None:
        async with self._desk.database.connection() as connection:
            await open_alert(
                connection,
                kind=AlertKind.BANK_CHANNEL,
                subject=self._desk.rail,
                message=f"The files of {self._desk.rail} cannot be fetched: {error.message}",
            )

    async def _tell_too_large(self, error: TooLarge) -> None:
        async with self._desk.database.connection() as connection:
            await open_alert(
                connection,
                kind=AlertKind.BANK_FILE,
                subject=self._desk.rail,
                message=f"A file of the bank behind {self._desk.rail} is not read: {error.message} It stays there.",
            )


async def keep_file(desk: FileDesk, name: str, content: bytes, *, given_by: str | None = None) -> bool:
    """Store a file as it came, sealed; False when one of this name and content is known.

    A file that a person gives by hand is written to the audit log with it, in the name of `given_by`.

    Raises:
        Unavailable: The database or the keeper of the keys does not answer.
    """
    digest = hashlib.sha256(content).digest()
    async with desk.database.connection() as connection:
        if await inbox.known_status(connection, desk.rail, name, digest) is not None:
            return False
    file_id = new_id(desk.randomness)
    seal, wrapped_key = await new_seal(desk.keys, file_id, desk.randomness)
    async with desk.database.transaction() as connection:
        is_new = await inbox.store_file(
            connection,
            file_id=file_id,
            rail=desk.rail,
            name=name,
            digest=digest,
            size_bytes=len(content),
            content=seal.close(understanding.CONTENT, content, desk.randomness),
            wrapped_key=wrapped_key,
            now=desk.clock.now(),
        )
        if is_new and given_by is not None:
            await audit.record(
                connection,
                actor=given_by,
                action="file.imported",
                subject=f"file {file_id}",
                detail={"rail": desk.rail, "sha256": digest.hex()},
            )
    if is_new:
        log.info("bank_file_stored", rail=desk.rail, file_id=str(file_id), bytes=len(content))
    return is_new
