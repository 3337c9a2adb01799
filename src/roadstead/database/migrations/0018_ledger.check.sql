SELECT 'a posting of an event that is not in the list, or with a key of another: ' || p.idempotency_key
FROM postings AS p LEFT JOIN ledger_events AS e ON e.event = p.event
WHERE e.event IS NULL OR p.idempotency_key !~ e.key_pattern
