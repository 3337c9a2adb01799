SELECT 'a payment that went out and is said to be a refund that was not sent' FROM outgoing_found AS o
JOIN refunds AS f ON f.id = o.refund_id WHERE f.status <> 'sent'
