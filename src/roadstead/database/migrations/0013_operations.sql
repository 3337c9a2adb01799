-- note: What people do and must do: operators, holds that wait for their decision, alerts that reach them, and the emergency stop.
-- note: The rules of two people stand in the tables, so that no path around the code releases what one person alone wanted.

CREATE TABLE operators (
    id          uuid PRIMARY KEY,
    name        text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
    email       text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
    role        text NOT NULL CHECK (role IN ('viewer', 'operator', 'approver', 'administrator')),
    status      text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')),
    token_hash  bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    token_at    timestamptz NOT NULL DEFAULT now(),
    created_at  timestamptz NOT NULL DEFAULT now(),
    disabled_at timestamptz,
    CHECK ((status = 'disabled') = (disabled_at IS NOT NULL))
);

-- One mailbox is one person: nobody approves their own proposal under a second name.
CREATE UNIQUE INDEX operators_email ON operators (lower(email));

CREATE FUNCTION keep_operator() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.name, NEW.email, NEW.role, NEW.created_at)
       IS DISTINCT FROM (OLD.id, OLD.name, OLD.email, OLD.role, OLD.created_at) THEN
        RAISE EXCEPTION 'operator %: who somebody is and may do is fixed; disable them and add them anew', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.status = 'disabled' AND NEW IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'operator %: who was disabled stays disabled', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER operators_fixed BEFORE UPDATE ON operators FOR EACH ROW EXECUTE FUNCTION keep_operator();
CREATE TRIGGER operators_kept BEFORE DELETE OR TRUNCATE ON operators
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

-- The content is canonical JSON; its digest is what people approve. A round ends when somebody objects to its proposal.
CREATE TABLE holds (
    id               uuid PRIMARY KEY,
    kind             text NOT NULL,
    subject          text NOT NULL,
    content          text NOT NULL,
    digest           text NOT NULL,
    reason           text NOT NULL,
    approvals        integer NOT NULL CHECK (approvals BETWEEN 1 AND 5),
    placed_by        text NOT NULL,
    placed_at        timestamptz NOT NULL DEFAULT now(),
    status           text NOT NULL DEFAULT 'open' CHECK (status IN
        ('open', 'proposed', 'decided', 'applied', 'withdrawn')),
    round            integer NOT NULL DEFAULT 1 CHECK (round > 0),
    decision         text CHECK (decision IN ('release', 'refuse')),
    status_at        timestamptz NOT NULL DEFAULT now(),
    withdrawn_reason text,
    CHECK (digest = encode(sha256(convert_to(content, 'UTF8')), 'hex')),
    CHECK (status <> 'open' OR decision IS NULL),
    CHECK (status NOT IN ('proposed', 'decided', 'applied') OR decision IS NOT NULL),
    CHECK ((status = 'withdrawn') = (withdrawn_reason IS NOT NULL))
);

CREATE UNIQUE INDEX holds_one_open ON holds (kind, subject) WHERE status NOT IN ('applied', 'withdrawn');
CREATE INDEX holds_decided ON holds (kind, status_at) WHERE status = 'decided';

CREATE TABLE hold_votes (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hold_id     uuid NOT NULL REFERENCES holds,
    round       integer NOT NULL DEFAULT 1,
    operator_id uuid NOT NULL REFERENCES operators,
    act         text NOT NULL CHECK (act IN ('propose', 'approve', 'object')),
    decision    text CHECK (decision IN ('release', 'refuse')),
    digest      text NOT NULL,
    reason      text NOT NULL CHECK (length(reason) <= 1000),
    at          timestamptz NOT NULL DEFAULT now(),
    CHECK (act = 'approve' OR length(reason) > 0),
    CHECK ((act = 'object') = (decision IS NULL))
);

-- One person has one voice in a round: a proposer does not approve, and nobody approves twice.
CREATE UNIQUE INDEX hold_votes_one_voice ON hold_votes (hold_id, round, operator_id) WHERE act <> 'object';
CREATE UNIQUE INDEX hold_votes_one_proposal ON hold_votes (hold_id, round) WHERE act = 'propose';
CREATE INDEX hold_votes_hold ON hold_votes (hold_id, id);

