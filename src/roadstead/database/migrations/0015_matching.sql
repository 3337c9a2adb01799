-- note: What becomes of every payment, as a table of legal moves with a history that the database itself writes: nothing leaves the
-- note: queue of unmatched payments in silence. What was agreed is kept beside what arrived, and what is funded plus what is too
-- note: much is exactly what the payment brought, so that nothing is paid out that never arrived.

CREATE TABLE payment_moves (
    disposition_from text NOT NULL,
    disposition_to   text NOT NULL,
    PRIMARY KEY (disposition_from, disposition_to)
);

INSERT INTO payment_moves (disposition_from, disposition_to) VALUES
    ('stored', 'matched'),
    ('stored', 'unmatched'),
    ('stored', 'own'),
    ('unmatched', 'matched'),
    ('unmatched', 'refunding'),
    ('unmatched', 'own'),
    ('refunding', 'refunded');

ALTER TABLE payments
    ADD COLUMN disposition_cause  text NOT NULL DEFAULT 'matcher',
    ADD COLUMN excess_units       bigint CHECK (excess_units > 0),
    ADD COLUMN excess_disposition text CHECK (excess_disposition IN ('unmatched', 'refunding', 'refunded')),
    DROP CONSTRAINT payments_disposition_check,
    DROP CONSTRAINT payments_check2,
    ADD CONSTRAINT payments_disposition CHECK (disposition IN
        ('stored', 'matched', 'unmatched', 'refunding', 'refunded', 'own')),
    -- What was unmatched keeps its reason, whatever becomes of it.
    ADD CONSTRAINT payments_reason CHECK (CASE
        WHEN disposition = 'stored' THEN reason IS NULL
        WHEN disposition IN ('unmatched', 'refunding', 'refunded') THEN reason IS NOT NULL
        ELSE true END),
    ADD CONSTRAINT payments_excess CHECK ((excess_units IS NULL) = (excess_disposition IS NULL)
        AND (excess_units IS NULL OR (disposition = 'matched' AND excess_units < amount_units))),
    ADD CONSTRAINT payments_refunded CHECK (disposition NOT IN ('refunding', 'refunded') OR amount_units IS NOT NULL);

CREATE INDEX payments_excess_waiting ON payments (operation_id) WHERE excess_disposition = 'unmatched';
CREATE INDEX payments_of_remittance ON payments (remittance_id) WHERE remittance_id IS NOT NULL;

-- What waits for a person, whole payments and what was too much of them.
CREATE VIEW waiting_payments AS
    SELECT operation_id, 'payment' AS part, reason, asset, amount_units, payer, memo_kind, memo, remittance_id,
        ledger_closed_at, disposed_at AS waiting_since
    FROM payments WHERE disposition = 'unmatched'
    UNION ALL
    SELECT operation_id, 'excess', 'excess', asset, excess_units, payer, memo_kind, memo, remittance_id,
        ledger_closed_at, disposed_at
    FROM payments WHERE excess_disposition = 'unmatched';

CREATE TABLE payment_history (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    operation_id     bigint NOT NULL REFERENCES payments,
    part             text NOT NULL CHECK (part IN ('payment', 'excess')),
    disposition_from text NOT NULL,
    disposition_to   text NOT NULL,
    reason           text,
    cause            text NOT NULL,
    reached_at       timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (disposition_from, disposition_to) REFERENCES payment_moves
);

CREATE INDEX payment_history_payment ON payment_history (operation_id, id);

CREATE TRIGGER payment_history_append_only BEFORE UPDATE OR DELETE ON payment_history
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER payment_history_kept BEFORE TRUNCATE ON payment_history
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

-- SECURITY DEFINER: the app role may dispose of a payment and so makes history, but may not write history by itself.
CREATE FUNCTION remember_payment_move() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.disposition IS DISTINCT FROM NEW.disposition THEN
        INSERT INTO payment_history (operation_id, part, disposition_from, disposition_to, reason, cause)
        VALUES (NEW.operation_id, 'payment', OLD.disposition, NEW.disposition, NEW.reason, NEW.disposition_cause);
    END IF;
    IF OLD.excess_disposition IS DISTINCT FROM NEW.excess_disposition THEN
        INSERT INTO payment_history (operation_id, part, disposition_from, disposition_to, reason, cause)
        VALUES (NEW.operation_id, 'excess', COALESCE(OLD.excess_disposition, 'stored'), NEW.excess_disposition,
            NEW.reason, NEW.disposition_cause);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER payment_moved AFTER UPDATE OF disposition, excess_disposition ON payments FOR EACH ROW
    WHEN ((OLD.disposition, OLD.excess_disposition) IS DISTINCT FROM (NEW.disposition, NEW.excess_disposition))
    EXECUTE FUNCTION remember_payment_move();

