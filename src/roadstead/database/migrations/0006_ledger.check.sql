SELECT 'books that do not balance in ' || asset FROM entries GROUP BY asset HAVING sum(amount_units) <> 0
