-- note: Remittances and the table of their legal moves. The database itself writes the history and refuses a move that the table
-- note: does not have, so that neither a bug nor a hand-written statement can take one.

CREATE TABLE remittance_moves (
    status_from text NOT NULL,
    status_to   text NOT NULL,
    PRIMARY KEY (status_from, status_to)
);

INSERT INTO remittance_moves (status_from, status_to) VALUES
    ('new', 'pending_sender'),
    ('new', 'pending_receiver'),
    ('new', 'pending_customer_info_update'),
    ('pending_sender', 'pending_receiver'),
    ('pending_sender', 'expired'),
    ('pending_sender', 'error'),
    ('pending_receiver', 'pending_sender'),
    ('pending_receiver', 'pending_customer_info_update'),
    ('pending_receiver', 'pending_transaction_info_update'),
    ('pending_receiver', 'pending_external'),
    ('pending_receiver', 'completed'),
    ('pending_receiver', 'refunded'),
    ('pending_receiver', 'expired'),
    ('pending_receiver', 'error'),
    ('pending_customer_info_update', 'pending_receiver'),
    ('pending_customer_info_update', 'refunded'),
    ('pending_customer_info_update', 'expired'),
    ('pending_customer_info_update', 'error'),
    ('pending_transaction_info_update', 'pending_receiver'),
    ('pending_transaction_info_update', 'refunded'),
    ('pending_transaction_info_update', 'error'),
    ('pending_external', 'completed'),
    ('pending_external', 'pending_receiver'),
    ('pending_external', 'pending_customer_info_update'),
    ('pending_external', 'pending_transaction_info_update'),
    ('pending_external', 'refunded'),
    ('pending_external', 'error'),
    ('completed', 'refunded');

CREATE TABLE remittances (
    id                uuid PRIMARY KEY,
    partner_id        uuid NOT NULL REFERENCES partners,
    account           text NOT NULL,
    sender_id         uuid REFERENCES customers,
    receiver_id       uuid REFERENCES customers,
    status            text NOT NULL,
    status_at         timestamptz NOT NULL DEFAULT now(),
    status_cause      text NOT NULL,
    status_message    text,
    asset_in          text NOT NULL,
    amount_in_units   bigint NOT NULL CHECK (amount_in_units > 0),
    asset_out         text NOT NULL,
    amount_out_units  bigint CHECK (amount_out_units > 0),
    fee_asset         text NOT NULL,
    service_fee_units bigint NOT NULL CHECK (service_fee_units >= 0),
    rounding_units    bigint NOT NULL CHECK (rounding_units >= 0),
    fee_details       jsonb NOT NULL,
    funding_method    text NOT NULL,
    receiving_account text NOT NULL,
    memo              bigint NOT NULL UNIQUE CHECK (memo > 0),
    refund_memo_kind  text CHECK (refund_memo_kind IN ('id', 'text', 'hash')),
    refund_memo       text,
    lang              text,
    expires_at        timestamptz NOT NULL,
    started_at        timestamptz NOT NULL DEFAULT now(),
    completed_at      timestamptz,
    funded_by         bigint UNIQUE,
    reference         text,
    CHECK ((refund_memo IS NULL) = (refund_memo_kind IS NULL)),
    -- "Created" and "paid on the chain" are two facts: nothing is paid out, returned or finished that was never funded.
    CHECK (funded_by IS NOT NULL OR status NOT IN
        ('pending_external', 'completed', 'refunded', 'pending_transaction_info_update')),
    CHECK (funded_by IS NULL OR status NOT IN ('pending_sender', 'expired'))
);

CREATE INDEX remittances_started ON remittances (started_at DESC, id);
CREATE INDEX remittances_partner ON remittances (partner_id, started_at DESC);
CREATE INDEX remittances_sender ON remittances (sender_id);
CREATE INDEX remittances_receiver ON remittances (receiver_id);
CREATE INDEX remittances_open ON remittances (status, status_at)
    WHERE status NOT IN ('completed', 'refunded', 'expired', 'error');

CREATE TABLE remittance_history (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    remittance_id uuid NOT NULL REFERENCES remittances,
    status_from   text NOT NULL,
    status_to     text NOT NULL,
    cause         text NOT NULL,
    message       text,
    reached_at    timestamptz NOT NULL,
    FOREIGN KEY (status_from, status_to) REFERENCES remittance_moves
);

CREATE INDEX remittance_history_remittance ON remittance_history (remittance_id, id);

CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER remittance_history_append_only BEFORE UPDATE OR DELETE ON remittance_history
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER remittance_history_kept BEFORE TRUNCATE ON remittance_history
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

-- SECURITY DEFINER: the app role may move a remittance and so makes history, but may not write history by itself.
CREATE FUNCTION remember_remittance_move() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO remittance_history (remittance_id, status_from, status_to, cause, message, reached_at)
    VALUES (NEW.id, CASE TG_OP WHEN 'INSERT' THEN 'new' ELSE OLD.status END, NEW.status,
            NEW.status_cause, NEW.status_message, NEW.status_at);
    RETURN NULL;
END $$;

CREATE TRIGGER remittance_opened AFTER INSERT ON remittances
    FOR EACH ROW EXECUTE FUNCTION remember_remittance_move();
CREATE TRIGGER remittance_moved AFTER UPDATE OF status ON remittances
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION remember_remittance_move();

-- What was promised stays promised: who, how much, in what, and by which memo.
CREATE FUNCTION keep_remittance_promise() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.partner_id, NEW.account, NEW.asset_in, NEW.amount_in_units, NEW.asset_out, NEW.memo,
        NEW.receiving_account, NEW.started_at)
       IS DISTINCT FROM
       (OLD.id, OLD.partner_id, OLD.account, OLD.asset_in, OLD.amount_in_units, OLD.asset_out, OLD.memo,
        OLD.receiving_account, OLD.started_at)
    THEN
        RAISE EXCEPTION 'remittance %: what was promised at the opening does not change', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.funded_by IS NOT NULL AND NEW.funded_by IS DISTINCT FROM OLD.funded_by THEN
        RAISE EXCEPTION 'remittance %: the payment that funded it does not change', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER remittance_promise BEFORE UPDATE ON remittances
    FOR EACH ROW EXECUTE FUNCTION keep_remittance_promise();
