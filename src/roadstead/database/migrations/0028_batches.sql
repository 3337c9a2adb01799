-- note: Paying by file. A batch takes payouts, is closed, and its exact bytes are stored before they leave, under a name and a
-- note: message id that are never used again. What the bank puts out is stored before it is understood.

CREATE TABLE batches (
    id           uuid PRIMARY KEY,
    rail         text NOT NULL,
    asset        text NOT NULL,
    message_id   text NOT NULL UNIQUE CHECK (message_id ~ '^[A-Za-z0-9]{1,30}$'),
    status       text NOT NULL DEFAULT 'open' CHECK (status IN
        ('open', 'closing', 'closed', 'sent', 'acknowledged', 'refused')),
    items        integer NOT NULL DEFAULT 0 CHECK (items >= 0),
    amount_units bigint NOT NULL DEFAULT 0 CHECK (amount_units >= 0),
    opened_at    timestamptz NOT NULL,
    closes_at    timestamptz NOT NULL,
    closed_at    timestamptz,
    execute_on   date,
    file_name    text UNIQUE,
    file_digest  bytea,
    file_bytes   integer,
    content      bytea,
    wrapped_key  bytea,
    key_version  integer NOT NULL,
    staged_as    text,
    sent_at      timestamptz,
    answered_at  timestamptz,
    bank_status  text,
    reason       text,
    emptied_at   timestamptz,
    lease_until  timestamptz,
    lease_token  uuid,
    CHECK ((lease_until IS NULL) = (lease_token IS NULL)),
    CHECK ((status = 'open') = (closed_at IS NULL)),
    CHECK (status = 'open' OR items > 0),
    CHECK ((status IN ('open', 'closing')) = (file_digest IS NULL)),
    CHECK ((file_digest IS NULL) = (file_name IS NULL) AND (file_digest IS NULL) = (execute_on IS NULL)),
    CHECK (status IN ('open', 'closing', 'closed') OR (staged_as IS NOT NULL AND sent_at IS NOT NULL)),
    CHECK (staged_as IS NULL OR file_name IS NOT NULL),
    CHECK ((file_digest IS NOT NULL AND emptied_at IS NULL) = (content IS NOT NULL)),
    CHECK ((wrapped_key IS NULL) = (emptied_at IS NOT NULL)),
    CHECK (emptied_at IS NULL OR sent_at IS NOT NULL)
);

CREATE UNIQUE INDEX batches_one_open ON batches (rail) WHERE status = 'open';
CREATE INDEX batches_to_send ON batches (rail, closed_at) WHERE status IN ('closing', 'closed');
CREATE INDEX batches_full ON batches (rail, sent_at) WHERE emptied_at IS NULL;

-- What is stored is what is sent, once and under one name; and a batch never goes back.
CREATE FUNCTION keep_batch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.rail, NEW.asset, NEW.message_id, NEW.opened_at)
       IS DISTINCT FROM (OLD.id, OLD.rail, OLD.asset, OLD.message_id, OLD.opened_at)
       OR OLD.closed_at IS NOT NULL AND (NEW.closed_at, NEW.items, NEW.amount_units)
          IS DISTINCT FROM (OLD.closed_at, OLD.items, OLD.amount_units)
       OR OLD.file_digest IS NOT NULL AND (NEW.file_name, NEW.file_digest, NEW.file_bytes, NEW.execute_on)
          IS DISTINCT FROM (OLD.file_name, OLD.file_digest, OLD.file_bytes, OLD.execute_on)
       OR OLD.content IS NOT NULL AND NEW.content IS NOT NULL AND NEW.content <> OLD.content
       OR OLD.staged_as IS NOT NULL AND NEW.staged_as IS DISTINCT FROM OLD.staged_as THEN
        RAISE EXCEPTION 'batch %: what was closed and stored never changes', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('open', 'closing'), ('closing', 'closed'), ('closed', 'sent'), ('closed', 'acknowledged'), ('closed', 'refused'),
        ('sent', 'acknowledged'), ('sent', 'refused'), ('acknowledged', 'refused')) THEN
        RAISE EXCEPTION 'batch %: % does not follow %', OLD.id, NEW.status, OLD.status
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER batch_kept BEFORE UPDATE ON batches FOR EACH ROW EXECUTE FUNCTION keep_batch();
CREATE TRIGGER batches_kept BEFORE DELETE OR TRUNCATE ON batches FOR EACH STATEMENT EXECUTE FUNCTION append_only();

