-- note: Screening against lists of sanctioned persons: the lists and every change of them, who has to be screened (counted by the
-- note: database, so that no path forgets it), what was found, and payouts that wait for it or are held by it.

-- What is searched now: one row for each list, whoever keeps it. Payouts go by what stands here.
CREATE TABLE screening_lists (
    name       text PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
    version    text NOT NULL CHECK (version ~ '^[^ ,=]{1,100}$'),
    current_at timestamptz NOT NULL
);

-- What the built-in matcher searches: every version that was imported.
CREATE TABLE screening_list_versions (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    list         text NOT NULL,
    version      text NOT NULL,
    published_on date NOT NULL,
    digest       text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
    entries      integer NOT NULL CHECK (entries > 0),
    added        integer NOT NULL CHECK (added >= 0),
    changed      integer NOT NULL CHECK (changed >= 0),
    removed      integer NOT NULL CHECK (removed >= 0),
    imported_by  text NOT NULL,
    imported_at  timestamptz NOT NULL
);

CREATE INDEX screening_list_versions_list ON screening_list_versions (list, id);
CREATE TRIGGER screening_list_versions_append_only BEFORE UPDATE OR DELETE ON screening_list_versions
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER screening_list_versions_kept BEFORE TRUNCATE ON screening_list_versions
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

-- An entry as one or several versions in a row say it; what a list said at any time can be read back.
CREATE TABLE screening_entries (
    list          text NOT NULL,
    entry_id      text NOT NULL,
    since         bigint NOT NULL REFERENCES screening_list_versions,
    until         bigint REFERENCES screening_list_versions,
    entry_version text NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('person', 'organization', 'vessel', 'aircraft')),
    names         text[] NOT NULL,
    weak_names    text[] NOT NULL,
    births        text[] NOT NULL,
    countries     text[] NOT NULL,
    PRIMARY KEY (list, entry_id, since),
    CHECK (until IS NULL OR until > since)
);

CREATE UNIQUE INDEX screening_entries_current ON screening_entries (list, entry_id) WHERE until IS NULL;

CREATE FUNCTION keep_screening_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.until IS NOT NULL OR (NEW.list, NEW.entry_id, NEW.since, NEW.entry_version, NEW.kind, NEW.names, NEW.weak_names,
            NEW.births, NEW.countries)
        IS DISTINCT FROM (OLD.list, OLD.entry_id, OLD.since, OLD.entry_version, OLD.kind, OLD.names, OLD.weak_names,
            OLD.births, OLD.countries) THEN
        RAISE EXCEPTION 'entry % of %: what a list said is fixed; only its end may be written, once', OLD.entry_id, OLD.list
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER screening_entries_fixed BEFORE UPDATE ON screening_entries
    FOR EACH ROW EXECUTE FUNCTION keep_screening_entry();
CREATE TRIGGER screening_entries_kept BEFORE DELETE OR TRUNCATE ON screening_entries
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

-- Everybody who has to be screened. The row is the job: it is due while what changed was not screened, or a list has changed.
CREATE TABLE screening_subjects (
    customer_id      uuid PRIMARY KEY REFERENCES customers,
    changes          bigint NOT NULL DEFAULT 1,
    changed_at       timestamptz NOT NULL DEFAULT now(),
    screened_changes bigint NOT NULL DEFAULT 0,
    -- The lists and their versions with which it was screened last, as screening_edition() writes them.
    edition          text,
    -- Digest of what was screened, under the customer's data key.
    digest           text,
    algorithm        text,
    screened_at      timestamptz,
    -- A payout waits for it: it comes first.
    awaited          boolean NOT NULL DEFAULT false,
    lease_until      timestamptz,
    lease_token      uuid,
    CHECK (screened_changes <= changes),
    CHECK ((lease_until IS NULL) = (lease_token IS NULL)),
    CHECK ((screened_at IS NULL) = (edition IS NULL))
);

CREATE INDEX screening_subjects_changed ON screening_subjects (awaited DESC, changed_at) WHERE changes <> screened_changes;
CREATE INDEX screening_subjects_edition ON screening_subjects (edition, changed_at) WHERE edition IS NOT NULL;
CREATE INDEX screening_subjects_awaited ON screening_subjects (changed_at) WHERE awaited;

INSERT INTO screening_subjects (customer_id) SELECT id FROM customers WHERE erased_at IS NULL;

-- What was found of whom. A decision is remembered for this subject, entry and version of the entry, and for nothing else.
CREATE TABLE screening_hits (
    customer_id   uuid NOT NULL REFERENCES customers,
    list          text NOT NULL,
    entry_id      text NOT NULL,
    entry_version text NOT NULL,
    digest        text NOT NULL,
    score         integer NOT NULL CHECK (score BETWEEN 0 AND 100),
    list_version  text NOT NULL,
    is_current    boolean NOT NULL DEFAULT true,
    status        text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'cleared', 'confirmed')),
    found_at      timestamptz NOT NULL,
    decided_at    timestamptz,
    decided_by    uuid REFERENCES holds,
    PRIMARY KEY (customer_id, list, entry_id, entry_version, digest),
    CHECK ((status = 'open') = (decided_at IS NULL)),
    CHECK ((status = 'open') = (decided_by IS NULL))
);

CREATE INDEX screening_hits_blocking ON screening_hits (customer_id) WHERE is_current AND status <> 'cleared';

