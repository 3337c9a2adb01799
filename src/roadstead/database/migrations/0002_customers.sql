-- note: Customers of partners. Values are encrypted under a data key of the customer's own, wrapped by a versioned key that is not
-- note: in the database: erasing a customer destroys the wrapped key, and with it every later copy of the values.

CREATE TABLE customers (
    id          uuid PRIMARY KEY,
    account     text NOT NULL CHECK (account ~ '^G[A-Z2-7]{55}$'),
    memo_kind   text CHECK (memo_kind IN ('id', 'text', 'hash')),
    memo        text CHECK (length(memo) <= 100),
    wrapped_key bytea,
    key_version integer,
    created_at  timestamptz NOT NULL DEFAULT now(),
    erased_at   timestamptz,
    CHECK ((memo IS NULL) = (memo_kind IS NULL)),
    CHECK ((wrapped_key IS NULL) = (erased_at IS NOT NULL)),
    CHECK ((wrapped_key IS NULL) = (key_version IS NULL))
);

-- One living customer per identity; an erased one stays behind as a pseudonym for the financial record.
CREATE UNIQUE INDEX customers_identity ON customers (account, memo_kind, memo) NULLS NOT DISTINCT
    WHERE erased_at IS NULL;

CREATE TABLE customer_fields (
    customer_id uuid NOT NULL REFERENCES customers,
    name        text NOT NULL,
    ciphertext  bytea NOT NULL,
    status      text NOT NULL CHECK (status IN ('ACCEPTED', 'PROCESSING', 'REJECTED', 'VERIFICATION_REQUIRED')),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (customer_id, name)
);