CREATE TRIGGER hold_votes_append_only BEFORE UPDATE OR DELETE ON hold_votes
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER hold_votes_kept BEFORE TRUNCATE ON hold_votes FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER holds_kept BEFORE DELETE OR TRUNCATE ON holds FOR EACH STATEMENT EXECUTE FUNCTION append_only();

CREATE FUNCTION check_vote() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    held  holds;
    voter operators;
BEGIN
    SELECT * INTO held FROM holds WHERE id = NEW.hold_id FOR UPDATE;
    SELECT * INTO voter FROM operators WHERE id = NEW.operator_id FOR SHARE;
    NEW.round := held.round;
    NEW.at := now();
    IF held.status NOT IN ('open', 'proposed') THEN
        RAISE EXCEPTION 'Hold % is %: nobody decides about it any more.', held.id, held.status
            USING ERRCODE = 'restrict_violation';
    ELSIF NEW.digest IS DISTINCT FROM held.digest THEN
        RAISE EXCEPTION 'The digest is not that of hold %: read it again before you decide.', held.id
            USING ERRCODE = 'restrict_violation';
    ELSIF voter.status IS DISTINCT FROM 'active' THEN
        RAISE EXCEPTION 'Operator % is disabled and decides nothing.', voter.name USING ERRCODE = 'restrict_violation';
    ELSIF voter.role = 'viewer'
        OR (voter.role = 'operator' AND (NEW.act = 'approve' OR (NEW.act = 'propose' AND held.approvals = 1))) THEN
        RAISE EXCEPTION 'The role % does not % about hold %.', voter.role, NEW.act, held.id
            USING ERRCODE = 'restrict_violation';
    ELSIF NEW.act = 'propose' AND held.status <> 'open' THEN
        RAISE EXCEPTION 'Hold % has a proposal already: approve it, or object to it first.', held.id
            USING ERRCODE = 'restrict_violation';
    ELSIF NEW.act <> 'propose' AND held.status <> 'proposed' THEN
        RAISE EXCEPTION 'Hold % has no proposal: propose a decision first.', held.id
            USING ERRCODE = 'restrict_violation';
    ELSIF NEW.act = 'approve' AND NEW.decision IS DISTINCT FROM held.decision THEN
        RAISE EXCEPTION 'The proposal for hold % is to % it: read it again before you approve.', held.id, held.decision
            USING ERRCODE = 'restrict_violation';
    ELSIF NEW.act = 'approve' AND EXISTS (SELECT FROM hold_votes AS v WHERE v.hold_id = held.id
            AND v.round = held.round AND v.operator_id = NEW.operator_id) THEN
        RAISE EXCEPTION 'Operator % has proposed or approved this about hold % already: another person is needed.',
            voter.name, held.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER hold_votes_checked BEFORE INSERT ON hold_votes FOR EACH ROW EXECUTE FUNCTION check_vote();

-- Voices of people who are active now for the decision of the round. Every function that guards something looks only at
-- our own tables, and never at temporary ones of the same name that somebody made.
CREATE FUNCTION hold_voices(held uuid, in_round integer, what text) RETURNS bigint LANGUAGE sql STABLE
    SET search_path = public, pg_temp AS $$
    SELECT count(DISTINCT v.operator_id) FROM hold_votes AS v JOIN operators AS o ON o.id = v.operator_id
    WHERE v.hold_id = held AND v.round = in_round AND v.act <> 'object' AND v.decision = what AND o.status = 'active'
$$;

CREATE FUNCTION count_vote() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    held holds;
BEGIN
    SELECT * INTO held FROM holds WHERE id = NEW.hold_id;
    IF NEW.act = 'object' THEN
        UPDATE holds SET status = 'open', decision = NULL, round = round + 1, status_at = now() WHERE id = held.id;
    ELSIF hold_voices(held.id, held.round, NEW.decision) >= held.approvals THEN
        UPDATE holds SET status = 'decided', decision = NEW.decision, status_at = now() WHERE id = held.id;
    ELSIF held.status = 'open' THEN
        UPDATE holds SET status = 'proposed', decision = NEW.decision, status_at = now() WHERE id = held.id;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER hold_votes_counted AFTER INSERT ON hold_votes FOR EACH ROW EXECUTE FUNCTION count_vote();

