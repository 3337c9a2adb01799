"""Remittances against the books: what arrived is on its way, delivered, refunded or owed, and the status says so."""

from __future__ import annotations

from roadstead.ledger.checks.form import Check, Sweep

_STANDING = """
SELECT r.id, r.status, r.funded_by, r.asset_in, r.asset_out, r.amount_in_units, r.service_fee_units, r.rounding_units,
    r.amount_out_units, r.refunds, p.status AS payout_status, b.*,
    CASE WHEN b.turned THEN 'refund' WHEN r.amount_out_units IS NULL THEN 'waiting' ELSE 'delivery' END AS phase
FROM remittances AS r
LEFT JOIN payouts AS p ON p.remittance_id = r.id
LEFT JOIN (
    SELECT p.remittance_id, count(*) AS entries_count,
        bool_or(p.event IN ('refund_owed_for_delivery', 'refund_owed_for_waiting')) AS turned,
        COALESCE(sum(e.amount_units) FILTER (WHERE e.account = 'fx:waiting'), 0)::bigint AS waiting,
        COALESCE(sum(e.amount_units) FILTER (WHERE e.account = 'fx:position' AND e.asset LIKE 'stellar:%'), 0)::bigint
            AS sold,
        COALESCE(sum(e.amount_units) FILTER (WHERE e.account = 'fx:position' AND e.asset LIKE 'iso4217:%'), 0)::bigint
            AS bought,
        COALESCE(sum(e.amount_units) FILTER (WHERE e.account = 'fees:rounding'), 0)::bigint AS rounding,
        COALESCE(sum(e.amount_units) FILTER (WHERE e.account = 'fees:pending'), 0)::bigint AS fee_pending,
        COALESCE(sum(e.amount_units) FILTER (WHERE e.account = 'fees:earned'), 0)::bigint AS fee_earned,
        COALESCE(sum(e.amount_units) FILTER (WHERE e.account = 'payouts:owed'), 0)::bigint AS payout_owed,
        COALESCE(sum(e.amount_units) FILTER (WHERE e.account LIKE 'transit:%'), 0)::bigint AS transit,
        COALESCE(sum(e.amount_units) FILTER (WHERE e.account LIKE 'bank:%'), 0)::bigint AS bank,
        COALESCE(sum(e.amount_units) FILTER (WHERE e.account = 'fees:bank'), 0)::bigint AS bank_fee,
        COALESCE(sum(e.amount_units) FILTER (WHERE e.account = 'refunds:owed'), 0)::bigint AS refund_owed,
        COALESCE(-sum(e.amount_units) FILTER (WHERE p.event = 'refund_sent' AND e.account = 'tokens:received'), 0)
            ::bigint AS refund_sent,
        COALESCE(-sum(e.amount_units) FILTER (WHERE p.event = 'refund_sent' AND e.account = 'fees:refunds'), 0)::bigint
            AS refund_fee
    FROM postings AS p JOIN entries AS e ON e.posting_id = p.id
    WHERE p.remittance_id IS NOT NULL GROUP BY p.remittance_id
) AS b ON b.remittance_id = r.id
"""

_LINES = """
SELECT s.id::text, line.asset, 'in phase ' || s.phase || ', on ' || line.account, line.expected, COALESCE(line.units, 0)
FROM standing AS s CROSS JOIN LATERAL (VALUES
    ('fx:waiting', s.asset_in, CASE s.phase WHEN 'waiting' THEN -s.amount_in_units ELSE 0 END, s.waiting),
    ('fx:position', s.asset_in, CASE s.phase WHEN 'delivery'
        THEN s.service_fee_units + s.rounding_units - s.amount_in_units ELSE 0 END, s.sold),
    ('fx:position', s.asset_out, CASE s.phase WHEN 'delivery' THEN s.amount_out_units ELSE 0 END, s.bought),
    ('fees:rounding', s.asset_in, CASE s.phase WHEN 'delivery' THEN -s.rounding_units ELSE 0 END, s.rounding),
    ('fees:pending and fees:earned', s.asset_in, CASE s.phase WHEN 'delivery' THEN -s.service_fee_units ELSE 0 END,
        s.fee_pending + s.fee_earned),
    ('payouts:owed, transit, bank and fees:bank', s.asset_out,
        CASE s.phase WHEN 'delivery' THEN -s.amount_out_units ELSE 0 END,
        s.payout_owed + s.transit + s.bank + s.bank_fee)
) AS line (account, asset, expected, units)
WHERE s.funded_by IS NOT NULL AND line.expected <> COALESCE(line.units, 0)
"""

