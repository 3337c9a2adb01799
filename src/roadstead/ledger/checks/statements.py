"""The books against the banks' statements: the chain has no gap, every line is booked, every difference has a name."""

from __future__ import annotations

from roadstead.ledger.checks.form import Check, Sweep

_HEADS = """
SELECT s.rail, s.asset, s.closing_units FROM bank_statements AS s
WHERE s.status = 'linked' AND NOT EXISTS (SELECT FROM bank_statements AS n WHERE n.follows = s.id)
"""

_MOVED = """
SELECT split_part(o.idempotency_key, ':', 2) AS key, substr(e.account, 6) AS rail, e.asset,
    sum(e.amount_units)::bigint AS units
FROM entries AS e JOIN postings AS o ON o.id = e.posting_id
WHERE e.account LIKE 'bank:%' AND o.idempotency_key LIKE 'attempt:%' GROUP BY 1, 2, 3
"""

_STATED = """
SELECT l.attempt_key AS key, s.rail, l.asset,
    sum(CASE WHEN l.is_credit THEN l.amount_units ELSE -l.amount_units END)::bigint AS units
FROM statement_lines AS l JOIN bank_statements AS s ON s.id = l.statement_id
WHERE l.status = 'matched' GROUP BY 1, 2, 3
"""

_OPEN = """
SELECT rail, asset, sum(units)::bigint AS units FROM (
    SELECT m.rail, m.asset, m.units - COALESCE(a.opening_units, 0) AS units
    FROM moved AS m LEFT JOIN payout_attempts AS a ON a.key = m.key
    UNION ALL
    SELECT rail, asset, -units FROM stated
    UNION ALL
    SELECT s.rail, l.asset, CASE WHEN l.is_credit THEN -l.amount_units ELSE l.amount_units END
    FROM statement_lines AS l JOIN bank_statements AS s ON s.id = l.statement_id
    WHERE l.status = 'stored' AND s.status = 'linked'
) AS item GROUP BY 1, 2
"""

_LINES = """
SELECT COALESCE(l.id::text, p.key), COALESCE(l.asset, p.asset),
    'a statement line that is ' || COALESCE(l.status, 'missing'), COALESCE(l.units, 0), COALESCE(p.units, 0)
FROM (SELECT l.id, l.asset, l.status, s.rail,
        CASE WHEN l.status NOT IN ('suspended', 'resolved') THEN 0
            WHEN l.is_credit THEN l.amount_units ELSE -l.amount_units END AS units
    FROM statement_lines AS l JOIN bank_statements AS s ON s.id = l.statement_id) AS l
FULL JOIN (SELECT split_part(o.idempotency_key, ':', 2) AS key, substr(e.account, 6) AS rail, e.asset,
        sum(e.amount_units)::bigint AS units
    FROM postings AS o JOIN entries AS e ON e.posting_id = o.id AND e.account LIKE 'bank:%'
    WHERE o.idempotency_key LIKE 'line:%' GROUP BY 1, 2, 3) AS p
    ON p.key = l.id::text AND p.rail = l.rail AND p.asset = l.asset
WHERE COALESCE(l.units, 0) <> COALESCE(p.units, 0)
"""

_SUSPENSE = """
SELECT 'suspense:bank', COALESCE(l.asset, b.asset), 'beside all lines in suspense', COALESCE(l.units, 0),
    COALESCE(b.units, 0)
FROM (SELECT asset, sum(CASE WHEN is_credit THEN -amount_units ELSE amount_units END)::bigint AS units
    FROM statement_lines WHERE status = 'suspended' GROUP BY 1) AS l
FULL JOIN (SELECT asset, sum(amount_units)::bigint AS units FROM entries
    WHERE account = 'suspense:bank' GROUP BY 1) AS b ON b.asset = l.asset
WHERE COALESCE(l.units, 0) <> COALESCE(b.units, 0)
"""

