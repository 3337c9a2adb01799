SELECT 'a statement in the chain whose lines do not lead from its opening to its closing balance' FROM bank_statements AS s
WHERE s.status = 'linked' AND s.closing_units - s.opening_units <> COALESCE((
    SELECT sum(CASE WHEN l.is_credit THEN l.amount_units ELSE -l.amount_units END) FROM statement_lines AS l
    WHERE l.statement_id = s.id), 0)
