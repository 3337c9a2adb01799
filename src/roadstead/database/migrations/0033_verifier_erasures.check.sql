SELECT 'a verifier that is told to forget a customer who was not erased' FROM verifier_erasures AS e
JOIN customers AS c ON c.id = e.customer_id WHERE c.erased_at IS NULL
