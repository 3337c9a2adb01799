SELECT 'a clawback that is not in the books' FROM clawbacks AS c
WHERE NOT EXISTS (SELECT 1 FROM postings AS p WHERE p.idempotency_key = 'clawback:' || c.operation_id)
