SELECT 'a verification that stands elsewhere than its history says' FROM verification_cases AS c
WHERE c.status <> (SELECT h.status_to FROM verification_history AS h WHERE h.case_id = c.id ORDER BY h.id DESC LIMIT 1)