_RESOLVED = """
SELECT COALESCE(r.line, p.line) || ', resolution ' || COALESCE(r.number, p.number), COALESCE(r.asset, p.asset),
    CASE WHEN r.line IS NULL THEN 'booked to ' || p.account || ' and not decided'
    ELSE 'decided to be ' || r.purpose || ', beside what is booked to ' || r.account END,
    COALESCE(r.units, 0), COALESCE(p.units, 0)
FROM (SELECT l.id::text AS line, r.number::text AS number, r.purpose, l.asset,
        COALESCE(r.account, 'bank:' || s.rail) AS account,
        CASE WHEN r.corrected_at IS NOT NULL THEN 0
            WHEN l.is_credit THEN -l.amount_units ELSE l.amount_units END AS units
    FROM line_resolutions AS r JOIN statement_lines AS l ON l.id = r.line_id
    JOIN bank_statements AS s ON s.id = l.statement_id) AS r
FULL JOIN (SELECT split_part(o.idempotency_key, ':', 2) AS line, split_part(o.idempotency_key, ':', 4) AS number,
        e.account, e.asset, sum(e.amount_units)::bigint AS units
    FROM postings AS o JOIN entries AS e ON e.posting_id = o.id AND e.account <> 'suspense:bank'
    WHERE o.idempotency_key LIKE 'line:%:%' GROUP BY 1, 2, 3, 4) AS p
    ON p.line = r.line AND p.number = r.number AND p.account = r.account AND p.asset = r.asset
WHERE COALESCE(r.units, 0) <> COALESCE(p.units, 0)
"""

STATEMENTS = Sweep(
    name="statements",
    common={"heads": _HEADS, "moved": _MOVED, "stated": _STATED, "open_items": _OPEN},
    checks=(
        Check(
            name="statements_follow",
            sentence="Every statement in the chain opens where the one before closed, and its lines lead to its close.",
            sql="""
            SELECT s.id::text, s.asset, 'opens elsewhere than statement ' || b.id || ' closed', b.closing_units,
                s.opening_units
            FROM bank_statements AS s JOIN bank_statements AS b ON b.id = s.follows
            WHERE s.status = 'linked' AND (s.rail, s.account, s.asset, s.opening_units)
                IS DISTINCT FROM (b.rail, b.account, b.asset, b.closing_units)
            UNION ALL
            SELECT s.id::text, s.asset, 'its lines lead to another closing balance', s.closing_units,
                s.opening_units + COALESCE(l.units, 0)
            FROM bank_statements AS s LEFT JOIN (
                SELECT statement_id, sum(CASE WHEN is_credit THEN amount_units ELSE -amount_units END)::bigint AS units
                FROM statement_lines GROUP BY 1) AS l ON l.statement_id = s.id
            WHERE s.status = 'linked' AND s.opening_units + COALESCE(l.units, 0) <> s.closing_units
            """,
        ),
        Check(
            name="lines_booked",
            sentence=(
                "Every statement line in suspense, or resolved to an account, stands in the books with its amount, and "
                "no other line does."
            ),
            sql=_LINES,
        ),
        Check(
            name="suspense_lines",
            sentence="What stands on `suspense:bank` is the sum of the lines that are in suspense.",
            sql=_SUSPENSE,
        ),
        Check(
            name="lines_resolved",
            sentence=(
                "Every line that people resolved is booked as they decided, undone where they corrected it; no other "
                "line is."
            ),
            sql=_RESOLVED,
        ),
        Check(
            name="bank_stated",
            sentence=(
                "What the books have at a bank is its last closing balance, give or take payouts that are not yet "
                "stated and lines that are not yet booked."
            ),
            sql="""
            SELECT 'bank:' || h.rail, h.asset, 'beside the last closing balance and what is not yet stated or booked',
                h.closing_units + COALESCE(o.units, 0), COALESCE(b.units, 0)
            FROM heads AS h
            LEFT JOIN open_items AS o ON o.rail = h.rail AND o.asset = h.asset
            LEFT JOIN (SELECT substr(account, 6) AS rail, asset, sum(amount_units)::bigint AS units
                FROM entries WHERE account LIKE 'bank:%' GROUP BY 1, 2) AS b ON b.rail = h.rail AND b.asset = h.asset
            WHERE h.closing_units + COALESCE(o.units, 0) <> COALESCE(b.units, 0)
            """,
        ),
    ),
)
