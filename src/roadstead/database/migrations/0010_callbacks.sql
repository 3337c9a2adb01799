-- note: Callbacks: where a partner wants to be called, what it is told, and every try to tell it. The database itself writes the event
-- note: beside the status, in the same transaction, so that no statement can move a remittance and forget to say so.

-- The hosts that a partner may be called at, as host or host:port. A host that was taken away keeps its row.
CREATE TABLE partner_callback_hosts (
    partner_id uuid NOT NULL REFERENCES partners,
    host       text NOT NULL CHECK (host = lower(host) AND length(host) BETWEEN 1 AND 260),
    added_at   timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz,
    PRIMARY KEY (partner_id, host)
);

-- One URL per subject, the newest; `host` is the URL's authority.
CREATE TABLE callback_registrations (
    subject_kind  text NOT NULL CHECK (subject_kind IN ('remittance', 'customer')),
    subject_id    uuid NOT NULL,
    partner_id    uuid NOT NULL REFERENCES partners,
    url           text NOT NULL CHECK (length(url) <= 2000),
    host          text NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subject_kind, subject_id)
);

-- The outbox. Identities of one subject's events rise in the order of the events, because they are drawn under the lock of its row.
-- `host` repeats that of the registration, so that what is due is found host by host, however much waits for a dead one.
CREATE TABLE callbacks (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject_kind  text NOT NULL,
    subject_id    uuid NOT NULL,
    partner_id    uuid NOT NULL REFERENCES partners,
    host          text NOT NULL,
    event         text NOT NULL,
    snapshot      jsonb NOT NULL,
    body          bytea,
    status        text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'delivered', 'given_up')),
    occurred_at   timestamptz NOT NULL DEFAULT now(),
    waiting_since timestamptz NOT NULL DEFAULT now(),
    due_at        timestamptz NOT NULL DEFAULT now(),
    tries         integer NOT NULL DEFAULT 0,
    lease_until   timestamptz,
    lease_token   uuid,
    ended_at      timestamptz,
    FOREIGN KEY (subject_kind, subject_id) REFERENCES callback_registrations,
    CHECK ((lease_until IS NULL) = (lease_token IS NULL)),
    CHECK ((status = 'waiting') = (ended_at IS NULL)),
    CHECK (status <> 'delivered' OR body IS NOT NULL)
);

CREATE INDEX callbacks_due ON callbacks (host, due_at) WHERE status = 'waiting';
CREATE INDEX callbacks_subject ON callbacks (subject_kind, subject_id, id);
CREATE INDEX callbacks_given_up ON callbacks (ended_at) WHERE status = 'given_up';

CREATE FUNCTION keep_callback() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.subject_kind, NEW.subject_id, NEW.partner_id, NEW.event, NEW.snapshot, NEW.occurred_at)
       IS DISTINCT FROM
       (OLD.id, OLD.subject_kind, OLD.subject_id, OLD.partner_id, OLD.event, OLD.snapshot, OLD.occurred_at)
       OR (OLD.body IS NOT NULL AND NEW.body IS DISTINCT FROM OLD.body)
    THEN
        RAISE EXCEPTION 'callback %: what happened, and the bytes that tell it, do not change', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER callback_content BEFORE UPDATE ON callbacks FOR EACH ROW EXECUTE FUNCTION keep_callback();
CREATE TRIGGER callbacks_kept BEFORE DELETE OR TRUNCATE ON callbacks
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

CREATE TABLE callback_tries (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    callback_id bigint NOT NULL REFERENCES callbacks,
    url         text NOT NULL,
    ended_at    timestamptz NOT NULL DEFAULT now(),
    duration_ms integer NOT NULL CHECK (duration_ms >= 0),
    outcome     text NOT NULL,
    http_status integer,
    answer      text NOT NULL CHECK (length(answer) <= 2000)
);

CREATE INDEX callback_tries_callback ON callback_tries (callback_id, id);

CREATE TRIGGER callback_tries_append_only BEFORE UPDATE OR DELETE ON callback_tries
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER callback_tries_kept BEFORE TRUNCATE ON callback_tries
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

-- SECURITY DEFINER: the app role makes callbacks by moving remittances, never by itself. Updates only: SEP-31 wants no callback for
-- the initial status. The row as it stands now is what the partner will be told, however much later that is.
CREATE FUNCTION announce_remittance_move() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO callbacks (subject_kind, subject_id, partner_id, host, event, snapshot)
    SELECT subject_kind, NEW.id, NEW.partner_id, host, NEW.status, to_jsonb(NEW)
    FROM callback_registrations WHERE subject_kind = 'remittance' AND subject_id = NEW.id;
    RETURN NULL;
END $$;

CREATE TRIGGER remittance_announced AFTER UPDATE OF status ON remittances
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION announce_remittance_move();