CREATE FUNCTION guard_hold() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF (NEW.status, NEW.round) IS DISTINCT FROM ('open', 1) THEN
            RAISE EXCEPTION 'hold %: a hold begins open', NEW.id USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.kind, NEW.subject, NEW.content, NEW.digest, NEW.reason, NEW.approvals, NEW.placed_by, NEW.placed_at)
       IS DISTINCT FROM (OLD.id, OLD.kind, OLD.subject, OLD.content, OLD.digest, OLD.reason, OLD.approvals,
           OLD.placed_by, OLD.placed_at) THEN
        RAISE EXCEPTION 'hold %: what is held is fixed; withdraw it and place another', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF (CASE NEW.status
        WHEN 'proposed' THEN OLD.status = 'open' AND NEW.round = OLD.round
            AND hold_voices(NEW.id, NEW.round, NEW.decision) > 0
        WHEN 'decided' THEN OLD.status IN ('open', 'proposed') AND NEW.round = OLD.round
            AND NEW.decision IS NOT DISTINCT FROM coalesce(OLD.decision, NEW.decision)
            AND hold_voices(NEW.id, NEW.round, NEW.decision) >= NEW.approvals
        WHEN 'open' THEN OLD.status = 'proposed' AND NEW.round = OLD.round + 1
        WHEN 'applied' THEN OLD.status = 'decided' AND (NEW.round, NEW.decision) = (OLD.round, OLD.decision)
        WHEN 'withdrawn' THEN OLD.status IN ('open', 'proposed', 'decided')
            AND (NEW.round, NEW.decision) IS NOT DISTINCT FROM (OLD.round, OLD.decision)
    END) IS NOT TRUE THEN
        RAISE EXCEPTION 'hold %: nothing leads from % to % like this', OLD.id, OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER holds_guarded BEFORE INSERT OR UPDATE ON holds FOR EACH ROW EXECUTE FUNCTION guard_hold();

CREATE TABLE alerts (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind            text NOT NULL CHECK (length(kind) BETWEEN 1 AND 100),
    subject         text NOT NULL CHECK (length(subject) BETWEEN 1 AND 200),
    severity        text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    message         text NOT NULL CHECK (length(message) <= 1000),
    status          text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'acknowledged', 'closed')),
    count           integer NOT NULL DEFAULT 1 CHECK (count > 0),
    opened_at       timestamptz NOT NULL DEFAULT now(),
    last_at         timestamptz NOT NULL DEFAULT now(),
    acknowledged_by text,
    acknowledged_at timestamptz,
    closed_at       timestamptz,
    closed_reason   text,
    CHECK ((status = 'closed') = (closed_at IS NOT NULL)),
    CHECK ((closed_at IS NULL) = (closed_reason IS NULL)),
    CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL)),
    CHECK (status <> 'acknowledged' OR acknowledged_at IS NOT NULL)
);

CREATE UNIQUE INDEX alerts_one_open ON alerts (kind, subject) WHERE status <> 'closed';

-- The outbox of alerts: what every channel has to tell, as it was at that moment.
CREATE TABLE alert_notices (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id    bigint NOT NULL REFERENCES alerts,
    channel     text NOT NULL CHECK (channel IN ('webhook', 'email')),
    event       text NOT NULL CHECK (event IN ('opened', 'raised', 'closed')),
    severity    text NOT NULL,
    message     text NOT NULL,
    count       integer NOT NULL,
    written_at  timestamptz NOT NULL DEFAULT now(),
    status      text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'delivered', 'given_up', 'skipped')),
    tries       integer NOT NULL DEFAULT 0,
    due_at      timestamptz NOT NULL DEFAULT now(),
    ended_at    timestamptz,
    failure     text,
    lease_until timestamptz,
    lease_token uuid,
    CHECK ((lease_until IS NULL) = (lease_token IS NULL)),
    CHECK ((status = 'waiting') = (ended_at IS NULL))
);

