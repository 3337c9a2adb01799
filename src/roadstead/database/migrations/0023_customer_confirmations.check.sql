SELECT 'a code for a field that needs none' FROM customer_confirmations AS k
JOIN customer_fields AS f ON f.customer_id = k.customer_id AND f.name = k.field
WHERE f.status = 'ACCEPTED'
