SELECT 'a receipt of nothing that was opened' FROM receipts AS r
WHERE NOT EXISTS (SELECT FROM remittances WHERE id = (convert_from(r.body, 'UTF8')::jsonb ->> 'id')::uuid)
    AND NOT EXISTS (SELECT FROM quotes WHERE id = (convert_from(r.body, 'UTF8')::jsonb ->> 'id')::uuid)