CREATE INDEX alert_notices_waiting ON alert_notices (channel, due_at) WHERE status = 'waiting';
CREATE INDEX alert_notices_alert ON alert_notices (alert_id);

CREATE FUNCTION keep_alert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status = 'closed' OR (NEW.id, NEW.kind, NEW.subject, NEW.opened_at)
       IS DISTINCT FROM (OLD.id, OLD.kind, OLD.subject, OLD.opened_at) THEN
        RAISE EXCEPTION 'alert %: a closed alert stays closed, and every alert keeps its kind and subject', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION write_alert_notices() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO alert_notices (alert_id, channel, event, severity, message, count)
    SELECT NEW.id, channel, CASE WHEN TG_OP = 'INSERT' THEN 'opened' WHEN NEW.status = 'closed' THEN 'closed' ELSE 'raised' END,
        NEW.severity, CASE NEW.status WHEN 'closed' THEN NEW.closed_reason ELSE NEW.message END, NEW.count
    FROM unnest(ARRAY['webhook', 'email']) AS channel;
    RETURN NULL;
END $$;

CREATE TRIGGER alerts_fixed BEFORE UPDATE ON alerts FOR EACH ROW EXECUTE FUNCTION keep_alert();
CREATE TRIGGER alert_opened AFTER INSERT ON alerts FOR EACH ROW EXECUTE FUNCTION write_alert_notices();
CREATE TRIGGER alert_told AFTER UPDATE ON alerts FOR EACH ROW
    WHEN (NEW.status = 'closed' OR OLD.severity IS DISTINCT FROM NEW.severity) EXECUTE FUNCTION write_alert_notices();
CREATE TRIGGER alerts_kept BEFORE DELETE OR TRUNCATE ON alerts FOR EACH STATEMENT EXECUTE FUNCTION append_only();

CREATE TABLE stops (
    id         uuid PRIMARY KEY,
    what       text NOT NULL CHECK (what IN ('payouts', 'refunds', 'all')),
    asset      text,
    reason     text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    stopped_by text NOT NULL,
    stopped_at timestamptz NOT NULL DEFAULT now(),
    resumed_at timestamptz,
    resumed_by uuid REFERENCES holds,
    CHECK ((resumed_at IS NULL) = (resumed_by IS NULL))
);

CREATE UNIQUE INDEX stops_one_open ON stops (what, asset) NULLS NOT DISTINCT WHERE resumed_at IS NULL;

CREATE FUNCTION guard_stop() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.resumed_at IS NOT NULL OR (NEW.id, NEW.what, NEW.asset, NEW.reason, NEW.stopped_by, NEW.stopped_at)
       IS DISTINCT FROM (OLD.id, OLD.what, OLD.asset, OLD.reason, OLD.stopped_by, OLD.stopped_at) THEN
        RAISE EXCEPTION 'stop %: only its end may be written, once', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.resumed_by IS NOT NULL AND NOT EXISTS (
        SELECT FROM holds WHERE id = NEW.resumed_by AND kind = 'resume' AND subject = NEW.id::text AND status = 'decided'
            AND decision = 'release' AND approvals >= 2) THEN
        RAISE EXCEPTION 'stop %: two people have to decide that money goes out again', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER stops_guarded BEFORE UPDATE ON stops FOR EACH ROW EXECUTE FUNCTION guard_stop();
CREATE TRIGGER stops_kept BEFORE DELETE OR TRUNCATE ON stops FOR EACH STATEMENT EXECUTE FUNCTION append_only();

-- Whether money of a kind must not go out in an asset: claim queries ask it of every row that they take.
CREATE FUNCTION outgoing_stopped(what text, asset text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM public.stops AS s
        WHERE s.resumed_at IS NULL AND s.what IN ('all', $1) AND (s.asset IS NULL OR s.asset = $2))
$$;
