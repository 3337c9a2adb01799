SELECT 'a payout of a remittance that was never funded' FROM payouts AS p JOIN remittances AS r ON r.id = p.remittance_id
WHERE r.funded_by IS NULL
