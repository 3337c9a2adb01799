-- note: Double-entry books in whole units, signed: a debit is positive, a credit negative. The database refuses a posting that does not
-- note: balance in every asset, and any change of what was posted; corrections are new postings.

CREATE TABLE postings (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    idempotency_key text NOT NULL UNIQUE,
    event           text NOT NULL,
    remittance_id   uuid REFERENCES remittances,
    posted_at       timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX postings_remittance ON postings (remittance_id, id);

CREATE TABLE entries (
    posting_id   bigint NOT NULL REFERENCES postings,
    account      text NOT NULL CHECK (account ~ '^[a-z]+(:[A-Za-z0-9_.:-]+)*$'),
    asset        text NOT NULL,
    amount_units bigint NOT NULL CHECK (amount_units <> 0),
    PRIMARY KEY (posting_id, account, asset)
);

CREATE INDEX entries_account ON entries (account, asset);

CREATE TRIGGER postings_append_only BEFORE UPDATE OR DELETE ON postings
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER postings_kept BEFORE TRUNCATE ON postings FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER entries_kept BEFORE TRUNCATE ON entries FOR EACH STATEMENT EXECUTE FUNCTION append_only();

CREATE FUNCTION posting_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong record;
BEGIN
    SELECT asset, sum(amount_units) AS difference INTO wrong FROM entries WHERE posting_id = NEW.posting_id
    GROUP BY asset HAVING sum(amount_units) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'posting % does not balance: % is off by %', NEW.posting_id, wrong.asset, wrong.difference
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER entries_balance AFTER INSERT ON entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION posting_balances();

CREATE FUNCTION posting_has_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM entries WHERE posting_id = NEW.id) THEN
        RAISE EXCEPTION 'posting % has no entries', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER postings_have_entries AFTER INSERT ON postings
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION posting_has_entries();
