-- note: Whoever verified a customer that is erased is told to forget it: one row for each customer and verifier, written by the
-- note: transaction that erases, and worked off until the verifier says so. Pseudonyms and codes alone stand here.

CREATE TABLE verifier_erasures (
    customer_id uuid NOT NULL REFERENCES customers,
    verifier    text NOT NULL,
    ordered_at  timestamptz NOT NULL DEFAULT now(),
    due_at      timestamptz,
    tries       integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
    lease_token uuid,
    lease_until timestamptz,
    outcome     text CHECK (outcome IN ('forgotten', 'keeps_nothing', 'by_hand')),
    ended_at    timestamptz,
    PRIMARY KEY (customer_id, verifier),
    CHECK ((outcome IS NULL) = (ended_at IS NULL)),
    CHECK ((outcome IS NULL) = (due_at IS NOT NULL)),
    CHECK ((lease_token IS NULL) = (lease_until IS NULL)),
    CHECK (outcome IS NULL OR lease_token IS NULL)
);

CREATE INDEX verifier_erasures_due ON verifier_erasures (due_at) WHERE due_at IS NOT NULL;

CREATE FUNCTION keep_verifier_erasure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.outcome IS NOT NULL
       OR (NEW.customer_id, NEW.verifier, NEW.ordered_at) IS DISTINCT FROM (OLD.customer_id, OLD.verifier, OLD.ordered_at) THEN
        RAISE EXCEPTION 'erasure of customer % at verifier %: whose it is, and its end, do not change', OLD.customer_id, OLD.verifier
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER verifier_erasure_kept BEFORE UPDATE ON verifier_erasures
    FOR EACH ROW EXECUTE FUNCTION keep_verifier_erasure();
CREATE TRIGGER verifier_erasures_kept BEFORE DELETE OR TRUNCATE ON verifier_erasures
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
