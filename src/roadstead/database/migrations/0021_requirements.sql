-- note: Which customer types a remittance was opened for stays written on it, so that neither a changed anchor.toml nor another rate
-- note: changes what is asked of its customers. And of each field of a customer: when it was received, until when it can hold at all,
-- note: and whether a rule was there to check it by.

ALTER TABLE remittances
    ADD COLUMN sender_type text CHECK (sender_type <> ''),
    ADD COLUMN receiver_type text CHECK (receiver_type <> ''),
    -- False of remittances from before: of those the configuration says what is asked.
    ADD COLUMN types_fixed boolean NOT NULL DEFAULT false,
    ADD CHECK (types_fixed OR (sender_type IS NULL AND receiver_type IS NULL)),
    -- Nothing is asked of nobody.
    ADD CHECK (sender_type IS NULL OR sender_id IS NOT NULL),
    ADD CHECK (receiver_type IS NULL OR receiver_id IS NOT NULL);

CREATE FUNCTION keep_required_types() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'remittance %: the customer types that were required at the opening do not change', OLD.id
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER remittance_types BEFORE UPDATE OF sender_type, receiver_type, types_fixed ON remittances
    FOR EACH ROW WHEN ((OLD.sender_type, OLD.receiver_type, OLD.types_fixed)
        IS DISTINCT FROM (NEW.sender_type, NEW.receiver_type, NEW.types_fixed))
    EXECUTE FUNCTION keep_required_types();

ALTER TABLE customer_fields
    ADD COLUMN received_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN valid_until timestamptz,
    ADD COLUMN unchecked boolean NOT NULL DEFAULT false;

UPDATE customer_fields SET received_at = updated_at;
