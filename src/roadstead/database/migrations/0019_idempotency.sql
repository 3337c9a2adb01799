-- note: What a request with an idempotency key was answered, stored by the statement that did what was asked: the primary key decides
-- note: which of two requests at once is the one. Of the request itself only a keyed digest is kept.

CREATE TABLE receipts (
    account     text NOT NULL,
    key         text NOT NULL CHECK (key ~ '^[!-~]{1,255}$'),
    digest      bytea NOT NULL CHECK (length(digest) = 32),
    status      smallint NOT NULL CHECK (status BETWEEN 200 AND 299),
    body        bytea NOT NULL,
    answered_at timestamptz NOT NULL,
    PRIMARY KEY (account, key)
);

CREATE INDEX receipts_answered ON receipts (answered_at);