_STATUS = """
SELECT s.id::text, s.asset_out, 'status ' || s.status || ' beside '
    || COALESCE('payout ' || s.payout_status, 'no payout') || ': ' || wrong.detail,
    wrong.expected::bigint, wrong.units::bigint
FROM standing AS s CROSS JOIN LATERAL (VALUES
    (s.status = 'completed' AND s.payout_status = 'settled', 'the bank moved', -s.amount_out_units, s.bank),
    (s.status = 'completed' AND s.payout_status = 'settled', 'payouts:owed and transit', 0, s.payout_owed + s.transit),
    (s.status = 'completed' AND s.payout_status = 'settled', 'fees:pending', 0, s.fee_pending),
    (s.status = 'completed' AND COALESCE(s.payout_status, '') NOT IN ('settled', 'returned', 'held', 'cancelled'),
        'nothing was paid', NULL, NULL),
    (s.status = 'pending_external'
        AND COALESCE(s.payout_status, '') NOT IN ('unknown', 'submitted', 'accepted', 'held'),
        'no bank has it', NULL, NULL),
    (s.status = 'pending_external' AND s.payout_status IN ('submitted', 'accepted'), 'transit', -s.amount_out_units,
        s.transit),
    (s.status = 'pending_external', 'the bank moved', 0, s.bank),
    (s.status IN ('pending_receiver', 'pending_customer_info_update', 'pending_transaction_info_update')
        AND s.payout_status IN ('submitted', 'accepted', 'settled'), 'a bank has it', NULL, NULL),
    (s.status = 'refunded', 'refunds:owed', 0, s.refund_owed),
    (s.status = 'refunded' AND s.phase <> 'refund', 'no refund was owed', NULL, NULL)
) AS wrong (applies, detail, expected, units)
WHERE s.funded_by IS NOT NULL AND wrong.applies
    AND (wrong.expected IS NULL OR wrong.expected <> COALESCE(wrong.units, 0))
"""

_TOLD = """
SELECT s.id::text, s.asset_in, told.what, told.units, COALESCE(told.booked, 0)
FROM standing AS s CROSS JOIN LATERAL (
    SELECT COALESCE(sum((refund ->> 'amount_units')::bigint), 0)::bigint AS amount,
        COALESCE(sum((refund ->> 'fee_units')::bigint), 0)::bigint AS fee
    FROM jsonb_array_elements(s.refunds) AS refund
) AS noted CROSS JOIN LATERAL (VALUES
    ('refunds that its partner is told and refunds that were sent', noted.amount, s.refund_sent),
    ('refund fees that its partner is told and refund fees that were kept', noted.fee, s.refund_fee)
) AS told (what, units, booked)
WHERE (s.refunds <> '[]' OR s.refund_sent <> 0) AND told.units <> COALESCE(told.booked, 0)
"""

REMITTANCES = Sweep(
    name="remittances",
    common={"standing": _STANDING},
    checks=(
        Check(
            name="unpaid_untouched",
            sentence="A remittance that no payment has funded has nothing in the books.",
            sql="""
            SELECT s.id::text, s.asset_in, s.entries_count || ' entries of a remittance that was never funded',
                NULL::bigint, NULL::bigint
            FROM standing AS s WHERE s.funded_by IS NULL AND s.entries_count > 0
            """,
        ),
        Check(
            name="remittance_accounts",
            sentence=(
                "A funded remittance has in every account what its amounts say: it waits for its rate, is on its way "
                "or delivered, or was turned into a refund."
            ),
            sql=_LINES,
        ),
        Check(
            name="remittance_status",
            sentence="The status of a remittance, its payout and its books tell the same.",
            sql=_STATUS,
        ),
        Check(
            name="refunds_told",
            sentence="What a partner is told of refunds is what was sent back for that remittance.",
            sql=_TOLD,
        ),
    ),
)
