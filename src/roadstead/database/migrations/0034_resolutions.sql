-- note: People take statement lines out of suspense: one resolution of a line stands at a time, each bound to a decided hold.

INSERT INTO ledger_events (event, key_pattern) VALUES
    ('line_resolved', '^line:[0-9]{1,20}:resolved:[0-9]{1,5}$'),
    ('line_matched', '^line:[0-9]{1,20}:matched:[0-9]{1,5}$'),
    ('line_corrected', '^line:[0-9]{1,20}:corrected:[0-9]{1,5}$');

ALTER TABLE entries DROP CONSTRAINT entries_account_in_chart;
ALTER TABLE entries ADD CONSTRAINT entries_account_in_chart CHECK (
    account IN ('tokens:received', 'tokens:stock', 'treasury:transfers', 'treasury:opening', 'treasury:capital', 'treasury:interest',
        'treasury:sales', 'treasury:corrections', 'losses:bank', 'losses:clawback', 'suspense:chain', 'suspense:bank', 'fx:position',
        'fx:waiting', 'payouts:owed', 'refunds:owed', 'fees:refunds', 'fees:pending', 'fees:earned', 'fees:rounding', 'fees:bank')
    OR account LIKE 'transit:_%' OR account LIKE 'bank:_%');

ALTER TABLE statement_lines
    DROP CONSTRAINT statement_lines_status_check,
    DROP CONSTRAINT statement_lines_matched_by_check,
    DROP CONSTRAINT statement_lines_check2,
    ADD CONSTRAINT statement_lines_status_check CHECK (status IN ('stored', 'matched', 'suspended', 'resolved')),
    ADD CONSTRAINT statement_lines_matched_by_check CHECK (
        matched_by IN ('end_to_end_id', 'key', 'reference', 'amount', 'person')),
    ADD CONSTRAINT statement_lines_reason_kept CHECK ((suspense_reason IS NOT NULL)
        = (status IN ('suspended', 'resolved') OR matched_by IS NOT DISTINCT FROM 'person'));

CREATE TABLE line_resolutions (
    line_id      bigint NOT NULL REFERENCES statement_lines,
    number       integer NOT NULL CHECK (number BETWEEN 1 AND 99999),
    purpose      text NOT NULL,
    account      text,
    attempt_key  text REFERENCES payout_attempts,
    tells        text CHECK (tells IN ('settled', 'returned')),
    hold_id      uuid NOT NULL UNIQUE REFERENCES holds,
    resolved_at  timestamptz NOT NULL,
    corrected_by uuid UNIQUE REFERENCES holds,
    corrected_at timestamptz,
    PRIMARY KEY (line_id, number),
    CHECK ((purpose = 'payout') = (attempt_key IS NOT NULL)),
    CHECK (purpose = 'payout' OR tells IS NULL),
    CHECK ((corrected_by IS NULL) = (corrected_at IS NULL)),
    -- What a payout was told by a line is not taken back.
    CHECK (corrected_at IS NULL OR tells IS NULL),
    CHECK (CASE purpose
        WHEN 'payout' THEN account IS NULL
        WHEN 'bank_fee' THEN account = 'fees:bank'
        WHEN 'interest' THEN account = 'treasury:interest'
        WHEN 'own_transfer' THEN account = 'treasury:transfers'
        WHEN 'capital' THEN account = 'treasury:capital'
        WHEN 'token_sale' THEN account = 'treasury:sales'
        WHEN 'bank_error' THEN account = 'treasury:corrections'
        WHEN 'write_off' THEN account = 'losses:bank'
    END IS TRUE)
);

CREATE UNIQUE INDEX line_resolutions_standing ON line_resolutions (line_id) WHERE corrected_at IS NULL;

