-- note: What becomes of payouts that are refused, returned, held or given up: a table of legal moves, facts of each attempt, and a
-- note: payout that is cancelled, of which the database lets no attempt be written any more and which no open attempt allows.

CREATE TABLE payout_moves (
    status_from text NOT NULL,
    status_to   text NOT NULL,
    PRIMARY KEY (status_from, status_to)
);

INSERT INTO payout_moves (status_from, status_to) VALUES
    ('new', 'ordered'),
    ('ordered', 'submitting'),
    ('ordered', 'held'),
    ('ordered', 'cancelled'),
    ('submitting', 'unknown'),
    ('submitting', 'submitted'),
    ('submitting', 'accepted'),
    ('submitting', 'settled'),
    ('submitting', 'refused'),
    ('submitting', 'returned'),
    ('submitting', 'held'),
    ('unknown', 'submitted'),
    ('unknown', 'accepted'),
    ('unknown', 'settled'),
    ('unknown', 'refused'),
    ('unknown', 'returned'),
    ('unknown', 'held'),
    ('submitted', 'accepted'),
    ('submitted', 'settled'),
    ('submitted', 'refused'),
    ('submitted', 'returned'),
    ('submitted', 'held'),
    ('accepted', 'settled'),
    ('accepted', 'refused'),
    ('accepted', 'returned'),
    ('accepted', 'held'),
    ('settled', 'returned'),
    ('settled', 'held'),
    ('refused', 'ordered'),
    ('refused', 'held'),
    ('refused', 'cancelled'),
    ('returned', 'held'),
    ('returned', 'cancelled'),
    ('held', 'ordered'),
    ('held', 'unknown'),
    ('held', 'submitted'),
    ('held', 'accepted'),
    ('held', 'settled'),
    ('held', 'refused'),
    ('held', 'returned'),
    ('held', 'cancelled');

ALTER TABLE payout_history ADD FOREIGN KEY (status_from, status_to) REFERENCES payout_moves;

ALTER TABLE payouts
    DROP CONSTRAINT payouts_status_check,
    ADD CONSTRAINT payouts_status_check CHECK (status IN ('ordered', 'submitting', 'submitted', 'accepted', 'unknown', 'settled',
        'refused', 'returned', 'held', 'cancelled')),
    -- How often a person let it go on after it was held: each time it gets as many attempts as at first.
    ADD COLUMN releases integer NOT NULL DEFAULT 0 CHECK (releases >= 0),
    -- Digest of what a person let out; an attempt of anything else has to be approved again.
    ADD COLUMN approved_digest text;

ALTER TABLE payout_attempts
    DROP CONSTRAINT payout_attempts_status_check,
    ADD CONSTRAINT payout_attempts_status_check CHECK (status IN ('open', 'settled', 'refused', 'returned', 'contradicted')),
    ADD COLUMN taken_on_at timestamptz,
    ADD COLUMN settled_at timestamptz,
    ADD COLUMN returned_at timestamptz,
    ADD COLUMN returned_units bigint CHECK (returned_units >= 0),
    ADD CHECK ((returned_at IS NULL) = (returned_units IS NULL));

UPDATE payout_attempts AS a SET
    taken_on_at = (SELECT posted_at FROM postings WHERE idempotency_key = 'attempt:' || a.key || ':submitted'),
    settled_at = (SELECT posted_at FROM postings WHERE idempotency_key = 'attempt:' || a.key || ':settled'),
    returned_at = (SELECT posted_at FROM postings WHERE idempotency_key = 'attempt:' || a.key || ':returned'),
    returned_units = (SELECT p.amount_units FROM payouts AS p JOIN postings ON idempotency_key = 'attempt:' || a.key || ':returned'
                      WHERE p.id = a.payout_id);

-- A new attempt needs every old one to be refused for good: none is written beside an open one, and the trigger below lets none
-- follow one that paid or is in doubt. Two can only be settled when the rail broke its word, and then the books have to say so.
DROP INDEX payout_attempts_one_open;
CREATE UNIQUE INDEX payout_attempts_one_open ON payout_attempts (payout_id) WHERE status = 'open';

CREATE OR REPLACE FUNCTION keep_attempt_content() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.key, NEW.payout_id, NEW.number, NEW.content)
       IS DISTINCT FROM (OLD.key, OLD.payout_id, OLD.number, OLD.content) THEN
        RAISE EXCEPTION 'attempt %: identifiers and content are fixed once written', OLD.key
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.status = 'refused' AND NEW.status NOT IN ('refused', 'contradicted') THEN
        RAISE EXCEPTION 'attempt %: a refused attempt never pays', OLD.key USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION attempt_may_be_written() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    standing text;
BEGIN
    SELECT status INTO standing FROM payouts WHERE id = NEW.payout_id FOR NO KEY UPDATE;
    IF standing = 'cancelled' THEN
        RAISE EXCEPTION 'attempt %: its payout is cancelled', NEW.key USING ERRCODE = 'restrict_violation';
    END IF;
    IF EXISTS (SELECT FROM payout_attempts WHERE payout_id = NEW.payout_id AND status NOT IN ('open', 'refused')) THEN
        RAISE EXCEPTION 'attempt %: an earlier one has paid, or may have', NEW.key USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payout_attempt_allowed BEFORE INSERT ON payout_attempts
    FOR EACH ROW EXECUTE FUNCTION attempt_may_be_written();

CREATE FUNCTION payout_may_be_cancelled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM payout_attempts WHERE payout_id = NEW.id AND status NOT IN ('refused', 'returned')) THEN
        RAISE EXCEPTION 'payout %: an attempt has paid or may still pay', NEW.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payout_cancelled BEFORE UPDATE OF status ON payouts
    FOR EACH ROW WHEN (NEW.status = 'cancelled' AND OLD.status <> 'cancelled') EXECUTE FUNCTION payout_may_be_cancelled();

-- Set when a funded remittance will not be delivered: its money goes back, whether a payout was ordered or not.
ALTER TABLE remittances
    ADD COLUMN cancelled_at timestamptz,
    ADD CONSTRAINT remittances_cancelled CHECK (cancelled_at IS NULL OR funded_by IS NOT NULL);

CREATE FUNCTION payout_may_be_ordered() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT cancelled_at FROM remittances WHERE id = NEW.remittance_id FOR NO KEY UPDATE) IS NOT NULL THEN
        RAISE EXCEPTION 'payout %: its remittance is cancelled', NEW.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payout_allowed BEFORE INSERT ON payouts FOR EACH ROW EXECUTE FUNCTION payout_may_be_ordered();

CREATE INDEX payouts_status ON payouts (status, status_at)
    WHERE status NOT IN ('settled', 'cancelled');