-- One row for each attempt that was handed over, for ever: its key is what makes a repetition one payment.
CREATE TABLE batch_items (
    key           text PRIMARY KEY CHECK (key ~ '^[A-Za-z0-9]{1,30}$'),
    number        bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    batch_id      uuid NOT NULL REFERENCES batches,
    rail          text NOT NULL,
    end_to_end_id text NOT NULL,
    uetr          uuid NOT NULL UNIQUE,
    amount_units  bigint NOT NULL CHECK (amount_units > 0),
    content       bytea,
    adjustments   text[] NOT NULL DEFAULT '{}',
    put_at        timestamptz NOT NULL
);

CREATE INDEX batch_items_batch ON batch_items (batch_id, number);
CREATE INDEX batch_items_end_to_end ON batch_items (rail, end_to_end_id);

CREATE FUNCTION keep_batch_item() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.key, NEW.number, NEW.batch_id, NEW.rail, NEW.end_to_end_id, NEW.uetr, NEW.amount_units, NEW.adjustments, NEW.put_at)
       IS DISTINCT FROM
       (OLD.key, OLD.number, OLD.batch_id, OLD.rail, OLD.end_to_end_id, OLD.uetr, OLD.amount_units, OLD.adjustments, OLD.put_at)
       OR NEW.content IS NOT NULL THEN
        RAISE EXCEPTION 'item %: what was put into a batch never changes', OLD.key USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER batch_item_kept BEFORE UPDATE ON batch_items FOR EACH ROW EXECUTE FUNCTION keep_batch_item();
CREATE TRIGGER batch_items_kept BEFORE DELETE OR TRUNCATE ON batch_items
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

-- Files of the bank, as they came. One that cannot be understood is kept as it is and holds up no other.
CREATE TABLE received_files (
    id            uuid PRIMARY KEY,
    rail          text NOT NULL,
    name          text NOT NULL,
    digest        bytea NOT NULL,
    size_bytes    integer NOT NULL,
    content       bytea,
    wrapped_key   bytea,
    key_version   integer NOT NULL,
    status        text NOT NULL DEFAULT 'stored' CHECK (status IN ('stored', 'understood', 'unreadable')),
    message       text,
    detail        text NOT NULL DEFAULT '',
    number        bigint UNIQUE,
    received_at   timestamptz NOT NULL,
    understood_at timestamptz,
    emptied_at    timestamptz,
    balance_units bigint,
    balance_at    timestamptz,
    UNIQUE (rail, name, digest),
    CHECK ((status = 'understood') = (number IS NOT NULL)),
    CHECK ((emptied_at IS NULL) = (content IS NOT NULL)),
    CHECK ((wrapped_key IS NULL) = (emptied_at IS NOT NULL)),
    CHECK ((balance_units IS NULL) = (balance_at IS NULL))
);

CREATE SEQUENCE received_file_numbers;
CREATE INDEX received_files_waiting ON received_files (rail, received_at) WHERE status = 'stored';
CREATE INDEX received_files_read ON received_files (rail, number) WHERE status = 'understood';
CREATE INDEX received_files_full ON received_files (rail, received_at) WHERE emptied_at IS NULL;

-- What the bank's files tell of payments: each once, by what it says, in whatever file and however often it is told.
CREATE TABLE file_events (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rail          text NOT NULL,
    identity      text NOT NULL,
    key           text,
    end_to_end_id text,
    status        text NOT NULL CHECK (status IN ('received', 'accepted', 'settled', 'refused', 'returned')),
    amount_units  bigint,
    reference     text,
    reason        text,
    occurred_at   timestamptz NOT NULL,
    file_id       uuid NOT NULL REFERENCES received_files,
    UNIQUE (rail, identity)
);

CREATE INDEX file_events_rail ON file_events (rail, id);
CREATE INDEX file_events_key ON file_events (rail, key);
CREATE TRIGGER file_events_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON file_events
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
