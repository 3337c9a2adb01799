SELECT 'a remittance that asks for a type of nobody' FROM remittances
WHERE (sender_type IS NOT NULL AND sender_id IS NULL) OR (receiver_type IS NOT NULL AND receiver_id IS NULL)
UNION ALL
SELECT 'a field that ends before it was received' FROM customer_fields WHERE valid_until <= received_at
