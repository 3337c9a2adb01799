-- note: What a remittance in pending_transaction_info_update waits for, and what partners sent for it (SEP-31 PATCH).

ALTER TABLE remittances
    ADD COLUMN required_info_updates jsonb,
    ADD COLUMN transaction_fields jsonb,
    ADD CONSTRAINT remittances_required_info CHECK (
        (required_info_updates IS NOT NULL) = (status = 'pending_transaction_info_update'));
