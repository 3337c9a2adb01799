SELECT 'a callback about a status that its remittance never had' FROM callbacks AS c
WHERE c.subject_kind = 'remittance' AND NOT EXISTS
    (SELECT FROM remittance_history AS h WHERE h.remittance_id = c.subject_id AND h.status_to = c.event)
