SELECT 'a batch that does not count what is in it' FROM batches AS b
WHERE (b.items, b.amount_units) IS DISTINCT FROM (
    SELECT count(*)::integer, coalesce(sum(i.amount_units), 0)::bigint FROM batch_items AS i WHERE i.batch_id = b.id)
