-- note: Verification of customers: one case for each customer and type, its history by the table of legal moves, and the doorbells of
-- note: those who verify. No personal data stand here: codes, names of fields, and a digest under the customer's own key.

CREATE TABLE verification_moves (
    status_from text NOT NULL,
    status_to   text NOT NULL,
    PRIMARY KEY (status_from, status_to)
);

INSERT INTO verification_moves (status_from, status_to) VALUES
    ('new', 'collecting'),
    ('collecting', 'submitted'),
    ('submitted', 'collecting'),
    ('submitted', 'in_review'),
    ('submitted', 'accepted'),
    ('submitted', 'needs_info'),
    ('submitted', 'rejected'),
    ('in_review', 'collecting'),
    ('in_review', 'accepted'),
    ('in_review', 'needs_info'),
    ('in_review', 'rejected'),
    ('accepted', 'collecting'),
    ('accepted', 'in_review'),
    ('accepted', 'needs_info'),
    ('accepted', 'rejected'),
    ('accepted', 'revoked'),
    ('accepted', 'expired'),
    ('needs_info', 'collecting'),
    ('needs_info', 'in_review'),
    ('needs_info', 'accepted'),
    ('needs_info', 'rejected'),
    ('rejected', 'collecting'),
    ('rejected', 'in_review'),
    ('rejected', 'accepted'),
    ('rejected', 'needs_info'),
    ('revoked', 'collecting'),
    ('revoked', 'in_review'),
    ('revoked', 'accepted'),
    ('revoked', 'needs_info'),
    ('revoked', 'rejected'),
    ('expired', 'collecting'),
    ('expired', 'submitted');

-- A submission is one set of data, put before one verifier: its id is what the verifier recognises a repetition by.
CREATE TABLE verification_cases (
    id            uuid PRIMARY KEY,
    customer_id   uuid NOT NULL REFERENCES customers,
    customer_type text NOT NULL CHECK (length(customer_type) BETWEEN 1 AND 100),
    status        text NOT NULL,
    status_at     timestamptz NOT NULL DEFAULT now(),
    status_cause  text NOT NULL CHECK (length(status_cause) BETWEEN 1 AND 200),
    submission_id uuid UNIQUE,
    verifier      text,
    digest        text CHECK (digest ~ '^[0-9a-f]{64}$'),
    reference     text CHECK (length(reference) BETWEEN 1 AND 200),
    decisions     jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(decisions) = 'object'),
    say           text,
    reasons       text[] NOT NULL DEFAULT '{}' CHECK (cardinality(reasons) <= 20),
    evidence      text[] NOT NULL DEFAULT '{}' CHECK (cardinality(evidence) <= 20),
    valid_until   timestamptz,
    submitted_at  timestamptz,
    heard_at      timestamptz,
    tries         integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
    due_at        timestamptz,
    lease_token   uuid,
    lease_until   timestamptz,
    UNIQUE (customer_id, customer_type),
    CHECK ((submission_id IS NULL) = (status = 'collecting')),
    CHECK ((submission_id IS NULL) = (digest IS NULL)),
    CHECK ((submission_id IS NULL) = (verifier IS NULL)),
    CHECK (reference IS NOT NULL OR status IN ('collecting', 'submitted')),
    CHECK ((lease_token IS NULL) = (lease_until IS NULL))
);

CREATE INDEX verification_cases_due ON verification_cases (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX verification_cases_reference ON verification_cases (verifier, reference) WHERE reference IS NOT NULL;
CREATE INDEX verification_cases_valid ON verification_cases (valid_until) WHERE status = 'accepted' AND valid_until IS NOT NULL;
CREATE INDEX verification_cases_status ON verification_cases (status, status_at);

CREATE TABLE verification_history (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id       uuid NOT NULL REFERENCES verification_cases,
    status_from   text NOT NULL,
    status_to     text NOT NULL,
    cause         text NOT NULL,
    submission_id uuid,
    verifier      text,
    reasons       text[] NOT NULL,
    reached_at    timestamptz NOT NULL,
    FOREIGN KEY (status_from, status_to) REFERENCES verification_moves
);

CREATE INDEX verification_history_case ON verification_history (case_id, id);

CREATE TRIGGER verification_history_append_only BEFORE UPDATE OR DELETE ON verification_history
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER verification_history_kept BEFORE TRUNCATE ON verification_history
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER verification_cases_kept BEFORE DELETE OR TRUNCATE ON verification_cases
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

CREATE FUNCTION remember_verification_move() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO verification_history (case_id, status_from, status_to, cause, submission_id, verifier, reasons, reached_at)
    VALUES (NEW.id, CASE TG_OP WHEN 'INSERT' THEN 'new' ELSE OLD.status END, NEW.status, NEW.status_cause,
            COALESCE(NEW.submission_id, CASE TG_OP WHEN 'UPDATE' THEN OLD.submission_id END),
            COALESCE(NEW.verifier, CASE TG_OP WHEN 'UPDATE' THEN OLD.verifier END), NEW.reasons, NEW.status_at);
    RETURN NULL;
END $$;

CREATE TRIGGER verification_begun AFTER INSERT ON verification_cases
    FOR EACH ROW EXECUTE FUNCTION remember_verification_move();
CREATE TRIGGER verification_moved AFTER UPDATE OF status ON verification_cases
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION remember_verification_move();

-- What was judged is fixed: another digest or verifier needs another submission, and an acceptance stands for one submission alone.
CREATE FUNCTION keep_submission() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.customer_id, NEW.customer_type) IS DISTINCT FROM (OLD.id, OLD.customer_id, OLD.customer_type) THEN
        RAISE EXCEPTION 'verification %: whose case it is does not change', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.submission_id = OLD.submission_id AND NEW.digest IS DISTINCT FROM OLD.digest THEN
        RAISE EXCEPTION 'verification %: what was submitted does not change', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.submission_id IS DISTINCT FROM OLD.submission_id AND NEW.status NOT IN ('collecting', 'submitted') THEN
        RAISE EXCEPTION 'verification %: other data are judged anew', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER verification_submission BEFORE UPDATE ON verification_cases
    FOR EACH ROW EXECUTE FUNCTION keep_submission();

-- What verifiers rang with, as it came, sealed under a key of its own that is wrapped like a customer's; it goes after a while.
CREATE TABLE verifier_events (
    id          uuid PRIMARY KEY,
    verifier    text NOT NULL,
    wrapped_key bytea NOT NULL,
    key_version integer NOT NULL,
    body        bytea NOT NULL,
    refs        text[] NOT NULL,
    problem     text,
    received_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX verifier_events_received ON verifier_events (received_at);