CREATE FUNCTION guard_line_resolution() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    decided holds;
    said    jsonb;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT * INTO decided FROM holds WHERE id = NEW.hold_id;
        IF NEW.corrected_by IS NOT NULL OR (SELECT status FROM statement_lines WHERE id = NEW.line_id) IS DISTINCT FROM 'suspended' THEN
            RAISE EXCEPTION 'statement line %: only a line in suspense is resolved', NEW.line_id USING ERRCODE = 'restrict_violation';
        END IF;
    ELSE
        IF OLD.corrected_by IS NOT NULL OR NEW.corrected_by IS NULL OR (NEW.line_id, NEW.number, NEW.purpose, NEW.account,
            NEW.attempt_key, NEW.tells, NEW.hold_id, NEW.resolved_at) IS DISTINCT FROM (OLD.line_id, OLD.number, OLD.purpose,
            OLD.account, OLD.attempt_key, OLD.tells, OLD.hold_id, OLD.resolved_at) THEN
            RAISE EXCEPTION 'statement line %: of a resolution only its correction may be written, once', OLD.line_id
                USING ERRCODE = 'restrict_violation';
        END IF;
        SELECT * INTO decided FROM holds WHERE id = NEW.corrected_by;
    END IF;
    said := decided.content::jsonb;
    IF (decided.kind, decided.subject, decided.status, decided.decision) IS DISTINCT FROM
        ('statement_line', NEW.line_id::text, 'decided', 'release')
        OR (said ->> 'action', said ->> 'number', said ->> 'purpose', said ->> 'account', said ->> 'attempt', said ->> 'tells')
            IS DISTINCT FROM (CASE TG_OP WHEN 'INSERT' THEN 'resolve' ELSE 'correct' END, NEW.number::text, NEW.purpose,
            NEW.account, NEW.attempt_key, NEW.tells) THEN
        RAISE EXCEPTION 'statement line %: people have not decided this about it', NEW.line_id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER line_resolutions_guarded BEFORE INSERT OR UPDATE ON line_resolutions
    FOR EACH ROW EXECUTE FUNCTION guard_line_resolution();
CREATE TRIGGER line_resolutions_kept BEFORE DELETE OR TRUNCATE ON line_resolutions
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

-- A line leaves suspense only with a resolution that stands, and comes back only when that is corrected.
CREATE OR REPLACE FUNCTION keep_statement_line() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    standing line_resolutions;
BEGIN
    IF (NEW.statement_id, NEW.identity, NEW.asset, NEW.amount_units, NEW.is_credit, NEW.is_reversal)
        IS DISTINCT FROM (OLD.statement_id, OLD.identity, OLD.asset, OLD.amount_units, OLD.is_credit, OLD.is_reversal)
        OR OLD.status <> 'stored' AND ((OLD.status, NEW.status) NOT IN (('suspended', 'resolved'), ('suspended', 'matched'),
            ('resolved', 'suspended'), ('matched', 'suspended'))
            OR (NEW.suspense_reason, NEW.booked_at) IS DISTINCT FROM (OLD.suspense_reason, OLD.booked_at)) THEN
        RAISE EXCEPTION 'statement line %: what a bank booked never changes, and it is booked once', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.status <> 'stored' AND (SELECT status FROM bank_statements WHERE id = NEW.statement_id) <> 'linked' THEN
        RAISE EXCEPTION 'statement line %: its statement is not in the chain', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.status <> 'stored' THEN
        SELECT * INTO standing FROM line_resolutions WHERE line_id = NEW.id AND corrected_at IS NULL;
    END IF;
    IF (OLD.status = 'suspended' AND (standing.line_id IS NULL OR NEW.attempt_key IS DISTINCT FROM standing.attempt_key))
        OR (OLD.status IN ('resolved', 'matched') AND (standing.line_id IS NOT NULL OR OLD.matched_by <> 'person'))
        OR (OLD.status = 'stored' AND (NEW.status = 'resolved' OR NEW.matched_by = 'person')) THEN
        RAISE EXCEPTION 'statement line %: it leaves suspense, and comes back, only as people decided', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
