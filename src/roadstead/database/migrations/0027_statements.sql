-- note: Bank statements, in a chain in which each opens where the last one closed, and their lines: matched to payouts, or in suspense.

CREATE TABLE bank_statements (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rail          text NOT NULL,
    identity      text NOT NULL,
    digest        bytea NOT NULL CHECK (length(digest) = 32),
    account       text NOT NULL,
    sequence      bigint,
    asset         text,
    opening_units bigint,
    closing_units bigint,
    opened_on     date,
    closed_on     date,
    created_at    timestamptz,
    lines_count   integer NOT NULL CHECK (lines_count >= 0),
    status        text NOT NULL CHECK (status IN ('linked', 'broken', 'superseded')),
    fault         text CHECK (fault IN ('no_balances', 'other_assets', 'does_not_add_up', 'other_account', 'changed', 'gap')),
    follows       bigint UNIQUE REFERENCES bank_statements,
    stored_at     timestamptz NOT NULL DEFAULT now(),
    linked_at     timestamptz,
    UNIQUE (rail, digest),
    CHECK ((status = 'linked') = (linked_at IS NOT NULL)),
    CHECK (status <> 'broken' OR fault IS NOT NULL),
    CHECK (status <> 'linked' OR (fault IS NULL AND asset IS NOT NULL AND opening_units IS NOT NULL AND closing_units IS NOT NULL)),
    CHECK (follows IS NULL OR status = 'linked')
);

-- One chain for each rail and currency, and one content for each identity in it.
CREATE UNIQUE INDEX bank_statements_first ON bank_statements (rail, asset) WHERE status = 'linked' AND follows IS NULL;
CREATE UNIQUE INDEX bank_statements_identity ON bank_statements (rail, identity) WHERE status = 'linked';
CREATE INDEX bank_statements_broken ON bank_statements (rail, id) WHERE status = 'broken';

CREATE FUNCTION statement_follows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    head bank_statements;
BEGIN
    IF TG_OP = 'UPDATE' AND (OLD.status = 'linked' OR (NEW.rail, NEW.identity, NEW.digest, NEW.account, NEW.sequence, NEW.asset,
        NEW.opening_units, NEW.closing_units, NEW.lines_count) IS DISTINCT FROM (OLD.rail, OLD.identity, OLD.digest, OLD.account,
        OLD.sequence, OLD.asset, OLD.opening_units, OLD.closing_units, OLD.lines_count)) THEN
        RAISE EXCEPTION 'statement %: what a bank said never changes, and in the chain it stays', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.status = 'linked' AND NEW.follows IS NOT NULL THEN
        SELECT * INTO head FROM bank_statements WHERE id = NEW.follows;
        IF head.status <> 'linked' OR (head.rail, head.account, head.asset, head.closing_units)
            IS DISTINCT FROM (NEW.rail, NEW.account, NEW.asset, NEW.opening_units) THEN
            RAISE EXCEPTION 'statement %: it does not open where statement % closed', NEW.id, NEW.follows
                USING ERRCODE = 'restrict_violation';
        END IF;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER statement_chain BEFORE INSERT OR UPDATE ON bank_statements FOR EACH ROW EXECUTE FUNCTION statement_follows();
CREATE TRIGGER bank_statements_kept BEFORE DELETE OR TRUNCATE ON bank_statements
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

-- Names and accounts of others stand here only until a line is matched: a payout knows its creditor, sealed.
CREATE TABLE statement_lines (
    id                   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    statement_id         bigint NOT NULL REFERENCES bank_statements,
    identity             text NOT NULL,
    asset                text NOT NULL,
    amount_units         bigint NOT NULL CHECK (amount_units > 0),
    is_credit            boolean NOT NULL,
    is_reversal          boolean NOT NULL,
    booked_on            date,
    value_on             date,
    bank_reference       text,
    end_to_end_id        text,
    key                  text,
    reason               text,
    counterparty_name    text,
    counterparty_account text,
    information          text NOT NULL DEFAULT '',
    status               text NOT NULL DEFAULT 'stored' CHECK (status IN ('stored', 'matched', 'suspended')),
    attempt_key          text REFERENCES payout_attempts,
    matched_by           text CHECK (matched_by IN ('end_to_end_id', 'key', 'reference', 'amount')),
    suspense_reason      text CHECK (suspense_reason IN ('unknown', 'other_amount', 'second_debit', 'second_credit', 'reversal',
        'without_reason')),
    booked_at            timestamptz,
    UNIQUE (statement_id, identity),
    CHECK ((status = 'stored') = (booked_at IS NULL)),
    CHECK ((status = 'matched') = (attempt_key IS NOT NULL) AND (status = 'matched') = (matched_by IS NOT NULL)),
    CHECK ((status = 'suspended') = (suspense_reason IS NOT NULL)),
    CHECK (status <> 'matched' OR (counterparty_name IS NULL AND counterparty_account IS NULL AND information = ''))
);

-- An attempt is debited once and comes back once; whatever else names it is for people.
CREATE UNIQUE INDEX statement_lines_attempt ON statement_lines (attempt_key, is_credit) WHERE attempt_key IS NOT NULL;
CREATE INDEX statement_lines_waiting ON statement_lines (id) WHERE status = 'stored';
CREATE INDEX statement_lines_suspended ON statement_lines (id) WHERE status = 'suspended';

CREATE FUNCTION keep_statement_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status <> 'stored' OR (NEW.statement_id, NEW.identity, NEW.asset, NEW.amount_units, NEW.is_credit, NEW.is_reversal)
        IS DISTINCT FROM (OLD.statement_id, OLD.identity, OLD.asset, OLD.amount_units, OLD.is_credit, OLD.is_reversal) THEN
        RAISE EXCEPTION 'statement line %: what a bank booked never changes, and it is booked once', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.status <> 'stored' AND (SELECT status FROM bank_statements WHERE id = NEW.statement_id) <> 'linked' THEN
        RAISE EXCEPTION 'statement line %: its statement is not in the chain', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER statement_line_kept BEFORE UPDATE ON statement_lines FOR EACH ROW EXECUTE FUNCTION keep_statement_line();
CREATE TRIGGER statement_lines_kept BEFORE DELETE OR TRUNCATE ON statement_lines
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

-- What of an attempt the bank had booked before its first statement that we have: no line of it will come.
ALTER TABLE payout_attempts ADD COLUMN opening_units bigint;

-- A bank's own reference is one of the things that a line is recognised by.
CREATE INDEX payout_attempts_reference ON payout_attempts (rail, reference) WHERE reference IS NOT NULL;

INSERT INTO ledger_events (event, key_pattern) VALUES
    ('bank_opened', '^opening:[0-9]{1,20}$'),
    ('bank_credited', '^line:[0-9]{1,20}$'),
    ('bank_debited', '^line:[0-9]{1,20}$');

ALTER TABLE entries DROP CONSTRAINT entries_account_in_chart;
ALTER TABLE entries ADD CONSTRAINT entries_account_in_chart CHECK (
    account IN ('tokens:received', 'tokens:stock', 'treasury:transfers', 'treasury:opening', 'losses:clawback', 'suspense:chain',
        'suspense:bank', 'fx:position', 'fx:waiting', 'payouts:owed', 'refunds:owed', 'fees:refunds', 'fees:pending',
        'fees:earned', 'fees:rounding', 'fees:bank')
    OR account LIKE 'transit:_%' OR account LIKE 'bank:_%');
