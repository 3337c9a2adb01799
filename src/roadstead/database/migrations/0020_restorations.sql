-- note: What was lost between a backup and its restore. While a restoration is open no money goes out; payments of the lost time are
-- note: asked about at the bank before they are paid, and what went out on the chain unknown to us is kept until it is explained.

CREATE TABLE restorations (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    taken_at    timestamptz NOT NULL,
    restored_at timestamptz NOT NULL DEFAULT now(),
    cursors     jsonb NOT NULL,
    ended_at    timestamptz,
    ended_by    text,
    CHECK (taken_at <= restored_at),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);

-- Payments that our account made in the lost time and of which no envelope tells, with the envelope as the chain holds it.
CREATE TABLE outgoing_found (
    operation_id     bigint PRIMARY KEY,
    transaction_hash text NOT NULL,
    ledger_closed_at timestamptz NOT NULL,
    destination      text NOT NULL,
    asset            text NOT NULL,
    amount_units     bigint NOT NULL CHECK (amount_units > 0),
    memo_kind        text NOT NULL CHECK (memo_kind IN ('none', 'id', 'text', 'hash', 'return')),
    memo             bytea,
    envelope         bytea NOT NULL,
    source           text NOT NULL CHECK (source ~ '^G[A-Z2-7]{55}$'),
    sequence         bigint NOT NULL CHECK (sequence > 0),
    fee_stroops      bigint NOT NULL CHECK (fee_stroops > 0),
    ledger           bigint NOT NULL CHECK (ledger > 0),
    refund_id        uuid UNIQUE REFERENCES refunds,
    explanation      text,
    explained_by     text,
    found_at         timestamptz NOT NULL DEFAULT now(),
    CHECK ((explanation IS NULL) = (explained_by IS NULL)),
    CHECK (refund_id IS NULL OR explanation IS NOT NULL)
);

CREATE INDEX outgoing_unexplained ON outgoing_found (operation_id) WHERE explanation IS NULL;

CREATE OR REPLACE FUNCTION outgoing_stopped(what text, asset text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM stops AS s
        WHERE s.resumed_at IS NULL AND s.what IN ('all', $1) AND (s.asset IS NULL OR s.asset = $2))
        OR EXISTS (SELECT FROM restorations AS r WHERE r.ended_at IS NULL)
$$;
