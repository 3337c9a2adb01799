SELECT 'a batch whose key is wrapped by a retired one' FROM batches AS b
WHERE b.wrapped_key IS NOT NULL AND EXISTS (SELECT FROM key_retirements AS k WHERE k.version >= b.key_version)
UNION ALL
SELECT 'a file of a bank whose key is wrapped by a retired one' FROM received_files AS f
WHERE f.wrapped_key IS NOT NULL AND EXISTS (SELECT FROM key_retirements AS k WHERE k.version >= f.key_version)
UNION ALL
SELECT 'a doorbell whose key is wrapped by a retired one' FROM verifier_events AS e
WHERE EXISTS (SELECT FROM key_retirements AS k WHERE k.version >= e.key_version)
