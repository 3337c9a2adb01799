SELECT 'an erased customer with fields' FROM customers JOIN customer_fields ON customer_id = id WHERE erased_at IS NOT NULL
