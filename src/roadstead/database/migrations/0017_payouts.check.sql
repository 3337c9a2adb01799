SELECT 'a cancelled payout of which an attempt paid or may pay' FROM payouts AS p
JOIN payout_attempts AS a ON a.payout_id = p.id
WHERE p.status = 'cancelled' AND a.status IN ('open', 'settled')
