"""The SQL of bank statements and their lines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from roadstead.database.pool import Connection, Row
from roadstead.errors import InvariantViolated
from roadstead.money import Asset, parse_asset
from roadstead.rails.statements import BankStatement
from roadstead.statements.chaining import Fault, Link, StatementStatus, booked_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStatement:
    """Where a stored statement stands."""

    id: int
    sequence: int | None
    status: StatementStatus
    fault: Fault | None


async def move_cursor(connection: Connection, rail: str, *, seen: str | None, cursor: str | None) -> bool:
    """Move a rail's cursor of statements from `seen` to `cursor`; False when another process moved it meanwhile."""
    if cursor is None:
        return True
    moved: bool | None = await connection.fetchval(
        """
        INSERT INTO cursors (source, position) VALUES ($1, $2)
        ON CONFLICT (source) DO UPDATE SET position = EXCLUDED.position, read_at = now()
        WHERE cursors.position IS NOT DISTINCT FROM $3
        RETURNING true
        """,
        _source(rail),
        cursor,
        seen,
    )
    return bool(moved)


async def cursor_of(connection: Connection, rail: str) -> str | None:
    """Return how far a rail's statements have been stored."""
    position: str | None = await connection.fetchval(
        "SELECT position FROM cursors WHERE source = $1", _source(rail)
    )
    return position


def _source(rail: str) -> str:
    return f"statements:{rail}"


async def lock_chain(connection: Connection, rail: str) -> None:
    """Let nobody else store or link statements of a rail until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", _source(rail))


async def insert(
    connection: Connection, rail: str, statement: BankStatement, *, digest: bytes, fault: Fault, now: datetime
) -> int | None:
    """Store a statement with its lines, as broken until it is linked; None when this content is stored already."""
    lines = booked_lines(statement)
    opening, closing = statement.opening, statement.closing
    statement_id: int | None = await connection.fetchval(
        """
        INSERT INTO bank_statements (rail, identity, digest, account, sequence, asset, opening_units, closing_units,
            opened_on, closed_on, created_at, lines_count, status, fault, stored_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'broken', $13, $14)
        ON CONFLICT (rail, digest) DO NOTHING RETURNING id
        """,
        rail,
        statement.identity,
        digest,
        statement.account,
        statement.sequence,
        opening.asset.id if opening else None,
        opening.units if opening else None,
        closing.units if closing else None,
        statement.opened_on,
        statement.closed_on,
        statement.created_at,
        len(lines),
        fault,
        now,
    )
    if statement_id is None:
        return None
    await connection.executemany(
        """
        INSERT INTO statement_lines (statement_id, identity, asset, amount_units, is_credit, is_reversal, booked_on,
            value_on, bank_reference, end_to_end_id, key, reason, counterparty_name, counterparty_account, information)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
        """,
        [
            (
                statement_id,
                line.identity,
                line.amount.asset.id,
                line.amount.units,
                line.is_credit,
                line.is_reversal,
                line.booked_on,
                line.value_on,
                line.bank_reference,
                line.end_to_end_id,
                line.key,
                line.reason,
                line.counterparty_name,
                line.counterparty_account,
                line.information,
            )
            for line in lines
        ],
    )
    return statement_id


async def is_linked(connection: Connection, rail: str, identity: str) -> bool:
    """Whether a statement of this identity is in the chain."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM bank_statements WHERE rail = $1 AND identity = $2 AND status = 'linked')",
        rail,
        identity,
    )
    return found


async def by_digest(connection: Connection, rail: str, digest: bytes) -> StoredStatement | None:
    """Look up the statement of a content; None when it is not stored."""
    row = await connection.fetchrow(
        "SELECT id, sequence, status, fault FROM bank_statements WHERE rail = $1 AND digest = $2",
        rail,
        digest,
    )
    if row is None:
        return None
    return StoredStatement(
        id=row["id"],
        sequence=row["sequence"],
        status=StatementStatus(row["status"]),
        fault=None if row["fault"] is None else Fault(row["fault"]),
    )


_LINK = "id, account, opening_units, closing_units, sequence, closed_on"


async def head(connection: Connection, rail: str, asset: str) -> Link | None:
    """Return the last statement of a chain; None before the first."""
    row = await connection.fetchrow(
        f"""
        SELECT {_LINK} FROM bank_statements AS s WHERE rail = $1 AND asset = $2 AND status = 'linked'
            AND NOT EXISTS (SELECT FROM bank_statements AS n WHERE n.follows = s.id)
        """,  # noqa: S608 - composed of constants
        rail,
        asset,
    )
    return None if row is None else _link(row)


async def waiting(connection: Connection, rail: str, asset: str) -> list[Link]:
    """List the sound statements that wait for the one before them."""
    rows = await connection.fetch(
        f"""
        SELECT {_LINK} FROM bank_statements
        WHERE rail = $1 AND asset = $2 AND status = 'broken' AND fault IN ('gap', 'other_account') ORDER BY id
        """,  # noqa: S608 - composed of constants
        rail,
        asset,
    )
    return [_link(row) for row in rows]


