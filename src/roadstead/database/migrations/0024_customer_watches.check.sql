SELECT 'a customer whose status is told and who has no URL' FROM customer_watches AS w
WHERE NOT EXISTS (SELECT FROM callback_registrations AS r WHERE r.subject_kind = 'customer' AND r.subject_id = w.customer_id)
UNION ALL
SELECT 'an erased customer that can be found' FROM customer_indexes AS i JOIN customers AS c ON c.id = i.customer_id
WHERE c.erased_at IS NOT NULL
