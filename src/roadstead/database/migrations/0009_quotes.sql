-- note: Firm quotes, which never change: what was promised is kept as the very document that the partner got. A quote is used
-- note: once, because only one remittance can name it; whether it is used is read from there. A remittance at an
-- note: indicative price has its rate fixed when the payment has arrived, and never again.

CREATE TABLE quotes (
    id              uuid PRIMARY KEY,
    account         text NOT NULL CHECK (account ~ '^G[A-Z2-7]{55}$'),
    -- The partner that the account belonged to, or the account itself where it belonged to none.
    owner           text NOT NULL,
    context         text NOT NULL,
    sell_asset      text NOT NULL,
    sell_units      bigint NOT NULL CHECK (sell_units > 0),
    fee_units       bigint NOT NULL CHECK (fee_units >= 0 AND fee_units < sell_units),
    buy_asset       text NOT NULL,
    buy_units       bigint NOT NULL CHECK (buy_units > 0),
    delivery_method text NOT NULL,
    document        text NOT NULL,
    given_at        timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    CHECK (expires_at > given_at)
);

CREATE INDEX quotes_open_pair ON quotes (sell_asset, buy_asset, expires_at);
CREATE INDEX quotes_open_owner ON quotes (owner, expires_at);

CREATE TRIGGER quotes_append_only BEFORE UPDATE OR DELETE ON quotes
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER quotes_kept BEFORE TRUNCATE ON quotes FOR EACH STATEMENT EXECUTE FUNCTION append_only();

ALTER TABLE remittances
    ADD COLUMN quote_id uuid UNIQUE REFERENCES quotes,
    ADD COLUMN pricing text NOT NULL DEFAULT 'par' CHECK (pricing IN ('par', 'indicative', 'firm')),
    ADD COLUMN exchange_rate numeric CHECK (exchange_rate > 0),
    ADD CHECK ((pricing = 'firm') = (quote_id IS NOT NULL)),
    -- Only an indicative price may leave open what arrives, and it does so exactly until its rate is fixed.
    ADD CHECK (pricing = 'indicative' OR (amount_out_units IS NOT NULL AND exchange_rate IS NULL)),
    ADD CHECK (exchange_rate IS NULL OR (amount_out_units IS NOT NULL AND funded_by IS NOT NULL));

CREATE INDEX remittances_unpriced ON remittances (started_at)
    WHERE amount_out_units IS NULL AND status = 'pending_receiver' AND funded_by IS NOT NULL;

CREATE FUNCTION keep_remittance_price() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.quote_id, NEW.pricing) IS DISTINCT FROM (OLD.quote_id, OLD.pricing)
       OR (OLD.exchange_rate IS NOT NULL AND NEW.exchange_rate IS DISTINCT FROM OLD.exchange_rate)
    THEN
        RAISE EXCEPTION 'remittance %: the price that was promised does not change', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER remittance_price BEFORE UPDATE ON remittances
    FOR EACH ROW EXECUTE FUNCTION keep_remittance_price();