-- What arrived stays what arrived. An amount that the chain did not tell at once may be found out, once.
CREATE FUNCTION keep_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.operation_id, NEW.kind, NEW.transaction_hash, NEW.ledger_closed_at, NEW.payer, NEW.receiving_account,
        NEW.asset, NEW.memo_kind, NEW.memo)
       IS DISTINCT FROM
       (OLD.operation_id, OLD.kind, OLD.transaction_hash, OLD.ledger_closed_at, OLD.payer, OLD.receiving_account,
        OLD.asset, OLD.memo_kind, OLD.memo)
       OR (OLD.amount_units IS NOT NULL AND NEW.amount_units IS DISTINCT FROM OLD.amount_units)
       OR (OLD.excess_units IS NOT NULL AND NEW.excess_units IS DISTINCT FROM OLD.excess_units)
       OR (OLD.excess_units IS NULL AND NEW.excess_units IS NOT NULL AND OLD.disposition = 'matched')
    THEN
        RAISE EXCEPTION 'payment %: what arrived does not change', OLD.operation_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payment_content BEFORE UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION keep_payment();
CREATE TRIGGER payments_kept BEFORE DELETE OR TRUNCATE ON payments
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

ALTER TABLE remittances ADD COLUMN amount_expected_units bigint;
UPDATE remittances SET amount_expected_units = amount_in_units;
ALTER TABLE remittances
    ALTER COLUMN amount_expected_units SET NOT NULL,
    ADD CONSTRAINT remittances_expected CHECK (amount_expected_units > 0
        AND (funded_by IS NOT NULL OR amount_in_units = amount_expected_units)
        AND (pricing <> 'firm' OR amount_in_units = amount_expected_units));

CREATE INDEX remittances_unpaid ON remittances (expires_at)
    WHERE funded_by IS NULL AND status IN ('pending_sender', 'pending_receiver', 'pending_customer_info_update');

CREATE FUNCTION expect_remittance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.amount_expected_units := NEW.amount_in_units;
    RETURN NEW;
END $$;

CREATE TRIGGER remittance_expected BEFORE INSERT ON remittances FOR EACH ROW EXECUTE FUNCTION expect_remittance();

-- What was promised stays promised: who, how much, in what, and by which memo. What is delivered of it is set once, by the payment,
-- and with the excess it is what arrived.
CREATE OR REPLACE FUNCTION keep_remittance_promise() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    arrived_units bigint;
BEGIN
    IF (NEW.id, NEW.partner_id, NEW.account, NEW.asset_in, NEW.amount_expected_units, NEW.asset_out, NEW.memo,
        NEW.receiving_account, NEW.started_at)
       IS DISTINCT FROM
       (OLD.id, OLD.partner_id, OLD.account, OLD.asset_in, OLD.amount_expected_units, OLD.asset_out, OLD.memo,
        OLD.receiving_account, OLD.started_at)
    THEN
        RAISE EXCEPTION 'remittance %: what was promised at the opening does not change', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.funded_by IS NOT NULL AND NEW.funded_by IS DISTINCT FROM OLD.funded_by THEN
        RAISE EXCEPTION 'remittance %: the payment that funded it does not change', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF (NEW.amount_in_units, NEW.service_fee_units, NEW.rounding_units, NEW.fee_details)
       IS DISTINCT FROM (OLD.amount_in_units, OLD.service_fee_units, OLD.rounding_units, OLD.fee_details)
       AND (OLD.funded_by IS NOT NULL OR NEW.funded_by IS NULL OR OLD.pricing = 'firm')
    THEN
        RAISE EXCEPTION 'remittance %: amounts are set anew by its payment only, and never at a firm price', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.funded_by IS NULL AND NEW.funded_by IS NOT NULL THEN
        SELECT amount_units - COALESCE(excess_units, 0) INTO arrived_units FROM payments
        WHERE operation_id = NEW.funded_by;
        IF arrived_units IS DISTINCT FROM NEW.amount_in_units THEN
            RAISE EXCEPTION 'remittance %: % units would be funded by a payment that brings %', OLD.id,
                NEW.amount_in_units, arrived_units USING ERRCODE = 'restrict_violation';
        END IF;
    END IF;
    RETURN NEW;
END $$;
