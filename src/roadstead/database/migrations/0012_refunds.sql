-- note: What went back to the payer of a remittance on Stellar, as its partner is told. It stands on the remittance itself, so that a
-- note: callback tells exactly the refunds of its moment; nothing is called refunded of which no refund is known.

ALTER TABLE remittances
    ADD COLUMN refunds jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(refunds) = 'array'),
    ADD CONSTRAINT remittances_refunded CHECK (status <> 'refunded' OR jsonb_array_length(refunds) > 0);
