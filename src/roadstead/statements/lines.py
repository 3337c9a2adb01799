"""The SQL of statement lines: which attempt each names, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from roadstead.database.pool import Connection, Row
from roadstead.money import Money, parse_asset
from roadstead.payouts.store import Attempt, Payout
from roadstead.payouts.store import attempts as attempts_of
from roadstead.payouts.store import by_remittance as payout_of
from roadstead.statements.matching import (
    WRITTEN_AFTER,
    WRITTEN_BEFORE,
    Line,
    Matched,
    MatchedBy,
    Named,
    Suspended,
)

CANDIDATES_MAX = 20
NOT_PROVIDED = "NOTPROVIDED"
"""What ISO 20022 writes for an end-to-end id that nobody gave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nameless:
    """A debit that names nothing of ours, but a creditor: perhaps exactly one attempt fits."""

    line_id: int
    rail: str
    asset: str
    units: int
    booked_on: date
    name: str | None
    account: str | None


async def take_turn(connection: Connection) -> None:
    """Let nobody else say what lines mean until the transaction ends: which line has an attempt is decided in turn."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('statement_lines', 0))")


async def waiting(connection: Connection, limit: int) -> list[int]:
    """List the oldest lines of linked statements that nobody has looked at.

    After a restore they wait until what was lost is read again; and those of a payout whose attempt over this rail was
    lost wait until it is written again.
    """
    rows = await connection.fetch(
        """
        SELECT l.id FROM statement_lines AS l JOIN bank_statements AS s ON s.id = l.statement_id
        WHERE l.status = 'stored' AND s.status = 'linked'
            AND NOT EXISTS (SELECT FROM restorations AS r WHERE r.ended_at IS NULL)
            AND NOT (EXISTS (SELECT FROM restorations) AND EXISTS (
                SELECT FROM payouts AS p WHERE p.end_to_end_id = l.end_to_end_id AND p.status <> 'cancelled'
                    AND NOT EXISTS (SELECT FROM payout_attempts AS a WHERE a.payout_id = p.id AND a.rail = s.rail)))
        ORDER BY l.id LIMIT $1
        """,
        limit,
    )
    return [row["id"] for row in rows]


async def nameless(connection: Connection, ids: Sequence[int]) -> list[Nameless]:
    """List those of some lines that could be recognised only by amount, date and creditor."""
    rows = await connection.fetch(
        """
        SELECT l.id AS line_id, s.rail, l.asset, l.amount_units AS units, l.booked_on, l.counterparty_name AS name,
            l.counterparty_account AS account
        FROM statement_lines AS l JOIN bank_statements AS s ON s.id = l.statement_id
        WHERE l.id = ANY($1::bigint[]) AND NOT l.is_credit AND NOT l.is_reversal AND l.key IS NULL
            AND COALESCE(l.end_to_end_id, $2) = $2 AND l.booked_on IS NOT NULL
            AND (l.counterparty_name IS NOT NULL OR l.counterparty_account IS NOT NULL)
            AND NOT EXISTS (SELECT FROM payout_attempts AS a WHERE a.rail = s.rail AND a.reference = l.bank_reference)
        """,
        ids,
        NOT_PROVIDED,
    )
    return [Nameless(**row) for row in rows]


async def candidates(connection: Connection, line: Nameless) -> list[tuple[Payout, Attempt]]:
    """List the attempts of the amount and the days of a nameless line that no line has told of yet."""
    rows = await connection.fetch(
        """
        SELECT a.key, a.payout_id, p.remittance_id FROM payout_attempts AS a JOIN payouts AS p ON p.id = a.payout_id
        WHERE a.rail = $1 AND p.asset = $2 AND p.amount_units = $3 AND a.status IN ('open', 'settled')
            AND a.opening_units IS NULL
            AND a.written_at::date BETWEEN $4::date - $5::interval AND $4::date + $6::interval
            AND NOT EXISTS (SELECT FROM statement_lines AS l WHERE l.attempt_key = a.key AND NOT l.is_credit)
        ORDER BY a.written_at LIMIT $7
        """,
        line.rail,
        line.asset,
        line.units,
        line.booked_on,
        WRITTEN_BEFORE,
        WRITTEN_AFTER,
        CANDIDATES_MAX + 1,
    )
    if len(rows) > CANDIDATES_MAX:
        return []
    found: list[tuple[Payout, Attempt]] = []
    for row in rows:
        payout = await payout_of(connection, row["remittance_id"])
        attempts = await attempts_of(connection, row["payout_id"])
        found += [(payout, one) for one in attempts if payout is not None and one.key == row["key"]]
    return found


_NAMED = """
SELECT l.id, s.rail, s.identity AS statement, l.identity, l.asset, l.amount_units, l.is_credit, l.is_reversal, l.reason,
    l.bank_reference, l.booked_on, m.key, m.payout_id, m.matched_by, p.asset AS payout_asset,
    p.amount_units AS payout_units, m.settled_at IS NOT NULL AS is_settled, m.returned_at IS NOT NULL AS is_returned,
    EXISTS (SELECT FROM statement_lines AS d WHERE d.attempt_key = m.key AND NOT d.is_credit) AS is_debited,
    EXISTS (SELECT FROM statement_lines AS c WHERE c.attempt_key = m.key AND c.is_credit) AS is_credited
