"""The SQL of lists: what is searched now, the versions that were imported, and their entries."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from roadstead.database.pool import Connection
from roadstead.screening.lists.entries import Birth, Entry, EntryKind
from roadstead.screening.protocol import ListState

LISTS_LOCK = 0x5C_4E_11
"""The key of the lock that imports hold one after another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One version of a list, as it was imported."""

    list: str
    version: str
    published_on: date
    entries: int
    added: int
    changed: int
    removed: int
    imported_by: str
    imported_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a new version changes."""

    added: Sequence[Entry]
    """Entries that are new, or say something else than before."""
    ended: Collection[str]
    """Identifiers of entries that are gone, or say something else now."""
    changed: int

    @property
    def removed(self) -> int:
        """How many entries are gone."""
        return len(self.ended) - self.changed


async def states(connection: Connection) -> tuple[ListState, ...]:
    """Return what is searched now, by name."""
    rows = await connection.fetch("SELECT name, version, current_at FROM screening_lists ORDER BY name")
    return tuple(ListState(**row) for row in rows)


async def write_states(connection: Connection, found: Sequence[ListState]) -> None:
    """Note which lists a screener that keeps its own searches; what it does not name is not searched any more."""
    await connection.execute(
        "DELETE FROM screening_lists WHERE name <> ALL($1::text[])", [one.name for one in found]
    )
    for one in sorted(found, key=lambda state: state.name):
        await write_state(connection, one)


async def write_state(connection: Connection, state: ListState) -> None:
    """Note the version of one list; nothing is written when nothing is new."""
    await connection.execute(
        """
        INSERT INTO screening_lists AS l (name, version, current_at) VALUES ($1, $2, $3)
        ON CONFLICT (name) DO UPDATE SET version = EXCLUDED.version, current_at = EXCLUDED.current_at
        WHERE (l.version, l.current_at) IS DISTINCT FROM (EXCLUDED.version, EXCLUDED.current_at)
        """,
        state.name,
        state.version,
        state.current_at,
    )


async def lock_imports(connection: Connection) -> None:
    """Let no other import run until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", LISTS_LOCK)


async def latest(connection: Connection, name: str) -> Imported | None:
    """Return the version of a list that was imported last."""
    row = await connection.fetchrow(f"{_IMPORTED} WHERE list = $1 ORDER BY id DESC LIMIT 1", name)
    return None if row is None else Imported(**row)


async def imports(connection: Connection, limit: int) -> list[Imported]:
    """List what was imported, newest first."""
    rows = await connection.fetch(f"{_IMPORTED} ORDER BY id DESC LIMIT $1", limit)
    return [Imported(**row) for row in rows]


_IMPORTED = """
    SELECT list, version, published_on, entries, added, changed, removed, imported_by, imported_at
    FROM screening_list_versions"""


async def current_versions(connection: Connection, name: str) -> dict[str, str]:
    """Return the version of every current entry of a list, by identifier."""
    rows = await connection.fetch(
        "SELECT entry_id, entry_version FROM screening_entries WHERE list = $1 AND until IS NULL", name
    )
    return {row["entry_id"]: row["entry_version"] for row in rows}


async def write_version(connection: Connection, imported: Imported, digest: str) -> int:
    """Write down that a version was imported, and return its number."""
    number: int = await connection.fetchval(
        """
        INSERT INTO screening_list_versions
            (list, version, published_on, digest, entries, added, changed, removed, imported_by, imported_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id
        """,
        imported.list,
        imported.version,
        imported.published_on,
        digest,
        imported.entries,
        imported.added,
        imported.changed,
        imported.removed,
        imported.imported_by,
        imported.imported_at,
    )
    return number


async def write_entries(connection: Connection, name: str, change: Change, number: int) -> None:
    """End the entries that are gone or changed, and write those that are new."""
    await connection.execute(
        "UPDATE screening_entries SET until = $3 WHERE list = $1 AND entry_id = ANY($2) AND until IS NULL",
        name,
        list(change.ended),
        number,
    )
    await connection.copy_records_to_table(
        "screening_entries",
        columns=(
            *("list", "entry_id", "since", "entry_version", "kind", "names", "weak_names", "births"),
            "countries",
        ),
        records=[
            (
                *(name, entry.id, number, entry.version, str(entry.kind), entry.names, entry.weak_names),
                *([birth.text for birth in entry.births], entry.countries),
            )
            for entry in change.added
        ],
    )


async def current_entries(connection: Connection) -> dict[str, list[Entry]]:
    """Read every current entry of the lists that are searched, by list."""
    rows = await connection.fetch(
        """
        SELECT e.list, e.entry_id, e.kind, e.names, e.weak_names, e.births, e.countries
        FROM screening_entries AS e JOIN screening_lists AS l ON l.name = e.list
        WHERE e.until IS NULL ORDER BY e.list, e.entry_id
        """
    )
    found: dict[str, list[Entry]] = {}
    for row in rows:
        found.setdefault(row["list"], []).append(
            Entry(
                id=row["entry_id"],
                kind=EntryKind(row["kind"]),
                names=tuple(row["names"]),
                weak_names=tuple(row["weak_names"]),
                births=tuple(Birth.read(text) for text in row["births"]),
                countries=tuple(row["countries"]),
            )
        )
    return found
