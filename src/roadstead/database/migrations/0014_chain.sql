-- note: Everything that reaches or leaves the distribution account is stored and named: payments of our own accounts, claimable balances
-- note: made for us, clawbacks, and what we pay. And every time that reading did not go on where it had ended is on record.

ALTER TABLE payments
    ADD COLUMN from_own boolean NOT NULL DEFAULT false,
    DROP CONSTRAINT payments_disposition_check,
    ADD CONSTRAINT payments_disposition_check CHECK (disposition IN ('stored', 'matched', 'unmatched', 'own'));

-- A test network begins anew now and then, and then its ledgers count from one again. Within our tables an operation keeps an id of its
-- own: the chain's id with ledger_offset added to its ledger. The offset exceeds every ledger of the network's former lives.
ALTER TABLE cursors
    ADD COLUMN ledger_offset bigint NOT NULL DEFAULT 0 CHECK (ledger_offset BETWEEN 0 AND 2147483647),
    ADD COLUMN seeding integer NOT NULL DEFAULT 0 CHECK (seeding >= 0);

CREATE TABLE chain_seedings (
    source           text NOT NULL,
    number           integer NOT NULL CHECK (number > 0),
    kind             text NOT NULL CHECK (kind IN ('reset', 'gap')),
    seeded_at        timestamptz NOT NULL DEFAULT now(),
    actor            text NOT NULL,
    reason           text NOT NULL CHECK (reason <> ''),
    position_before  text NOT NULL,
    ledger_before    bigint,
    position_after   text NOT NULL,
    ledger_offset    bigint NOT NULL CHECK (ledger_offset >= 0),
    PRIMARY KEY (source, number)
);

CREATE TABLE clawbacks (
    operation_id     bigint PRIMARY KEY,
    transaction_hash text NOT NULL,
    ledger_closed_at timestamptz NOT NULL,
    account          text NOT NULL,
    issuer           text NOT NULL,
    asset            text NOT NULL,
    amount_units     bigint NOT NULL CHECK (amount_units > 0),
    stored_at        timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE outgoing_payments (
    operation_id     bigint PRIMARY KEY,
    kind             text NOT NULL,
    transaction_hash text NOT NULL,
    ledger_closed_at timestamptz NOT NULL,
    account          text NOT NULL,
    destination      text NOT NULL,
    asset            text NOT NULL,
    amount_units     bigint CHECK (amount_units >= 0),
    stored_at        timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX outgoing_payments_transaction ON outgoing_payments (transaction_hash);

-- What somebody set aside for us. It is not ours, and not in the books, before we claim it.
CREATE TABLE claimable_balances (
    id           text PRIMARY KEY CHECK (length(id) = 72),
    claimant     text NOT NULL,
    asset        text NOT NULL,
    amount_units bigint NOT NULL CHECK (amount_units > 0),
    sponsor      text,
    predicate    jsonb NOT NULL,
    status       text NOT NULL DEFAULT 'unclaimed' CHECK (status IN ('unclaimed', 'claimed', 'gone')),
    seen_at      timestamptz NOT NULL DEFAULT now(),
    status_at    timestamptz NOT NULL DEFAULT now(),
    claimed_by   bigint REFERENCES payments,
    CHECK (claimed_by IS NULL OR status = 'claimed')
);

CREATE INDEX claimable_balances_unclaimed ON claimable_balances (claimant) WHERE status = 'unclaimed';

CREATE TRIGGER chain_seedings_append_only BEFORE UPDATE OR DELETE ON chain_seedings
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER chain_seedings_kept BEFORE TRUNCATE ON chain_seedings
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER clawbacks_append_only BEFORE UPDATE OR DELETE ON clawbacks
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER clawbacks_kept BEFORE TRUNCATE ON clawbacks FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER outgoing_payments_append_only BEFORE UPDATE OR DELETE ON outgoing_payments
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER outgoing_payments_kept BEFORE TRUNCATE ON outgoing_payments
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
