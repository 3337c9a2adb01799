SELECT 'an erased customer with a memo' FROM customers WHERE erased_at IS NOT NULL AND memo IS NOT NULL
