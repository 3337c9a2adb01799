"""Payouts and attempts against the books: at most one attempt pays, and its way is booked step by step."""

from __future__ import annotations

from roadstead.ledger.checks.form import Check, Sweep

_ATTEMPTS = """
SELECT COALESCE(a.key, posted.key) AS key, a.status, a.payout_id, p.status AS payout_status, p.remittance_id, p.asset,
    p.amount_units, posted.remittance_id AS posted_remittance_id,
    COALESCE(posted.submitted, false) AS submitted, COALESCE(posted.refused, false) AS refused,
    COALESCE(posted.settled, false) AS settled, COALESCE(posted.returned, false) AS returned,
    COALESCE(posted.found_settled, false) AS found_settled
FROM payout_attempts AS a JOIN payouts AS p ON p.id = a.payout_id
FULL JOIN (
    SELECT split_part(idempotency_key, ':', 2) AS key, min(remittance_id::text) AS remittance_id,
        bool_or(event = 'payout_submitted') AS submitted, bool_or(event = 'payout_refused') AS refused,
        bool_or(event = 'payout_settled') AS settled, bool_or(event = 'payout_returned') AS returned,
        bool_or(event = 'payout_found_settled') AS found_settled
    FROM postings WHERE idempotency_key LIKE 'attempt:%' GROUP BY 1
) AS posted ON posted.key = a.key
"""

_STEPS = """
SELECT a.key, a.asset, 'attempt ' || a.status || ', payout ' || a.payout_status || ', booked:'
    || CASE WHEN a.submitted THEN ' submitted' ELSE '' END || CASE WHEN a.refused THEN ' refused' ELSE '' END
    || CASE WHEN a.settled THEN ' settled' ELSE '' END || CASE WHEN a.returned THEN ' returned' ELSE '' END
    || CASE WHEN a.found_settled THEN ' found settled' ELSE '' END,
    NULL::bigint, NULL::bigint
FROM attempts AS a WHERE a.payout_id IS NOT NULL AND NOT CASE a.status
    WHEN 'settled' THEN a.found_settled OR (a.submitted AND a.settled AND NOT a.refused AND NOT a.returned)
    WHEN 'returned' THEN a.returned AND (a.found_settled OR (a.submitted AND a.settled AND NOT a.refused))
    WHEN 'refused' THEN NOT a.found_settled AND NOT a.settled AND NOT a.returned AND a.submitted = a.refused
    WHEN 'open' THEN NOT a.settled AND NOT a.returned AND NOT a.refused AND CASE
        WHEN a.payout_status IN ('submitted', 'accepted') THEN a.submitted
        WHEN a.payout_status IN ('submitting', 'unknown') THEN NOT a.submitted
        ELSE true END
    ELSE true END
"""

_PAYOUTS = """
SELECT p.id::text, p.asset, 'payout ' || p.status || ' with ' || found.open_count || ' open, ' || found.settled_count
    || ' settled and ' || found.returned_count || ' returned attempts', NULL::bigint, NULL::bigint
FROM payouts AS p CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE a.status = 'open') AS open_count,
        count(*) FILTER (WHERE a.status = 'settled') AS settled_count,
        count(*) FILTER (WHERE a.status = 'returned') AS returned_count
    FROM payout_attempts AS a WHERE a.payout_id = p.id
) AS found
WHERE found.open_count + found.settled_count > 1 OR NOT CASE p.status
    WHEN 'ordered' THEN found.open_count + found.settled_count = 0
    WHEN 'submitting' THEN found.open_count = 1
    WHEN 'unknown' THEN found.open_count = 1
    WHEN 'submitted' THEN found.open_count = 1
    WHEN 'accepted' THEN found.open_count = 1
    WHEN 'settled' THEN found.settled_count = 1
    WHEN 'returned' THEN found.returned_count >= 1 AND found.open_count + found.settled_count = 0
    WHEN 'refused' THEN found.open_count + found.settled_count = 0
    WHEN 'cancelled' THEN found.open_count + found.settled_count = 0
    ELSE true END
"""

_TRANSIT = """
SELECT p.id::text, p.asset, 'what is in transit of a payout that is ' || p.status,
    -p.amount_units * COALESCE(under_way.count, 0), COALESCE(booked.units, 0)
FROM payouts AS p
LEFT JOIN (SELECT payout_id, count(*) AS count FROM attempts
    WHERE submitted AND (status = 'open' OR (status = 'contradicted' AND NOT settled AND NOT refused)) GROUP BY 1)
    AS under_way ON under_way.payout_id = p.id
LEFT JOIN (SELECT o.remittance_id, sum(e.amount_units)::bigint AS units
    FROM postings AS o JOIN entries AS e ON e.posting_id = o.id WHERE e.account LIKE 'transit:%' GROUP BY 1)
    AS booked ON booked.remittance_id = p.remittance_id
WHERE -p.amount_units * COALESCE(under_way.count, 0) <> COALESCE(booked.units, 0)
"""

PAYOUTS = Sweep(
    name="payouts",
    common={"attempts": _ATTEMPTS},
    checks=(
        Check(
            name="attempts_exist",
            sentence="Nothing is booked of an attempt that does not exist or belongs to another remittance.",
            sql="""
            SELECT a.key, a.asset, 'the books know it for remittance ' || COALESCE(a.posted_remittance_id, '?'),
                NULL::bigint, NULL::bigint
            FROM attempts AS a WHERE a.payout_id IS NULL OR a.posted_remittance_id <> a.remittance_id::text
            """,
        ),
        Check(
            name="attempt_steps",
            sentence="Each step of an attempt is booked, and none that it did not take.",
            sql=_STEPS,
        ),
        Check(
            name="one_paying_attempt",
            sentence="A payout has at most one attempt that paid or may pay, and its status says which.",
            sql=_PAYOUTS,
        ),
        Check(
            name="payout_transit",
            sentence="What a rail has in hand of a payout is its amount, once.",
            sql=_TRANSIT,
        ),
        Check(
            name="attempt_rails",
            sentence="What is booked of an attempt stands on the accounts of the rail that it went over.",
            sql="""
            SELECT a.key, e.asset, 'on ' || e.account || ', over ' || a.rail, NULL::bigint, e.amount_units
            FROM payout_attempts AS a JOIN postings AS o ON o.idempotency_key LIKE 'attempt:%'
                AND split_part(o.idempotency_key, ':', 2) = a.key
            JOIN entries AS e ON e.posting_id = o.id
            WHERE (e.account LIKE 'transit:%' OR e.account LIKE 'bank:%')
                AND e.account NOT IN ('transit:' || a.rail, 'bank:' || a.rail)
            """,
        ),
        Check(
            name="payout_amounts",
            sentence="A payout is ordered for a funded remittance, of exactly the amount that it delivers.",
            sql="""
            SELECT p.id::text, p.asset, 'not what remittance ' || r.id || ' delivers', r.amount_out_units,
                p.amount_units
            FROM payouts AS p JOIN remittances AS r ON r.id = p.remittance_id
            WHERE r.funded_by IS NULL OR (p.asset, p.amount_units) IS DISTINCT FROM (r.asset_out, r.amount_out_units)
            """,
        ),
    ),
)
