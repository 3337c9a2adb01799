SELECT 'an erased customer with a standing legal hold' FROM customers AS c
JOIN legal_holds AS h ON h.customer_id = c.id AND h.lifted_at IS NULL WHERE c.erased_at IS NOT NULL
UNION ALL
SELECT 'a customer whose key is wrapped by a retired one' FROM customers AS c
WHERE EXISTS (SELECT FROM key_retirements AS k WHERE k.version >= c.key_version)
