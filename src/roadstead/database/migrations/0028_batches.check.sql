SELECT 'a batch that does not count what is in it' FROM batches AS b
LEFT JOIN (SELECT batch_id, count(*) AS items, sum(amount_units) AS amount_units FROM batch_items GROUP BY batch_id) AS i
    ON i.batch_id = b.id
WHERE b.items <> coalesce(i.items, 0) OR b.amount_units <> coalesce(i.amount_units, 0)
