SELECT 'a remittance with other amounts than its payment brought' FROM remittances AS r JOIN payments AS p ON p.operation_id = r.funded_by
WHERE p.amount_units IS DISTINCT FROM r.amount_in_units + COALESCE(p.excess_units, 0)
