"""The SQL of lines in suspense: what waits, who resolved which, and the marks that a resolution leaves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from roadstead.database.pool import Connection, Row
from roadstead.errors import NotFound
from roadstead.money import Money, parse_asset
from roadstead.operations import audit
from roadstead.rails.protocol import RailStatus
from roadstead.statements.lines import line_of
from roadstead.statements.matching import Line, LineStatus, MatchedBy, Named
from roadstead.statements.resolutions import Purpose, Resolution


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedLine:
    """A line as a decision about it looks at it."""

    line: Line
    status: LineStatus
    resolutions: int
    """How often it was resolved, corrected resolutions too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingLine:
    """A line that stands in suspense, without whom it names."""

    id: int
    statement_id: int
    rail: str
    booked_on: date | None
    amount: Money
    """What it did to the balance: negative when money went out."""
    is_reversal: bool
    end_to_end_id: str | None
    bank_reference: str | None
    why: str
    since: datetime
    hold_id: UUID | None
    """The decision about it that is under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspenseTotal:
    """What stands in suspense of one rail and currency, in one direction."""

    rail: str
    is_credit: bool
    count: int
    amount: Money
    oldest_since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PastResolution:
    """One line of a line's history."""

    number: int
    purpose: Purpose
    account: str | None
    attempt_key: str | None
    tells: str | None
    hold_id: UUID
    resolved_at: datetime
    corrected_by: UUID | None
    corrected_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Whom:
    """Whom a line names, and its text: personal data, shown to who may see them."""

    counterparty_name: str | None
    counterparty_account: str | None
    information: str


_WAITING = """
SELECT l.id, l.statement_id, s.rail, l.booked_on, l.asset, l.is_reversal, l.end_to_end_id, l.bank_reference,
    CASE WHEN l.is_credit THEN l.amount_units ELSE -l.amount_units END AS units, l.suspense_reason AS why,
    COALESCE((SELECT max(r.corrected_at) FROM line_resolutions AS r WHERE r.line_id = l.id), l.booked_at) AS since,
    (SELECT h.id FROM holds AS h WHERE h.kind = 'statement_line' AND h.subject = l.id::text
        AND h.status NOT IN ('applied', 'withdrawn')) AS hold_id
FROM statement_lines AS l JOIN bank_statements AS s ON s.id = l.statement_id WHERE l.status = 'suspended'
"""


async def waiting(connection: Connection, *, rail: str | None, limit: int) -> list[WaitingLine]:
    """List the lines in suspense, of all rails or of one, those first that stand there longest."""
    rows = await connection.fetch(
        f"SELECT * FROM ({_WAITING}) AS w WHERE $1::text IS NULL OR rail = $1 ORDER BY since, id LIMIT $2",  # noqa: S608
        rail,
        limit,
    )
    return [_waiting(row) for row in rows]


async def totals(connection: Connection) -> list[SuspenseTotal]:
    """Add up what stands in suspense, by rail, currency and direction."""
    rows = await connection.fetch(
        f"""
        SELECT rail, asset, units > 0 AS is_credit, count(*) AS count, sum(abs(units)) AS units, min(since) AS since
        FROM ({_WAITING}) AS w GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        """  # noqa: S608 - composed of constants
    )
    return [
        SuspenseTotal(
            rail=row["rail"],
            is_credit=row["is_credit"],
            count=row["count"],
            amount=Money(parse_asset(row["asset"]), int(row["units"])),
            oldest_since=row["since"],
        )
        for row in rows
    ]


async def history(connection: Connection, line_id: int) -> list[PastResolution]:
    """Tell how a line was resolved and corrected, oldest first."""
    rows = await connection.fetch(
        """
        SELECT number, purpose, account, attempt_key, tells, hold_id, resolved_at, corrected_by, corrected_at
        FROM line_resolutions WHERE line_id = $1 ORDER BY number
        """,
        line_id,
    )
    return [PastResolution(**{**row, "purpose": Purpose(row["purpose"])}) for row in rows]


async def reveal(connection: Connection, line_id: int, *, reason: str, actor: str) -> Whom:
    """Show whom a line names, and keep in the audit log who looked and why.

    Raises:
        NotFound: There is no such line.
    """
    row = await connection.fetchrow(
        "SELECT counterparty_name, counterparty_account, information FROM statement_lines WHERE id = $1",
        line_id,
    )
    if row is None:
        raise NotFound(_missing(line_id))
    await audit.record(
        connection,
        actor=actor,
        action="statement_line.revealed",
        subject=f"statement line {line_id}",
        detail={"reason": reason},
    )
    return Whom(**row)


