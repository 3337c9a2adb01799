SELECT 'too much of a payment that funded nothing' FROM payments AS p
WHERE p.excess_units IS NOT NULL AND NOT EXISTS (SELECT FROM remittances AS r WHERE r.funded_by = p.operation_id)
