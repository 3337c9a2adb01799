SELECT 'a payout with an open attempt over another rail than its own' FROM payouts AS p
JOIN payout_attempts AS a ON a.payout_id = p.id
WHERE a.status = 'open' AND a.rail <> p.rail
