-- note: A batch that a restored backup knew unsent may have been sent in the lost time: it is withheld, and never sent by itself.
-- note: An attempt that waits in a batch to be sent is not called refused, whoever says so: it would go out all the same.

ALTER TABLE batches ADD COLUMN withheld_at timestamptz, ADD COLUMN told_at timestamptz;

ALTER TABLE batches
    DROP CONSTRAINT batches_status_check,
    DROP CONSTRAINT batches_check2,
    DROP CONSTRAINT batches_check3,
    DROP CONSTRAINT batches_check5,
    DROP CONSTRAINT batches_check9,
    ADD CONSTRAINT batches_status_check CHECK (status IN
        ('open', 'closing', 'closed', 'sent', 'acknowledged', 'refused', 'withheld')),
    ADD CHECK (status = 'open' OR items > 0 OR withheld_at IS NOT NULL),
    ADD CHECK (withheld_at IS NOT NULL OR (status IN ('open', 'closing')) = (file_digest IS NULL)),
    ADD CHECK (status IN ('open', 'closing', 'closed', 'withheld')
        OR (staged_as IS NOT NULL OR withheld_at IS NOT NULL) AND sent_at IS NOT NULL),
    ADD CHECK (emptied_at IS NULL OR sent_at IS NOT NULL OR withheld_at IS NOT NULL),
    ADD CHECK (status <> 'withheld' OR withheld_at IS NOT NULL),
    ADD CHECK (told_at IS NULL OR withheld_at IS NOT NULL);

CREATE INDEX batches_untold ON batches (rail) WHERE status = 'withheld' AND told_at IS NULL;

CREATE OR REPLACE FUNCTION keep_batch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.rail, NEW.asset, NEW.message_id, NEW.opened_at)
       IS DISTINCT FROM (OLD.id, OLD.rail, OLD.asset, OLD.message_id, OLD.opened_at)
       OR OLD.closed_at IS NOT NULL AND (NEW.closed_at, NEW.items, NEW.amount_units)
          IS DISTINCT FROM (OLD.closed_at, OLD.items, OLD.amount_units)
       OR OLD.file_digest IS NOT NULL AND (NEW.file_name, NEW.file_digest, NEW.file_bytes, NEW.execute_on)
          IS DISTINCT FROM (OLD.file_name, OLD.file_digest, OLD.file_bytes, OLD.execute_on)
       OR OLD.content IS NOT NULL AND NEW.content IS NOT NULL AND NEW.content <> OLD.content
       OR OLD.staged_as IS NOT NULL AND NEW.staged_as IS DISTINCT FROM OLD.staged_as
       OR OLD.withheld_at IS NOT NULL AND (NEW.withheld_at, NEW.file_digest, NEW.staged_as)
          IS DISTINCT FROM (OLD.withheld_at, OLD.file_digest, OLD.staged_as) THEN
        RAISE EXCEPTION 'batch %: what was closed and stored never changes', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('open', 'closing'), ('closing', 'closed'), ('closed', 'sent'), ('closed', 'acknowledged'), ('closed', 'refused'),
        ('sent', 'acknowledged'), ('sent', 'refused'), ('acknowledged', 'refused'),
        ('open', 'withheld'), ('closing', 'withheld'), ('closed', 'withheld'),
        ('withheld', 'acknowledged'), ('withheld', 'refused')) THEN
        RAISE EXCEPTION 'batch %: % does not follow %', OLD.id, NEW.status, OLD.status
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

-- Where the staged file of a batch is known, the bank's folder tells whether it was published; of every other batch nobody can say.
CREATE FUNCTION withhold_batches() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE batches SET status = 'withheld', withheld_at = now(), closed_at = coalesce(closed_at, now()),
        lease_token = NULL, lease_until = NULL
    WHERE status IN ('open', 'closing') OR status = 'closed' AND staged_as IS NULL;
    RETURN NULL;
END $$;

CREATE TRIGGER restoration_withholds_batches AFTER INSERT ON restorations
    FOR EACH STATEMENT EXECUTE FUNCTION withhold_batches();

-- The file is already written, or will be, with this attempt in it: another attempt beside it would be a second payment.
CREATE FUNCTION refuse_to_deny_waiting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM batch_items AS i JOIN batches AS b ON b.id = i.batch_id
               WHERE i.key = NEW.key AND i.rail = NEW.rail AND b.status IN ('open', 'closing', 'closed')) THEN
        RAISE EXCEPTION 'attempt %: it waits in a batch to be sent', NEW.key USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payout_attempt_not_waiting BEFORE UPDATE OF status ON payout_attempts
    FOR EACH ROW WHEN (NEW.status = 'refused' AND OLD.status <> 'refused') EXECUTE FUNCTION refuse_to_deny_waiting();
