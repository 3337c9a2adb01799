-- note: Codes with which customers confirm an address: one row for each field that waits for one, which is also the order to send it.
-- note: The worker draws the code when it sends it; only a digest under the customer's key is stored.

CREATE TABLE customer_confirmations (
    customer_id    uuid NOT NULL,
    field          text NOT NULL,
    language       text NOT NULL CHECK (length(language) <= 10),
    status         text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'sent', 'given_up')),
    -- Keyed digest of the address, so that nobody is written to without end, whatever customer is named.
    address_digest bytea NOT NULL CHECK (length(address_digest) = 32),
    digest         bytea CHECK (length(digest) = 32),
    requested_at   timestamptz NOT NULL,
    began_at       timestamptz NOT NULL,
    requests       integer NOT NULL DEFAULT 1 CHECK (requests > 0),
    expires_at     timestamptz,
    wrong_codes    integer NOT NULL DEFAULT 0 CHECK (wrong_codes >= 0),
    due_at         timestamptz NOT NULL DEFAULT now(),
    tries          integer NOT NULL DEFAULT 0,
    lease_token    uuid,
    lease_until    timestamptz,
    sent_at        timestamptz,
    PRIMARY KEY (customer_id, field),
    FOREIGN KEY (customer_id, field) REFERENCES customer_fields ON DELETE CASCADE,
    CHECK ((lease_until IS NULL) = (lease_token IS NULL)),
    CHECK ((digest IS NULL) = (expires_at IS NULL)),
    CHECK (status <> 'sent' OR digest IS NOT NULL)
);

CREATE INDEX customer_confirmations_due ON customer_confirmations (due_at) WHERE status = 'waiting';
CREATE INDEX customer_confirmations_address ON customer_confirmations (address_digest, requested_at);
