-- note: A customer that is deleted is restricted at once and erased when the retention that anchor.toml asks for is over and no legal
-- note: hold stands; and master keys that hold nothing any more are never used again.

ALTER TABLE customers ADD COLUMN restricted_at timestamptz;
UPDATE customers SET restricted_at = erased_at WHERE erased_at IS NOT NULL;
ALTER TABLE customers ADD CHECK (erased_at IS NULL OR restricted_at IS NOT NULL);

-- Whoever registers the identity of a restricted customer again is a new one.
DROP INDEX customers_identity;
CREATE UNIQUE INDEX customers_identity ON customers (account, memo_kind, memo) NULLS NOT DISTINCT
    WHERE restricted_at IS NULL;
CREATE INDEX customers_restricted ON customers (id) WHERE restricted_at IS NOT NULL AND erased_at IS NULL;
CREATE INDEX customers_key_version ON customers (key_version, id) WHERE wrapped_key IS NOT NULL;

CREATE TABLE legal_holds (
    id            uuid PRIMARY KEY,
    customer_id   uuid NOT NULL REFERENCES customers,
    reason        text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    placed_by     text NOT NULL,
    placed_at     timestamptz NOT NULL DEFAULT now(),
    lifted_reason text CHECK (length(lifted_reason) BETWEEN 1 AND 500),
    lifted_by     text,
    lifted_at     timestamptz,
    CHECK ((lifted_at IS NULL) = (lifted_by IS NULL)),
    CHECK ((lifted_at IS NULL) = (lifted_reason IS NULL))
);

CREATE INDEX legal_holds_standing ON legal_holds (customer_id) WHERE lifted_at IS NULL;

CREATE FUNCTION keep_legal_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.lifted_at IS NOT NULL OR (NEW.id, NEW.customer_id, NEW.reason, NEW.placed_by, NEW.placed_at)
       IS DISTINCT FROM (OLD.id, OLD.customer_id, OLD.reason, OLD.placed_by, OLD.placed_at)
    THEN
        RAISE EXCEPTION 'legal hold %: what was said, and its end, do not change', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER legal_hold_kept BEFORE UPDATE ON legal_holds FOR EACH ROW EXECUTE FUNCTION keep_legal_hold();
CREATE TRIGGER legal_holds_kept BEFORE DELETE OR TRUNCATE ON legal_holds
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

CREATE FUNCTION keep_customer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.restricted_at IS NOT NULL AND NEW.restricted_at IS DISTINCT FROM OLD.restricted_at)
       OR (OLD.erased_at IS NOT NULL AND NEW.erased_at IS DISTINCT FROM OLD.erased_at) THEN
        RAISE EXCEPTION 'customer %: what is restricted stays so, and what is erased too', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL AND EXISTS
        (SELECT FROM legal_holds WHERE customer_id = NEW.id AND lifted_at IS NULL) THEN
        RAISE EXCEPTION 'customer %: a legal hold stands, nothing is erased', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER customer_kept BEFORE UPDATE OF restricted_at, erased_at ON customers
    FOR EACH ROW EXECUTE FUNCTION keep_customer();

-- Versions of the master key that wrap nothing any more.
CREATE TABLE key_retirements (
    version    integer PRIMARY KEY CHECK (version > 0),
    retired_at timestamptz NOT NULL DEFAULT now(),
    retired_by text NOT NULL
);

CREATE TRIGGER key_retirements_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON key_retirements
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

CREATE FUNCTION refuse_retired_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.key_version IS NOT NULL AND EXISTS (SELECT FROM key_retirements WHERE version >= NEW.key_version) THEN
        RAISE EXCEPTION 'key version % is retired: start this process with the newest ROADSTEAD_DATA_KEY', NEW.key_version
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER customer_key_current BEFORE INSERT OR UPDATE OF key_version ON customers
    FOR EACH ROW EXECUTE FUNCTION refuse_retired_key();
CREATE TRIGGER customer_file_key_current BEFORE INSERT OR UPDATE OF key_version ON customer_files
    FOR EACH ROW EXECUTE FUNCTION refuse_retired_key();