async def has_decided(connection: Connection) -> bool:
    """Whether a decision about a line waits to be carried out."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM holds WHERE kind = 'statement_line' AND status = 'decided')"
    )
    return found


async def lock_line(connection: Connection, line_id: int) -> LockedLine:
    """Lock a line and return what a decision about it looks at.

    Raises:
        NotFound: There is no such line.
    """
    row = await connection.fetchrow(
        """
        SELECT l.id, s.rail, s.identity AS statement, l.identity, l.asset, l.amount_units, l.is_credit, l.is_reversal,
            l.reason, l.bank_reference, l.booked_on, l.status
        FROM statement_lines AS l JOIN bank_statements AS s ON s.id = l.statement_id
        WHERE l.id = $1 FOR UPDATE OF l
        """,
        line_id,
    )
    if row is None:
        raise NotFound(_missing(line_id))
    # Counted only when the line is locked: whoever had it before may have resolved it.
    resolutions = await connection.fetchval(
        "SELECT count(*) FROM line_resolutions WHERE line_id = $1", line_id
    )
    return LockedLine(line=line_of(row), status=LineStatus(row["status"]), resolutions=resolutions)


async def standing(connection: Connection, found: LockedLine) -> Resolution | None:
    """Return the resolution of a locked line that stands; None when there is none."""
    row = await connection.fetchrow(
        """
        SELECT number, purpose, attempt_key, tells FROM line_resolutions WHERE line_id = $1 AND corrected_at IS NULL
        """,
        found.line.id,
    )
    if row is None:
        return None
    return Resolution(
        line=found.line,
        number=row["number"],
        purpose=Purpose(row["purpose"]),
        attempt_key=row["attempt_key"],
        tells=None if row["tells"] is None else RailStatus(row["tells"]),
    )


async def named(connection: Connection, rail: str, key: str) -> Named | None:
    """Look up an attempt over a rail that people say a line belongs to, its payout locked; None when there is none."""
    row = await connection.fetchrow(
        """
        SELECT a.key, a.payout_id, p.asset, p.amount_units, a.settled_at IS NOT NULL AS is_settled,
            a.returned_at IS NOT NULL AS is_returned,
            a.opening_units IS NOT NULL OR EXISTS (
                SELECT FROM statement_lines AS d WHERE d.attempt_key = a.key AND NOT d.is_credit) AS is_debited,
            EXISTS (SELECT FROM statement_lines AS c WHERE c.attempt_key = a.key AND c.is_credit) AS is_credited
        FROM payout_attempts AS a JOIN payouts AS p ON p.id = a.payout_id
        WHERE a.key = $1 AND a.rail = $2 FOR UPDATE OF p
        """,
        key,
        rail,
    )
    if row is None:
        return None
    return Named(
        key=row["key"],
        payout_id=row["payout_id"],
        by=MatchedBy.PERSON,
        amount=Money(parse_asset(row["asset"]), row["amount_units"]),
        is_settled=row["is_settled"],
        is_returned=row["is_returned"],
        is_debited=row["is_debited"],
        is_credited=row["is_credited"],
    )


async def resolve(connection: Connection, resolution: Resolution, hold_id: UUID, now: datetime) -> None:
    """Write that a locked line is what a decided hold says; the database compares the two.

    A line that belongs to a payout forgets whom it names, as every matched line does.
    """
    await connection.execute(
        """
        INSERT INTO line_resolutions (line_id, number, purpose, account, attempt_key, tells, hold_id, resolved_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        resolution.line.id,
        resolution.number,
        resolution.purpose,
        resolution.account,
        resolution.attempt_key,
        resolution.tells,
        hold_id,
        now,
    )
    if resolution.attempt_key is None:
        await connection.execute(
            "UPDATE statement_lines SET status = 'resolved' WHERE id = $1", resolution.line.id
        )
        return
    await connection.execute(
        """
        UPDATE statement_lines SET status = 'matched', attempt_key = $2, matched_by = 'person',
            counterparty_name = NULL, counterparty_account = NULL, information = ''
        WHERE id = $1
        """,
        resolution.line.id,
        resolution.attempt_key,
    )


async def correct(connection: Connection, wrong: Resolution, hold_id: UUID, now: datetime) -> None:
    """Write that the standing resolution of a locked line was wrong; the line is in suspense again."""
    await connection.execute(
        """
        UPDATE line_resolutions SET corrected_by = $3, corrected_at = $4 WHERE line_id = $1 AND number = $2
        """,
        wrong.line.id,
        wrong.number,
        hold_id,
        now,
    )
    await connection.execute(
        "UPDATE statement_lines SET status = 'suspended', attempt_key = NULL, matched_by = NULL WHERE id = $1",
        wrong.line.id,
    )


def _waiting(row: Row) -> WaitingLine:
    return WaitingLine(
        id=row["id"],
        statement_id=row["statement_id"],
        rail=row["rail"],
        booked_on=row["booked_on"],
        amount=Money(parse_asset(row["asset"]), row["units"]),
        is_reversal=row["is_reversal"],
        end_to_end_id=row["end_to_end_id"],
        bank_reference=row["bank_reference"],
        why=row["why"],
        since=row["since"],
        hold_id=row["hold_id"],
    )


def _missing(line_id: int) -> str:
    return f"There is no statement line {line_id}: see roadstead statements suspense."