-- People decide about a hit, in a hold about this customer that enough of them agreed to.
CREATE FUNCTION guard_screening_hit() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (NEW.customer_id, NEW.list, NEW.entry_id, NEW.entry_version, NEW.digest, NEW.found_at)
        IS DISTINCT FROM (OLD.customer_id, OLD.list, OLD.entry_id, OLD.entry_version, OLD.digest, OLD.found_at) THEN
        RAISE EXCEPTION 'hit of customer %: what was found is fixed', OLD.customer_id USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.status <> OLD.status AND NEW.status <> 'open' AND NOT EXISTS (
        SELECT FROM holds WHERE id = NEW.decided_by AND kind = 'screening_hit' AND subject = NEW.customer_id::text
            AND status = 'decided' AND decision = CASE NEW.status WHEN 'cleared' THEN 'release' ELSE 'refuse' END) THEN
        RAISE EXCEPTION 'hit of customer %: people have to decide about it', OLD.customer_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER screening_hits_guarded BEFORE UPDATE ON screening_hits FOR EACH ROW EXECUTE FUNCTION guard_screening_hit();
CREATE TRIGGER screening_hits_kept BEFORE DELETE OR TRUNCATE ON screening_hits
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

CREATE FUNCTION begin_screening_hit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> 'open' THEN
        RAISE EXCEPTION 'hit of customer %: a hit begins open', NEW.customer_id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER screening_hits_begin BEFORE INSERT ON screening_hits FOR EACH ROW EXECUTE FUNCTION begin_screening_hit();

-- The history: every screening, with the lists and the algorithm.
CREATE TABLE screenings (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id uuid NOT NULL REFERENCES customers,
    digest      text NOT NULL,
    edition     text NOT NULL,
    algorithm   text NOT NULL,
    hits        integer NOT NULL,
    screened_at timestamptz NOT NULL
);

CREATE INDEX screenings_customer ON screenings (customer_id, id);
CREATE TRIGGER screenings_append_only BEFORE UPDATE OR DELETE ON screenings
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER screenings_kept BEFORE TRUNCATE ON screenings FOR EACH STATEMENT EXECUTE FUNCTION append_only();

CREATE FUNCTION remember_screening() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO screenings (customer_id, digest, edition, algorithm, hits, screened_at)
    VALUES (NEW.customer_id, NEW.digest, NEW.edition, NEW.algorithm,
        (SELECT count(*) FROM screening_hits WHERE customer_id = NEW.customer_id AND is_current), NEW.screened_at);
    RETURN NULL;
END $$;

CREATE TRIGGER screening_done AFTER UPDATE OF screened_at ON screening_subjects
    FOR EACH ROW WHEN (NEW.digest IS NOT NULL) EXECUTE FUNCTION remember_screening();

-- The SEP-9 fields that screening reads; the same list stands in roadstead.screening.subjects.
CREATE FUNCTION screened_field(name text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT name IN ('first_name', 'given_name', 'additional_name', 'last_name', 'family_name', 'organization.name',
        'organization.director_name', 'organization.shareholder_name', 'birth_date', 'birth_country_code',
        'address_country_code', 'id_country_code', 'organization.address_country_code')
$$;

CREATE FUNCTION note_screened_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO screening_subjects AS s (customer_id)
    SELECT DISTINCT customer_id FROM touched WHERE screened_field(name) ORDER BY customer_id
    ON CONFLICT (customer_id) DO UPDATE SET changes = s.changes + 1, changed_at = now();
    RETURN NULL;
END $$;

CREATE TRIGGER customer_fields_written AFTER INSERT ON customer_fields REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION note_screened_change();
CREATE TRIGGER customer_fields_changed AFTER UPDATE ON customer_fields REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION note_screened_change();
CREATE TRIGGER customer_fields_removed AFTER DELETE ON customer_fields REFERENCING OLD TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION note_screened_change();

CREATE FUNCTION note_screened_customer() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO screening_subjects (customer_id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER customer_screened AFTER INSERT ON customers FOR EACH ROW EXECUTE FUNCTION note_screened_customer();

-- The lists and versions that are searched now, in one text: list=version, in the order of the names.
CREATE FUNCTION screening_edition() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(string_agg(name || '=' || version, ',' ORDER BY name COLLATE "C"), '') FROM public.screening_lists
$$;

-- Whether people still have to decide about a customer, or have confirmed that it stands on a list.
CREATE FUNCTION screening_blocks(customer uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM public.screening_hits WHERE customer_id = customer AND is_current AND status <> 'cleared')
$$;

-- Whether a customer was screened as it is now, with the lists as they are now.
CREATE FUNCTION screening_is_current(customer uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM public.screening_subjects
        WHERE customer_id = customer AND changes = screened_changes AND edition = public.screening_edition())
$$;

-- A payout that waits until both parties were screened, or that their hits hold. It is due again when they are clear.
ALTER TABLE payouts ADD COLUMN awaits_screening boolean NOT NULL DEFAULT false;
CREATE INDEX payouts_awaiting_screening ON payouts (id) WHERE awaits_screening;

-- Whatever the program says: nothing is paid while a party of the payout may be on a list.
CREATE FUNCTION attempt_parties_are_clear() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM payouts AS p JOIN remittances AS r ON r.id = p.remittance_id
        WHERE p.id = NEW.payout_id AND (screening_blocks(r.sender_id) OR screening_blocks(r.receiver_id))) THEN
        RAISE EXCEPTION 'attempt %: people have not cleared a party of its payout', NEW.key
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payout_attempt_parties BEFORE INSERT ON payout_attempts
    FOR EACH ROW EXECUTE FUNCTION attempt_parties_are_clear();