FROM statement_lines AS l JOIN bank_statements AS s ON s.id = l.statement_id
LEFT JOIN LATERAL (
    (SELECT a.*, 'end_to_end_id' AS matched_by, 1 AS rank
     FROM payouts AS o JOIN payout_attempts AS a ON a.payout_id = o.id
     WHERE o.end_to_end_id = l.end_to_end_id AND a.rail = s.rail
     ORDER BY (a.key = l.key) DESC NULLS LAST, a.status <> 'refused' DESC, a.number DESC LIMIT 1)
    UNION ALL
    (SELECT a.*, 'key', 2 FROM payout_attempts AS a WHERE a.key = l.key AND a.rail = s.rail)
    UNION ALL
    (SELECT a.*, 'reference', 3 FROM payout_attempts AS a WHERE a.rail = s.rail AND a.reference = l.bank_reference
        AND 1 = (SELECT count(*) FROM payout_attempts AS b WHERE b.rail = s.rail AND b.reference = l.bank_reference))
    UNION ALL
    (SELECT a.*, 'amount', 4 FROM unnest($2::bigint[], $3::text[]) AS guess (line_id, key)
     JOIN payout_attempts AS a ON a.key = guess.key WHERE guess.line_id = l.id)
    ORDER BY rank LIMIT 1) AS m ON true
LEFT JOIN payouts AS p ON p.id = m.payout_id
WHERE l.id = ANY($1::bigint[]) AND l.status = 'stored' ORDER BY l.id FOR UPDATE OF l SKIP LOCKED
"""


async def named(
    connection: Connection, ids: Sequence[int], guesses: Mapping[int, str]
) -> list[tuple[Line, Named | None]]:
    """Lock lines that nobody has looked at and no other worker has in hand, each with the attempt that it names.

    `guesses` are the keys of attempts that fit nameless lines.
    """
    rows = await connection.fetch(_NAMED, ids, list(guesses), list(guesses.values()))
    return [(line_of(row), _named(row)) for row in rows]


def line_of(row: Row) -> Line:
    """Read a line from a row of its columns, with its rail and the identity of its `statement`."""
    return Line(
        id=row["id"],
        rail=row["rail"],
        identity=f"statement:{row['statement']}:{row['identity']}",
        amount=Money(parse_asset(row["asset"]), row["amount_units"]),
        is_credit=row["is_credit"],
        is_reversal=row["is_reversal"],
        reason=row["reason"],
        reference=row["bank_reference"],
        booked_on=row["booked_on"],
    )


def _named(row: Row) -> Named | None:
    if row["key"] is None:
        return None
    return Named(
        key=row["key"],
        payout_id=row["payout_id"],
        by=MatchedBy(row["matched_by"]),
        amount=Money(parse_asset(row["payout_asset"]), row["payout_units"]),
        is_settled=row["is_settled"],
        is_returned=row["is_returned"],
        is_debited=row["is_debited"],
        is_credited=row["is_credited"],
    )


async def set_matched(connection: Connection, matched: Sequence[tuple[Line, Matched]], now: datetime) -> None:
    """Write that lines belong to attempts, and forget whom they name: the payouts know it."""
    await connection.execute(
        """
        UPDATE statement_lines AS l SET status = 'matched', attempt_key = m.key, matched_by = m.matched_by,
            booked_at = $4, counterparty_name = NULL, counterparty_account = NULL, information = ''
        FROM unnest($1::bigint[], $2::text[], $3::text[]) AS m (id, key, matched_by) WHERE l.id = m.id
        """,
        [line.id for line, _ in matched],
        [one.named.key for _, one in matched],
        [one.named.by for _, one in matched],
        now,
    )


async def set_suspended(
    connection: Connection, suspended: Sequence[tuple[Line, Suspended]], now: datetime
) -> None:
    """Write that lines are in suspense, and why."""
    await connection.execute(
        """
        UPDATE statement_lines AS l SET status = 'suspended', suspense_reason = m.why, booked_at = $3
        FROM unnest($1::bigint[], $2::text[]) AS m (id, why) WHERE l.id = m.id
        """,
        [line.id for line, _ in suspended],
        [one.why for _, one in suspended],
        now,
    )
