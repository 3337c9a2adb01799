SELECT 'a remittance funded by a payment that is not matched to it' FROM remittances AS r JOIN payments AS p ON p.operation_id = r.funded_by
WHERE p.remittance_id IS DISTINCT FROM r.id OR p.disposition <> 'matched'
