SELECT 'a field that ends before it was received' FROM customer_fields WHERE valid_until <= received_at