def _link(row: Row) -> Link:
    return Link(
        id=row["id"],
        account=row["account"],
        opening_units=row["opening_units"],
        closing_units=row["closing_units"],
        sequence=row["sequence"],
        closed_on=row["closed_on"],
    )


async def set_fault(connection: Connection, statement_id: int, fault: Fault) -> None:
    """Say otherwise why a statement waits."""
    await connection.execute("UPDATE bank_statements SET fault = $2 WHERE id = $1", statement_id, fault)


async def link(connection: Connection, statement_id: int, after: int | None, now: datetime) -> None:
    """Put a statement into the chain, and broken copies of it aside. The database compares the balances once more."""
    await connection.execute(
        "UPDATE bank_statements SET status = 'linked', fault = NULL, follows = $2, linked_at = $3 WHERE id = $1",
        statement_id,
        after,
        now,
    )
    await connection.execute(
        """
        UPDATE bank_statements AS b SET status = 'superseded' FROM bank_statements AS s
        WHERE s.id = $1 AND b.rail = s.rail AND b.status = 'broken' AND b.fault <> 'gap' AND b.account = s.account
            AND (b.asset IS NULL OR b.asset = s.asset) AND (b.identity = s.identity OR b.sequence = s.sequence)
            AND b.stored_at <= s.stored_at
            AND (b.closed_on = s.closed_on OR b.closed_on IS NULL OR s.closed_on IS NULL)
        """,
        statement_id,
    )


async def begin(connection: Connection, statement_id: int) -> int:
    """Note what the first statement's opening balance holds of attempts, and return the sum in units.

    That is what the books moved at the bank before its first day, and what no line of it tells of.
    """
    units: int = await connection.fetchval(
        """
        WITH first AS (
            SELECT s.id, s.rail, s.asset, COALESCE(s.opened_on, s.created_at::date, s.stored_at::date) AS day
            FROM bank_statements AS s WHERE s.id = $1
        ), moved AS (
            SELECT split_part(o.idempotency_key, ':', 2) AS key, sum(e.amount_units)::bigint AS units
            FROM first AS f JOIN entries AS e ON e.account = 'bank:' || f.rail AND e.asset = f.asset
            JOIN postings AS o ON o.id = e.posting_id
            WHERE o.idempotency_key LIKE 'attempt:%' AND o.posted_at < f.day GROUP BY 1
        ), noted AS (
            UPDATE payout_attempts AS a SET opening_units = m.units
            FROM moved AS m, payouts AS p
            WHERE a.key = m.key AND p.id = a.payout_id AND NOT EXISTS (SELECT FROM statement_lines AS l
                WHERE l.statement_id = $1 AND (l.key = a.key OR l.end_to_end_id = p.end_to_end_id))
            RETURNING m.units
        )
        SELECT COALESCE(sum(units), 0)::bigint FROM noted
        """,
        statement_id,
    )
    return units


async def broken(connection: Connection, rail: str, limit: int) -> tuple[int, list[tuple[str, Fault]]]:
    """Count the broken statements of a rail and return the oldest of them, each with what is wrong with it."""
    rows = await connection.fetch(
        """
        SELECT identity, fault, count(*) OVER () AS count FROM bank_statements
        WHERE rail = $1 AND status = 'broken' ORDER BY id LIMIT $2
        """,
        rail,
        limit,
    )
    found = [(row["identity"], Fault(row["fault"])) for row in rows]
    return (rows[0]["count"] if rows else 0), found


async def rail_of(connection: Connection, statement_id: int) -> str | None:
    """Return the rail of a statement, which never changes; None when there is no such statement."""
    rail: str | None = await connection.fetchval(
        "SELECT rail FROM bank_statements WHERE id = $1", statement_id
    )
    return rail


async def asset_of(connection: Connection, statement_id: int) -> Asset | None:
    """Return the currency of a statement; None when it did not say."""
    asset = await connection.fetchval("SELECT asset FROM bank_statements WHERE id = $1", statement_id)
    return None if asset is None else parse_asset(asset)


async def standing_of(connection: Connection, statement_id: int) -> tuple[StatementStatus, Fault | None]:
    """Lock a statement that is there; return where it stands and why."""
    row = await connection.fetchrow(
        "SELECT status, fault FROM bank_statements WHERE id = $1 FOR UPDATE", statement_id
    )
    if row is None:
        raise InvariantViolated(f"Statement {statement_id} is gone, and none is ever deleted.")
    return StatementStatus(row["status"]), None if row["fault"] is None else Fault(row["fault"])


async def supersede(connection: Connection, statement_id: int) -> None:
    """Put a broken statement aside."""
    await connection.execute("UPDATE bank_statements SET status = 'superseded' WHERE id = $1", statement_id)


async def wait_again(connection: Connection, statement_id: int) -> None:
    """Let a statement that was set aside wait for the one before it."""
    await connection.execute("UPDATE bank_statements SET status = 'broken' WHERE id = $1", statement_id)
