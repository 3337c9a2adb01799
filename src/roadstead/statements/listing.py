"""Statements as people look at them: the chain, its lines, and the bank's balance beside the books, item by item."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from roadstead.database.pool import Connection, Row
from roadstead.money import Money, parse_asset
from roadstead.statements.chaining import StatementStatus
from roadstead.statements.matching import LineStatus

ITEMS_MAX = 1000
"""Most items that a reconciliation names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One statement in a list."""

    id: int
    rail: str
    identity: str
    account: str
    sequence: int | None
    closed_on: date | None
    opening: Money | None
    closing: Money | None
    lines: int
    waiting: int
    """Lines that nobody has looked at."""
    suspended: int
    status: StatementStatus
    fault: str | None
    stored_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownLine:
    """One line, without whom it names."""

    id: int
    statement_id: int
    rail: str
    booked_on: date | None
    amount: Money
    """What it does to the balance: negative when money went out."""
    is_reversal: bool
    end_to_end_id: str | None
    bank_reference: str | None
    reason: str | None
    status: LineStatus
    attempt_key: str | None
    matched_by: str | None
    suspense_reason: str | None

    @property
    def state(self) -> str:
        """Where it stands and why, in words: `matched: key`, `suspended: unknown`, `resolved`."""
        why = self.suspense_reason if self.status is LineStatus.SUSPENDED else self.matched_by
        return ": ".join(part for part in (self.status, why) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something in which the bank's last closing balance and the books differ, and when it began."""

    kind: str
    """`not_stated`: an attempt that the books have and no line tells of; `not_booked_out`: one of which a line tells
    more than the books have; `line_waiting`: a line that nobody has looked at."""
    subject: str
    """The attempt's key or the line's number."""
    amount: Money
    """What the books have at the bank beyond its closing balance because of it."""
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BankPosition:
    """A bank's last closing balance beside the books: `booked` is `closing`, all the items and `unnamed` together."""

    rail: str
    statement_id: int
    closed_on: date | None
    closing: Money
    booked: Money
    suspense: Money
    """Money on the bank's side that nobody has explained: positive when it came in."""
    items: tuple[Item, ...]
    unnamed: Money
    """What the items beyond the first thousand come to."""


_SUMMARY = """
SELECT s.id, s.rail, s.identity, s.account, s.sequence, s.closed_on, s.asset, s.opening_units, s.closing_units,
    s.status, s.fault, s.stored_at, s.lines_count AS lines,
    (SELECT count(*) FROM statement_lines AS l WHERE l.statement_id = s.id AND l.status = 'stored') AS waiting,
    (SELECT count(*) FROM statement_lines AS l WHERE l.statement_id = s.id AND l.status = 'suspended') AS suspended
FROM bank_statements AS s
"""


async def latest(
    connection: Connection, *, rail: str | None, status: StatementStatus | None, limit: int
) -> list[Summary]:
    """List statements, those first that were stored last."""
    rows = await connection.fetch(
        f"""
        {_SUMMARY} WHERE ($1::text IS NULL OR s.rail = $1) AND ($2::text IS NULL OR s.status = $2)
        ORDER BY s.id DESC LIMIT $3
        """,
        rail,
        status,
        limit,
    )
    return [_summary(row) for row in rows]


async def summary(connection: Connection, statement_id: int) -> Summary | None:
    """Look a statement up."""
    row = await connection.fetchrow(f"{_SUMMARY} WHERE s.id = $1", statement_id)
    return None if row is None else _summary(row)


_LINE = """
SELECT l.id, l.statement_id, s.rail, l.booked_on, l.asset, l.is_reversal, l.end_to_end_id, l.bank_reference, l.reason,
    CASE WHEN l.is_credit THEN l.amount_units ELSE -l.amount_units END AS units, l.status, l.attempt_key, l.matched_by,
    l.suspense_reason
FROM statement_lines AS l JOIN bank_statements AS s ON s.id = l.statement_id
"""


async def shown_lines(
    connection: Connection, statement_id: int, *, status: LineStatus | None, limit: int
) -> list[ShownLine]:
    """List the lines of a statement in the bank's order."""
    rows = await connection.fetch(
        f"{_LINE} WHERE l.statement_id = $1 AND ($2::text IS NULL OR l.status = $2) ORDER BY l.id LIMIT $3",
        statement_id,
        status,
        limit,
    )
    return [_shown_line(row) for row in rows]


async def shown_line(connection: Connection, line_id: int) -> ShownLine | None:
    """Look a line up."""
    row = await connection.fetchrow(f"{_LINE} WHERE l.id = $1", line_id)
    return None if row is None else _shown_line(row)


