SELECT 'a callback sent without its bytes' FROM callbacks WHERE tries > 0 AND status = 'delivered' AND body IS NULL
