SELECT 'a remittance that waits for nothing in particular' FROM remittances
WHERE status = 'pending_transaction_info_update' AND required_info_updates = '{}'::jsonb
