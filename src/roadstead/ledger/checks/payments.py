"""Payments against the books: what arrived is booked once, whole, in its own asset."""

from __future__ import annotations

from roadstead.ledger.checks.form import Check, Sweep

PAYMENTS = Sweep(
    name="payments",
    common={
        "brought": """
            SELECT split_part(p.idempotency_key, ':', 2) AS operation_id, e.asset, sum(e.amount_units)::bigint AS units
            FROM postings AS p JOIN entries AS e ON e.posting_id = p.id
            WHERE p.idempotency_key LIKE 'payment:%' AND e.account IN ('tokens:received', 'tokens:stock')
            GROUP BY 1, 2
        """,
    },
    checks=(
        Check(
            name="payments_booked",
            sentence=(
                "Every payment that was decided upon stands in the books once, with all that it brought; "
                "one that waits for its decision does not stand there."
            ),
            sql="""
            SELECT m.operation_id::text, m.asset, 'a payment that is ' || m.disposition,
                CASE m.disposition WHEN 'stored' THEN 0 ELSE COALESCE(m.amount_units, 0) END, COALESCE(b.units, 0)
            FROM payments AS m LEFT JOIN brought AS b ON b.operation_id = m.operation_id::text AND b.asset = m.asset
            WHERE COALESCE(b.units, 0) <> CASE m.disposition WHEN 'stored' THEN 0 ELSE COALESCE(m.amount_units, 0) END
            """,
        ),
        Check(
            name="payments_exist",
            sentence="Nothing is booked as paid in that no payment on the chain brought, in its own asset.",
            sql="""
            SELECT b.operation_id, b.asset, 'the books have a payment that never arrived so', 0::bigint, b.units
            FROM brought AS b WHERE NOT EXISTS (
                SELECT FROM payments AS m WHERE m.operation_id::text = b.operation_id AND m.asset = b.asset)
            """,
        ),
        Check(
            name="payments_matched",
            sentence="A remittance and the payment that funded it name each other.",
            sql="""
            SELECT r.id::text, m.asset, 'funded by payment ' || r.funded_by || ', which does not name it',
                NULL::bigint, NULL::bigint
            FROM remittances AS r JOIN payments AS m ON m.operation_id = r.funded_by
            WHERE m.remittance_id IS DISTINCT FROM r.id
            UNION ALL
            SELECT m.operation_id::text, m.asset, 'matched to remittance ' || m.remittance_id || ', not its payment',
                NULL, NULL
            FROM payments AS m LEFT JOIN remittances AS r ON r.id = m.remittance_id
            WHERE m.disposition = 'matched' AND r.funded_by IS DISTINCT FROM m.operation_id
            """,
        ),
    ),
)
