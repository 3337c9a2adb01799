SELECT 'statement line ' || l.id || ' is ' || l.status || ', which is not how people resolved it'
FROM statement_lines AS l LEFT JOIN line_resolutions AS r ON r.line_id = l.id AND r.corrected_at IS NULL
WHERE (r.line_id IS NOT NULL) <> (l.status = 'resolved' OR l.matched_by IS NOT DISTINCT FROM 'person')
    OR (r.line_id IS NOT NULL AND r.attempt_key IS DISTINCT FROM l.attempt_key)
LIMIT 1