def _shown_line(row: Row) -> ShownLine:
    return ShownLine(
        id=row["id"],
        statement_id=row["statement_id"],
        rail=row["rail"],
        booked_on=row["booked_on"],
        amount=Money(parse_asset(row["asset"]), row["units"]),
        is_reversal=row["is_reversal"],
        end_to_end_id=row["end_to_end_id"],
        bank_reference=row["bank_reference"],
        reason=row["reason"],
        status=LineStatus(row["status"]),
        attempt_key=row["attempt_key"],
        matched_by=row["matched_by"],
        suspense_reason=row["suspense_reason"],
    )


_POSITIONS = """
SELECT s.rail, s.id AS statement_id, s.closed_on, s.asset, s.closing_units,
    COALESCE((SELECT sum(e.amount_units) FROM entries AS e
        WHERE e.account = 'bank:' || s.rail AND e.asset = s.asset), 0)::bigint AS booked_units,
    COALESCE((SELECT sum(CASE WHEN l.is_credit THEN l.amount_units ELSE -l.amount_units END)
        FROM statement_lines AS l JOIN bank_statements AS b ON b.id = l.statement_id
        WHERE b.rail = s.rail AND l.asset = s.asset AND l.status = 'suspended'), 0)::bigint AS suspense_units
FROM bank_statements AS s
WHERE s.status = 'linked' AND ($1::text IS NULL OR s.rail = $1)
    AND NOT EXISTS (SELECT FROM bank_statements AS n WHERE n.follows = s.id)
ORDER BY s.rail, s.asset
"""

_ITEMS = """
WITH moved AS (
    SELECT split_part(o.idempotency_key, ':', 2) AS key, sum(e.amount_units)::bigint AS units, min(o.posted_at) AS since
    FROM entries AS e JOIN postings AS o ON o.id = e.posting_id
    WHERE e.account = 'bank:' || $1 AND e.asset = $2 AND o.idempotency_key LIKE 'attempt:%' GROUP BY 1
), stated AS (
    SELECT l.attempt_key AS key,
        sum(CASE WHEN l.is_credit THEN l.amount_units ELSE -l.amount_units END)::bigint AS units,
        min(l.booked_at) AS since
    FROM statement_lines AS l JOIN bank_statements AS s ON s.id = l.statement_id
    WHERE s.rail = $1 AND l.asset = $2 AND l.status = 'matched' GROUP BY 1
), items AS (
    SELECT a.key AS subject, CASE WHEN s.key IS NULL THEN 'not_stated' ELSE 'not_booked_out' END AS kind,
        COALESCE(m.units, 0) - COALESCE(a.opening_units, 0) - COALESCE(s.units, 0) AS units,
        least(m.since, s.since) AS since
    FROM moved AS m FULL JOIN stated AS s ON s.key = m.key JOIN payout_attempts AS a ON a.key = COALESCE(m.key, s.key)
    UNION ALL
    SELECT l.id::text, 'line_waiting', CASE WHEN l.is_credit THEN -l.amount_units ELSE l.amount_units END, s.stored_at
    FROM statement_lines AS l JOIN bank_statements AS s ON s.id = l.statement_id
    WHERE s.rail = $1 AND l.asset = $2 AND l.status = 'stored' AND s.status = 'linked'
)
SELECT subject, kind, units, since, (sum(units) OVER ())::bigint AS all_units FROM items WHERE units <> 0
ORDER BY since, subject LIMIT $3
"""


async def positions(connection: Connection, rail: str | None = None) -> list[BankPosition]:
    """Put the last closing balance of every bank, or of one, beside the books, with every difference by name."""
    found: list[BankPosition] = []
    for row in await connection.fetch(_POSITIONS, rail):
        asset = parse_asset(row["asset"])
        items = await connection.fetch(_ITEMS, row["rail"], asset.id, ITEMS_MAX)
        found.append(
            BankPosition(
                rail=row["rail"],
                statement_id=row["statement_id"],
                closed_on=row["closed_on"],
                closing=Money(asset, row["closing_units"]),
                booked=Money(asset, row["booked_units"]),
                suspense=Money(asset, row["suspense_units"]),
                items=tuple(
                    Item(
                        kind=item["kind"],
                        subject=item["subject"],
                        amount=Money(asset, item["units"]),
                        since=item["since"],
                    )
                    for item in items
                ),
                unnamed=Money(
                    asset, items[0]["all_units"] - sum(item["units"] for item in items) if items else 0
                ),
            )
        )
    return found


def _summary(row: Row) -> Summary:
    asset = None if row["asset"] is None else parse_asset(row["asset"])
    opening, closing = row["opening_units"], row["closing_units"]
    return Summary(
        id=row["id"],
        rail=row["rail"],
        identity=row["identity"],
        account=row["account"],
        sequence=row["sequence"],
        closed_on=row["closed_on"],
        opening=None if asset is None or opening is None else Money(asset, opening),
        closing=None if asset is None or closing is None else Money(asset, closing),
        lines=row["lines"],
        waiting=row["waiting"],
        suspended=row["suspended"],
        status=StatementStatus(row["status"]),
        fault=row["fault"],
        stored_at=row["stored_at"],
    )
