SELECT 'a customer that nobody screens' FROM customers AS c
WHERE c.erased_at IS NULL AND NOT EXISTS (SELECT FROM screening_subjects AS s WHERE s.customer_id = c.id)
