-- note: Customers whose status a partner wants to be told of, with the status that it knows. The database writes the event when the
-- note: status changes, in the same transaction. Also: what customers are found by, as keyed digests.

CREATE TABLE customer_watches (
    customer_id   uuid PRIMARY KEY REFERENCES customers,
    type          text CHECK (length(type) <= 100),
    status        text NOT NULL CHECK (status IN ('ACCEPTED', 'PROCESSING', 'NEEDS_INFO', 'REJECTED')),
    -- How the fields stood, without a value: what is told is written from it.
    snapshot      jsonb NOT NULL,
    registered_at timestamptz NOT NULL,
    spent_at      timestamptz
);

-- SECURITY DEFINER: the app role makes callbacks by noting a status, never by itself. A registration is no change.
CREATE FUNCTION announce_customer_status() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO callbacks (subject_kind, subject_id, partner_id, host, event, snapshot)
    SELECT subject_kind, NEW.customer_id, partner_id, host, NEW.status, NEW.snapshot
    FROM callback_registrations WHERE subject_kind = 'customer' AND subject_id = NEW.customer_id;
    RETURN NULL;
END $$;

CREATE TRIGGER customer_announced AFTER UPDATE OF status ON customer_watches
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status AND OLD.registered_at = NEW.registered_at)
    EXECUTE FUNCTION announce_customer_status();

CREATE TABLE customer_indexes (
    customer_id uuid NOT NULL REFERENCES customers,
    field       text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('email', 'phone', 'tax_id', 'id_number', 'account_number')),
    digest      bytea NOT NULL CHECK (length(digest) = 32),
    key_version integer NOT NULL,
    PRIMARY KEY (customer_id, field)
);

CREATE INDEX customer_indexes_digest ON customer_indexes (digest);
