"""How far the chain was read, and every time that reading did not go on where it had ended.

An operation's id on the chain counts from the network's first ledger. A test network that is reset counts from one
again, so our tables know an operation by a number of their own, `operation_key`: the id with the cursor's ledger offset
added to its ledger. It never repeats, it grows with time across resets, and on a network that was never reset it is
the id itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from roadstead.database.pool import Connection
from roadstead.errors import InvariantViolated, Unavailable

BEGINNING = "0"
"""The position before the first operation of all."""
LEDGER_OFFSET_MAX = 2**31 - 1
_LEDGER_SHIFT = 32


class Reseeded(Unavailable):
    """The cursor was set anew while a page was being read; nothing of that page was stored."""

    code = "reseeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerMark:
    """A ledger and its close time."""

    sequence: int
    closed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far a source was read."""

    position: str
    """Paging token of the last record read."""
    network_passphrase: str | None
    ledger: LedgerMark | None
    """The last ledger up to which everything was surely read; None until the first time that the end was reached."""
    read_at: datetime
    """When, by the database's clock."""
    seeding: int
    """How often the cursor was set anew."""
    ledger_offset: int
    """What is added to the ledgers of this life of the network in our tables."""

    @property
    def ledger_reached(self) -> int:
        """The last ledger of which anything was read."""
        read = int(self.position) >> _LEDGER_SHIFT
        return max(read, self.ledger.sequence) if self.ledger else read


class SeedingKind(StrEnum):
    """Why a cursor was set anew."""

    RESET = "reset"
    """The network began anew: everything is read from its first ledger."""
    GAP = "gap"
    """No Horizon keeps the history after the cursor any more: reading goes on where it begins now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeding:
    """Where reading goes on, and why not where it had ended."""

    kind: SeedingKind
    position: str
    ledger_offset: int
    actor: str
    reason: str


def cursor_source(account: str) -> str:
    """Return the name under which the cursor of an account is kept."""
    return f"horizon:{account}"


def operation_key(operation_id: int, ledger_offset: int) -> int:
    """Return the number by which our tables know an operation of the chain."""
    return operation_id + (ledger_offset << _LEDGER_SHIFT)


def plan_seeding(
    committed: Cursor, kind: SeedingKind, elder_ledger: int, *, actor: str, reason: str
) -> Seeding:
    """Decide where reading goes on; `elder_ledger` is the first ledger whose history Horizon has.

    Raises:
        InvariantViolated: There were too many ledgers in all lives of the network for 64 bits.
    """
    if kind is SeedingKind.GAP:
        position = str(max(int(committed.position), (elder_ledger << _LEDGER_SHIFT) - 1))
        return Seeding(
            kind=kind, position=position, ledger_offset=committed.ledger_offset, actor=actor, reason=reason
        )
    offset = committed.ledger_offset + committed.ledger_reached + 1
    if offset > LEDGER_OFFSET_MAX:
        raise InvariantViolated(
            "The network was reset so often that its ledgers exceed what the database can count. Start with an empty "
            "database."
        )
    return Seeding(kind=kind, position=BEGINNING, ledger_offset=offset, actor=actor, reason=reason)


async def cursor(connection: Connection, source: str) -> Cursor | None:
    """Return how far a source was read; None when it never was."""
    row = await connection.fetchrow(
        """
        SELECT position, network_passphrase, ledger, ledger_closed_at, read_at, seeding, ledger_offset
        FROM cursors WHERE source = $1
        """,
        source,
    )
    if row is None:
        return None
    mark = None
    if row["ledger"] is not None and row["ledger_closed_at"] is not None:
        mark = LedgerMark(sequence=row["ledger"], closed_at=row["ledger_closed_at"])
    return Cursor(
        position=row["position"],
        network_passphrase=row["network_passphrase"],
        ledger=mark,
        read_at=row["read_at"],
        seeding=row["seeding"],
        ledger_offset=row["ledger_offset"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Where reading stands after a page."""

    source: str
    position: str
    network_passphrase: str
    ledger: LedgerMark | None = None
    """The ledger up to which everything is surely read now, where this page was the last one."""
    seeding: int = 0
    ledger_offset: int = 0


async def move(connection: Connection, reached: Reached) -> None:
    """Move the cursor of a source, which never goes back. Needs the transaction that stores what was read.

    Raises:
        Reseeded: Somebody set the cursor anew since it was looked up; the transaction must be given up.
    """
    moved = await connection.fetchval(
        """
        INSERT INTO cursors (source, position, network_passphrase, ledger, ledger_closed_at, seeding, ledger_offset)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (source) DO UPDATE SET
            position = excluded.position,
            network_passphrase = excluded.network_passphrase,
            ledger = GREATEST(cursors.ledger, excluded.ledger),
            ledger_closed_at = GREATEST(cursors.ledger_closed_at, excluded.ledger_closed_at),
            read_at = now()
        WHERE cursors.seeding = excluded.seeding AND cursors.ledger_offset = excluded.ledger_offset
        RETURNING true
        """,
        reached.source,
        reached.position,
        reached.network_passphrase,
        reached.ledger.sequence if reached.ledger else None,
        reached.ledger.closed_at if reached.ledger else None,
        reached.seeding,
        reached.ledger_offset,
    )
    if moved is None:
        raise Reseeded(f"The cursor of {reached.source} was set anew meanwhile. Reading goes on from there.")


async def reseed(connection: Connection, source: str, committed: Cursor, seeding: Seeding) -> bool:
    """Set the cursor anew and keep a record of it; False when somebody did so since `committed` was looked up.

    Until the end of the chain is reached again nothing counts as surely read. Needs a transaction.
    """
    number = await connection.fetchval(
        """
        UPDATE cursors SET position = $3, ledger_offset = $4, seeding = seeding + 1, ledger = NULL,
            ledger_closed_at = NULL, read_at = now()
        WHERE source = $1 AND seeding = $2 RETURNING seeding
        """,
        source,
        committed.seeding,
        seeding.position,
        seeding.ledger_offset,
    )
    if number is None:
        return False
    await connection.execute(
        """
        INSERT INTO chain_seedings (source, number, kind, actor, reason, position_before, ledger_before,
            position_after, ledger_offset)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        source,
        number,
        seeding.kind,
        seeding.actor,
        seeding.reason,
        committed.position,
        committed.ledger.sequence if committed.ledger else None,
        seeding.position,
        seeding.ledger_offset,
    )
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSeeding:
    """One time that the cursor was set anew."""

    number: int
    kind: str
    seeded_at: datetime
    actor: str
    reason: str
    position_before: str
    position_after: str


async def seedings(connection: Connection, source: str, *, limit: int) -> list[RecordedSeeding]:
    """List the latest times that the cursor of a source was set anew."""
    rows = await connection.fetch(
        """
        SELECT number, kind, seeded_at, actor, reason, position_before, position_after
        FROM chain_seedings WHERE source = $1 ORDER BY number DESC LIMIT $2
        """,
        source,
        limit,
    )
    return [RecordedSeeding(**row) for row in rows]
