-- note: Payouts and their attempts. One payout per remittance, one open attempt per payout, and an attempt that never changes what it
-- note: asks of the bank: these three make a second payment impossible rather than unlikely.

CREATE TABLE payouts (
    id            uuid PRIMARY KEY,
    remittance_id uuid NOT NULL UNIQUE REFERENCES remittances,
    rail          text NOT NULL,
    asset         text NOT NULL,
    amount_units  bigint NOT NULL CHECK (amount_units > 0),
    end_to_end_id text NOT NULL UNIQUE CHECK (end_to_end_id ~ '^[A-Za-z0-9]{1,30}$'),
    status        text NOT NULL DEFAULT 'ordered' CHECK (status IN
        ('ordered', 'submitting', 'submitted', 'accepted', 'unknown', 'settled', 'refused', 'returned', 'held')),
    reason        text,
    ordered_at    timestamptz NOT NULL DEFAULT now(),
    status_at     timestamptz NOT NULL DEFAULT now(),
    due_at        timestamptz,
    lease_until   timestamptz,
    lease_token   uuid,
    CHECK ((lease_until IS NULL) = (lease_token IS NULL))
);

CREATE INDEX payouts_due ON payouts (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE payout_attempts (
    key          text PRIMARY KEY CHECK (key ~ '^[A-Za-z0-9]{1,30}$'),
    payout_id    uuid NOT NULL REFERENCES payouts,
    number       integer NOT NULL CHECK (number > 0),
    content      bytea NOT NULL,
    status       text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'settled', 'refused', 'returned')),
    reference    text,
    reason       text,
    written_at   timestamptz NOT NULL DEFAULT now(),
    submitted_at timestamptz,
    status_at    timestamptz NOT NULL DEFAULT now(),
    UNIQUE (payout_id, number)
);

-- A new attempt needs the old one to be refused for good.
CREATE UNIQUE INDEX payout_attempts_one_open ON payout_attempts (payout_id) WHERE status <> 'refused';

CREATE FUNCTION keep_attempt_content() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.key, NEW.payout_id, NEW.number, NEW.content)
       IS DISTINCT FROM (OLD.key, OLD.payout_id, OLD.number, OLD.content) THEN
        RAISE EXCEPTION 'attempt %: identifiers and content are fixed once written', OLD.key
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.status = 'refused' AND NEW.status <> 'refused' THEN
        RAISE EXCEPTION 'attempt %: a refused attempt never pays', OLD.key USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payout_attempt_content BEFORE UPDATE ON payout_attempts
    FOR EACH ROW EXECUTE FUNCTION keep_attempt_content();
CREATE TRIGGER payout_attempts_kept BEFORE DELETE OR TRUNCATE ON payout_attempts
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

CREATE TABLE payout_history (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payout_id   uuid NOT NULL REFERENCES payouts,
    status_from text NOT NULL,
    status_to   text NOT NULL,
    reason      text,
    reached_at  timestamptz NOT NULL
);

CREATE INDEX payout_history_payout ON payout_history (payout_id, id);

CREATE TRIGGER payout_history_append_only BEFORE UPDATE OR DELETE ON payout_history
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER payout_history_kept BEFORE TRUNCATE ON payout_history
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

CREATE FUNCTION remember_payout_move() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO payout_history (payout_id, status_from, status_to, reason, reached_at)
    VALUES (NEW.id, CASE TG_OP WHEN 'INSERT' THEN 'new' ELSE OLD.status END, NEW.status, NEW.reason, NEW.status_at);
    RETURN NULL;
END $$;

CREATE TRIGGER payout_ordered AFTER INSERT ON payouts FOR EACH ROW EXECUTE FUNCTION remember_payout_move();
CREATE TRIGGER payout_moved AFTER UPDATE OF status ON payouts
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION remember_payout_move();

-- The inbox of the rails: every event once, by the identity that the rail gave it.
CREATE TABLE rail_events (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rail          text NOT NULL,
    identity      text NOT NULL,
    key           text,
    end_to_end_id text,
    status        text NOT NULL,
    asset         text,
    amount_units  bigint,
    reference     text,
    reason        text,
    detail        text NOT NULL,
    occurred_at   timestamptz NOT NULL,
    stored_at     timestamptz NOT NULL DEFAULT now(),
    due_at        timestamptz NOT NULL DEFAULT now(),
    failures      integer NOT NULL DEFAULT 0,
    applied_at    timestamptz,
    conclusion    text,
    UNIQUE (rail, identity),
    CHECK ((applied_at IS NULL) = (conclusion IS NULL))
);

CREATE INDEX rail_events_waiting ON rail_events (due_at, id) WHERE applied_at IS NULL;
