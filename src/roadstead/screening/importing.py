"""Importing a list: all of it or nothing, and never one that looks wrong without a person's word."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from roadstead.clock import Clock
from roadstead.database.pool import Connection, Database, limit_transaction
from roadstead.errors import BadInput, Conflict
from roadstead.operations import audit
from roadstead.screening import lists_store as store
from roadstead.screening.lists.entries import ListFile
from roadstead.screening.lists.reading import read_list
from roadstead.screening.lists.safe_xml import FILE_BYTES_MAX
from roadstead.screening.protocol import ListState

NAME_MAX = 40
IMPORT_S = 300.0
"""How long an import may take: a whole list is written in one transaction."""
SHRINK_MAX_PERCENT = 10
"""A list that loses more of its entries at once was most likely cut off on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOutcome:
    """What an import did."""

    imported: store.Imported
    is_new: bool
    """False when the very same file is searched already: it is known to be current again, and that is all."""


async def import_list(
    database: Database, name: str, data: bytes, *, actor: str, clock: Clock, force: bool = False
) -> ImportOutcome:
    """Keep a list file under a name and search it from now on. Safe to repeat.

    The same file again says that it is still the newest one. After another one every customer is screened again, and no
    payout goes out to or from somebody who was not.

    Raises:
        BadInput: The file cannot be read, or belongs to another list.
        Conflict: It is older than the one that is searched, or much shorter, and `force` does not say that this is
            right; nothing was changed.
        Unavailable: The database does not answer.
    """
    file = read_list(data, name=name)
    async with database.transaction() as connection:
        await limit_transaction(connection, IMPORT_S)
        await store.lock_imports(connection)
        known = await store.latest(connection, name)
        now = clock.now()
        if known is not None and known.version == file.version:
            await store.write_state(connection, ListState(name=name, version=file.version, current_at=now))
            await _audit(connection, known, actor, "confirmed")
            return ImportOutcome(imported=known, is_new=False)
        if known is not None and not force:
            _require_plausible(file, known)
        change = _change(file, await store.current_versions(connection, name))
        imported = store.Imported(
            list=name,
            version=file.version,
            published_on=file.published_on,
            entries=len(file.entries),
            added=len(change.added) - change.changed,
            changed=change.changed,
            removed=change.removed,
            imported_by=actor,
            imported_at=now,
        )
        number = await store.write_version(connection, imported, file.digest)
        await store.write_entries(connection, name, change, number)
        await store.write_state(connection, ListState(name=name, version=file.version, current_at=now))
        await _audit(connection, imported, actor, "imported")
    return ImportOutcome(imported=imported, is_new=True)


def _require_plausible(file: ListFile, known: store.Imported) -> None:
    if file.published_on < known.published_on:
        raise Conflict(
            f"The file was published on {file.published_on}, and version {known.version} of {known.list} is newer: "
            "fetch the newest file, or say --force if this one is right."
        )
    least = known.entries * (100 - SHRINK_MAX_PERCENT) / 100
    if len(file.entries) < least:
        raise Conflict(
            f"The file has {len(file.entries)} entries, and version {known.version} of {known.list} has "
            f"{known.entries}: it was most likely cut off. Fetch it anew, or say --force if the list is really so much "
            "shorter."
        )


def _change(file: ListFile, known: dict[str, str]) -> store.Change:
    added = [entry for entry in file.entries if known.get(entry.id) != entry.version]
    changed = {entry.id for entry in added if entry.id in known}
    gone = known.keys() - {entry.id for entry in file.entries}
    return store.Change(added=added, ended=changed | gone, changed=len(changed))


async def _audit(connection: Connection, imported: store.Imported, actor: str, done: str) -> None:
    await audit.record(
        connection,
        actor=actor,
        action=f"screening_list.{done}",
        subject=f"screening_list {imported.list}",
        detail={
            "version": imported.version,
            "entries": str(imported.entries),
            "added": str(imported.added),
            "changed": str(imported.changed),
            "removed": str(imported.removed),
        },
    )


def require_list_name(name: str) -> str:
    """Return a name under which a list may be kept.

    Raises:
        BadInput: It is none.
    """
    plain = name.replace("-", "")
    if not (
        plain.isascii()
        and plain.isalnum()
        and name == name.lower()
        and name[0] != "-"
        and len(name) <= NAME_MAX
    ):
        raise BadInput(
            "A list is named with up to 40 small letters, digits and hyphens, for example ofac, un or eu."
        )
    return name


def read_file(path: Path) -> bytes:
    """Read a list file from the disk, as much of it as any list has.

    Raises:
        BadInput: It cannot be read, or is too large.
    """
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read ({error.strerror}): name the file that you fetched."
        ) from error
    if len(data) > FILE_BYTES_MAX:
        raise BadInput(f"{path} has more than {FILE_BYTES_MAX} bytes: name the publisher's XML file.")
    return data
