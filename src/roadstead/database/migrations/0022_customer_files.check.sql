SELECT 'a file of an erased customer' FROM customer_files AS f JOIN customers AS c ON c.id = f.customer_id
WHERE c.erased_at IS NOT NULL
UNION ALL
SELECT 'a file whose customer has no such field' FROM customer_files AS f
WHERE f.customer_id IS NOT NULL AND NOT EXISTS
    (SELECT FROM customer_fields AS d WHERE d.customer_id = f.customer_id AND d.name = f.field)
