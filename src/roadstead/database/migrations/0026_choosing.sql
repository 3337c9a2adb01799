-- note: A payout may go on to another rail of its funding method, and an attempt belongs to the rail that was asked. The database lets a
-- note: payout change its rail only when every attempt was refused for good.

ALTER TABLE payout_attempts ADD COLUMN rail text;
UPDATE payout_attempts AS a SET rail = p.rail FROM payouts AS p WHERE p.id = a.payout_id;
ALTER TABLE payout_attempts ALTER COLUMN rail SET NOT NULL;

-- The rail that refused only for the time being, when the payout went on to a fallback: the next round begins with it.
ALTER TABLE payouts ADD COLUMN back_to text;

-- Which rail the payout had then; null in rows that are older than this.
ALTER TABLE payout_history ADD COLUMN rail text;

INSERT INTO payout_moves (status_from, status_to) VALUES ('ordered', 'ordered');

CREATE OR REPLACE FUNCTION keep_attempt_content() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.key, NEW.payout_id, NEW.rail, NEW.number, NEW.content)
       IS DISTINCT FROM (OLD.key, OLD.payout_id, OLD.rail, OLD.number, OLD.content) THEN
        RAISE EXCEPTION 'attempt %: identifiers, rail and content are fixed once written', OLD.key
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.status = 'refused' AND NEW.status NOT IN ('refused', 'contradicted') THEN
        RAISE EXCEPTION 'attempt %: a refused attempt never pays', OLD.key USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

-- An attempt is written over the rail that its payout has at that moment, whoever writes it.
CREATE OR REPLACE FUNCTION attempt_may_be_written() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    payout record;
BEGIN
    SELECT status, rail INTO payout FROM payouts WHERE id = NEW.payout_id FOR NO KEY UPDATE;
    IF payout.status = 'cancelled' THEN
        RAISE EXCEPTION 'attempt %: its payout is cancelled', NEW.key USING ERRCODE = 'restrict_violation';
    END IF;
    IF EXISTS (SELECT FROM payout_attempts WHERE payout_id = NEW.payout_id AND status NOT IN ('open', 'refused')) THEN
        RAISE EXCEPTION 'attempt %: an earlier one has paid, or may have', NEW.key USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.rail <> payout.rail THEN
        RAISE EXCEPTION 'attempt %: its payout goes over %', NEW.key, payout.rail USING ERRCODE = 'restrict_violation';
    END IF;
    NEW.rail := payout.rail;
    RETURN NEW;
END $$;

CREATE FUNCTION payout_may_change_rail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> 'ordered' OR EXISTS (SELECT FROM payout_attempts WHERE payout_id = NEW.id AND status <> 'refused') THEN
        RAISE EXCEPTION 'payout %: it changes its rail only when every attempt was refused for good', NEW.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payout_rail BEFORE UPDATE OF rail ON payouts
    FOR EACH ROW WHEN (OLD.rail IS DISTINCT FROM NEW.rail) EXECUTE FUNCTION payout_may_change_rail();

CREATE OR REPLACE FUNCTION remember_payout_move() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO payout_history (payout_id, status_from, status_to, reason, reached_at, rail)
    VALUES (NEW.id, CASE TG_OP WHEN 'INSERT' THEN 'new' ELSE OLD.status END, NEW.status, NEW.reason, NEW.status_at, NEW.rail);
    RETURN NULL;
END $$;

DROP TRIGGER payout_moved ON payouts;
CREATE TRIGGER payout_moved AFTER UPDATE OF status, rail ON payouts
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status OR OLD.rail IS DISTINCT FROM NEW.rail)
    EXECUTE FUNCTION remember_payout_move();
