"""Taking in a statement that a person got from the bank's portal, on the way of a file that the channel brought."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import Path

from roadstead.batches import inbox, understanding
from roadstead.batches.events import own_statements
from roadstead.batches.inbox import FileStatus
from roadstead.batches.rail import FileRail
from roadstead.batches.receiving import keep_file
from roadstead.errors import BadInput, Conflict, TooLarge
from roadstead.rails.iso20022.documents import FILE_BYTES_MAX
from roadstead.rails.iso20022.reading import AccountReport, read_bank_file
from roadstead.rails.protocol import Rail
from roadstead.rails.statements import BankStatement
from roadstead.statements import store
from roadstead.statements.chaining import digest_of, storable
from roadstead.statements.store import StoredStatement
from roadstead.statements.taking import poll_statements

NAME_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a file that was given by hand."""

    name: str
    is_new: bool
    """False when the same file was known, from the channel or from another hand."""
    statements: tuple[StoredStatement, ...]


def read_given(path: Path) -> bytes:
    """Read a file that a person names.

    Raises:
        BadInput: It cannot be read.
        TooLarge: It has more bytes than any file of a bank should.
    """
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror or type(error).__name__}).") from None
    if len(content) > FILE_BYTES_MAX:
        raise TooLarge(f"{path} has more than the {FILE_BYTES_MAX} bytes that are read at most.")
    return content


async def import_file(rail: Rail, name: str, content: bytes, *, actor: str) -> Imported:
    """Store a camt.053 of a rail that pays by file, sealed and audited, understand it and take its statements in.

    What it tells of payments and statements is checked, stored once and linked as if the channel had brought it. Safe
    to repeat; what is not of this kind or not of our account is refused before anything is stored.

    Raises:
        BadInput: The rail has no files, or the file is no statement of its account.
        Conflict: What the file tells could not be taken in; it is kept.
        TooLarge: It has more bytes than any file of a bank should.
        Unavailable: The database or the keeper of the keys does not answer.
    """
    if not isinstance(rail, FileRail):
        raise BadInput(
            f"Rail {rail.name} tells its statements by itself: a file is imported only for a rail of kind iso20022."
        )
    desk = rail.desk
    own = await asyncio.to_thread(_own_statements, content, desk.debtor.account, rail.name)
    is_new = await keep_file(desk, name[:NAME_MAX], content, given_by=actor)
    await _read_again(rail, name[:NAME_MAX], content)
    await understanding.understand_stored(desk)
    async with desk.database.connection() as connection:
        status = await inbox.known_status(
            connection, rail.name, name[:NAME_MAX], hashlib.sha256(content).digest()
        )
    if status is not FileStatus.UNDERSTOOD:
        raise Conflict("The file is kept, and could not be understood: roadstead batches files says why.")
    await poll_statements(desk.database, rail.name, rail, desk.clock)
    async with desk.database.connection() as connection:
        found = [await store.by_digest(connection, rail.name, digest_of(storable(each))) for each in own]
    return Imported(
        name=name,
        is_new=is_new,
        statements=tuple(one for one in found if one is not None),
    )


def _own_statements(content: bytes, account: str, rail: str) -> tuple[BankStatement, ...]:
    read = read_bank_file(content).content
    if not isinstance(read, AccountReport) or not read.is_statement:
        raise BadInput("The file is no statement (camt.053): ask the bank's portal for one.")
    own = own_statements(read, account)
    if not own:
        raise BadInput(
            f"The file has no statement of our account behind {rail}: see that it is of this rail."
        )
    return own


async def _read_again(rail: FileRail, name: str, content: bytes) -> None:
    """Let a known file that could not be understood before be read once more."""
    digest = hashlib.sha256(content).digest()
    async with rail.desk.database.connection() as connection:
        file_id = await inbox.unreadable(connection, rail.name, name, digest)
        if file_id is not None:
            await inbox.read_again(connection, file_id)
