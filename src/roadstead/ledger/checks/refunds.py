"""Refunds and clawbacks against the books: what went back was owed, once, and never more than had come."""

from __future__ import annotations

from roadstead.ledger.checks.form import Check, Sweep

_BACK = """
SELECT split_part(p.idempotency_key, ':', 2) AS refund_id, e.asset,
    COALESCE(-sum(e.amount_units) FILTER (WHERE p.event <> 'refund_sent' AND e.account = 'refunds:owed'), 0)::bigint
        AS owed,
    COALESCE(-sum(e.amount_units) FILTER (WHERE e.account = 'tokens:received'), 0)::bigint AS sent,
    COALESCE(-sum(e.amount_units) FILTER (WHERE e.account = 'fees:refunds'), 0)::bigint AS fee
FROM postings AS p JOIN entries AS e ON e.posting_id = p.id
WHERE p.idempotency_key LIKE 'refund:%' AND e.account IN ('refunds:owed', 'tokens:received', 'fees:refunds')
GROUP BY 1, 2
"""

_BOOKED = """
SELECT r.id::text, r.asset, 'a refund that is ' || r.status || ': ' || line.what, line.expected, COALESCE(line.units, 0)
FROM refunds AS r LEFT JOIN back AS b ON b.refund_id = r.id::text AND b.asset = r.asset
CROSS JOIN LATERAL (VALUES
    ('what was owed', r.amount_units, b.owed),
    ('what was sent', CASE r.status WHEN 'sent' THEN r.amount_units - r.fee_units ELSE 0 END, b.sent),
    ('what was kept', CASE r.status WHEN 'sent' THEN r.fee_units ELSE 0 END, b.fee)
) AS line (what, expected, units)
WHERE line.expected <> COALESCE(line.units, 0)
"""

_CLAWED_BACK = """
SELECT COALESCE(c.operation_id::text, booked.operation_id), COALESCE(c.asset, booked.asset), 'a clawback',
    COALESCE(c.amount_units, 0), COALESCE(booked.units, 0)
FROM clawbacks AS c FULL JOIN (
    SELECT split_part(p.idempotency_key, ':', 2) AS operation_id, e.asset, sum(e.amount_units)::bigint AS units
    FROM postings AS p JOIN entries AS e ON e.posting_id = p.id
    WHERE p.idempotency_key LIKE 'clawback:%' AND e.account = 'losses:clawback' GROUP BY 1, 2
) AS booked ON booked.operation_id = c.operation_id::text AND booked.asset = c.asset
WHERE COALESCE(c.amount_units, 0) <> COALESCE(booked.units, 0)
"""

REFUNDS = Sweep(
    name="refunds",
    common={"back": _BACK},
    checks=(
        Check(
            name="refunds_booked",
            sentence="Every refund is booked as owed when it is ordered, and as sent when it stands in a ledger.",
            sql=_BOOKED,
        ),
        Check(
            name="refunds_exist",
            sentence="Nothing is booked of a refund that does not exist, or in another asset than the refund's.",
            sql="""
            SELECT b.refund_id, b.asset, 'the books have a refund that nobody ordered', 0::bigint,
                b.owed + b.sent + b.fee
            FROM back AS b
            WHERE NOT EXISTS (SELECT FROM refunds AS r WHERE r.id::text = b.refund_id AND r.asset = b.asset)
            """,
        ),
        Check(
            name="refunds_within_payment",
            sentence="No more goes back of a payment than it brought.",
            sql="""
            SELECT m.operation_id::text, m.asset, 'refunds of a payment, the most being what it brought',
                COALESCE(m.amount_units, 0), r.units
            FROM (SELECT operation_id, sum(amount_units)::bigint AS units FROM refunds GROUP BY 1) AS r
            JOIN payments AS m ON m.operation_id = r.operation_id WHERE r.units > COALESCE(m.amount_units, 0)
            """,
        ),
        Check(
            name="clawbacks_booked",
            sentence="Every clawback stands in the books, and none that did not happen.",
            sql=_CLAWED_BACK,
        ),
    ),
)
