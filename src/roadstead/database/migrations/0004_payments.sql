-- note: The inbox of the chain. Every incoming credit is stored once, by operation id, together with the cursor; memos are raw bytes,
-- note: because a memo may hold anything. What cannot be understood is kept as it came.

CREATE TABLE payments (
    operation_id      bigint PRIMARY KEY,
    kind              text NOT NULL,
    transaction_hash  text NOT NULL,
    ledger_closed_at  timestamptz NOT NULL,
    payer             text NOT NULL,
    receiving_account text NOT NULL,
    receiving_muxed   text,
    asset             text NOT NULL,
    amount_units      bigint CHECK (amount_units > 0),
    memo_kind         text NOT NULL CHECK (memo_kind IN ('none', 'id', 'text', 'hash', 'return')),
    memo              bytea,
    disposition       text NOT NULL DEFAULT 'stored' CHECK (disposition IN ('stored', 'matched', 'unmatched')),
    reason            text,
    remittance_id     uuid REFERENCES remittances,
    stored_at         timestamptz NOT NULL DEFAULT now(),
    disposed_at       timestamptz,
    -- An id is eight bytes, big-endian; a text is whatever bytes its sender chose.
    CHECK (CASE memo_kind WHEN 'none' THEN memo IS NULL WHEN 'id' THEN length(memo) = 8
           WHEN 'text' THEN length(memo) <= 28 ELSE length(memo) = 32 END IS TRUE),
    CHECK ((disposition = 'stored') = (disposed_at IS NULL)),
    CHECK ((disposition = 'unmatched') = (reason IS NOT NULL)),
    CHECK (disposition <> 'matched' OR (remittance_id IS NOT NULL AND amount_units IS NOT NULL))
);

CREATE INDEX payments_stored ON payments (operation_id) WHERE disposition = 'stored';
CREATE INDEX payments_unmatched ON payments (operation_id) WHERE disposition = 'unmatched';
CREATE UNIQUE INDEX payments_one_funds_a_remittance ON payments (remittance_id) WHERE disposition = 'matched';

ALTER TABLE remittances ADD FOREIGN KEY (funded_by) REFERENCES payments;

CREATE TABLE undecodable_records (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source    text NOT NULL,
    position  text NOT NULL,
    record    bytea NOT NULL,
    reason    text NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (source, position)
);

-- How far a source has been read; moves in the transaction that stores what was read.
CREATE TABLE cursors (
    source             text PRIMARY KEY,
    position           text NOT NULL,
    network_passphrase text,
    ledger             bigint,
    ledger_closed_at   timestamptz,
    read_at            timestamptz NOT NULL DEFAULT now()
);
