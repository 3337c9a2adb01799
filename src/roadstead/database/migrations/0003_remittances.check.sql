SELECT 'a remittance whose history does not end in its status' FROM remittances AS r
WHERE r.status IS DISTINCT FROM
    (SELECT status_to FROM remittance_history WHERE remittance_id = r.id ORDER BY id DESC LIMIT 1)
