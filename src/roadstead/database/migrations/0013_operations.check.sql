SELECT 'a decided hold without enough people' FROM holds AS h
WHERE h.status IN ('decided', 'applied') AND h.approvals > (
    SELECT count(DISTINCT v.operator_id) FROM hold_votes AS v
    WHERE v.hold_id = h.id AND v.round = h.round AND v.act <> 'object' AND v.decision = h.decision AND v.digest = h.digest)
