SELECT 'a refund that was sent without an envelope in a ledger' FROM refunds AS r
WHERE r.status = 'sent' AND NOT EXISTS (
    SELECT FROM envelopes AS e WHERE e.kind = 'refund' AND e.subject_id = r.id AND e.status = 'succeeded')
