SELECT 'a refund of a remittance that was never funded' FROM remittances
WHERE funded_by IS NULL AND jsonb_array_length(refunds) > 0
