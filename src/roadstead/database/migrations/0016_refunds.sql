-- note: Refunds, and the signed envelopes in which they leave. One refund per payment and account of the books, never more than the
-- note: payment brought, only to its true payer; one open envelope per refund and per account that signs; a payout or a refund.

CREATE TABLE refunds (
    id               uuid PRIMARY KEY,
    operation_id     bigint NOT NULL REFERENCES payments,
    source           text NOT NULL CHECK (source IN ('suspense', 'waiting', 'delivery')),
    remittance_id    uuid REFERENCES remittances,
    asset            text NOT NULL,
    amount_units     bigint NOT NULL CHECK (amount_units > 0),
    fee_units        bigint NOT NULL CHECK (fee_units >= 0),
    destination      text NOT NULL CHECK (destination ~ '^(G[A-Z2-7]{55}|M[A-Z2-7]{68})$'),
    memo_kind        text NOT NULL CHECK (memo_kind IN ('none', 'id', 'text', 'hash', 'return')),
    memo             bytea,
    cause            text NOT NULL,
    status           text NOT NULL CHECK (status IN ('ordered', 'submitting', 'held', 'sent')),
    reason           text,
    transaction_hash text,
    ordered_at       timestamptz NOT NULL DEFAULT now(),
    status_at        timestamptz NOT NULL DEFAULT now(),
    due_at           timestamptz,
    UNIQUE (operation_id, source),
    CHECK (fee_units < amount_units),
    CHECK (source = 'suspense' OR remittance_id IS NOT NULL),
    CHECK (CASE memo_kind WHEN 'none' THEN memo IS NULL WHEN 'id' THEN length(memo) = 8
           WHEN 'text' THEN length(memo) <= 28 ELSE length(memo) = 32 END IS TRUE),
    CHECK ((status = 'held') = (reason IS NOT NULL)),
    CHECK ((status = 'sent') = (transaction_hash IS NOT NULL)),
    CHECK (due_at IS NULL OR status = 'ordered')
);

CREATE INDEX refunds_due ON refunds (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX refunds_remittance ON refunds (remittance_id);
CREATE INDEX refunds_open ON refunds (status, status_at) WHERE status <> 'sent';

-- Locks are taken in the order payout, remittance, payment, as everywhere.
CREATE FUNCTION guard_refund() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    paid   payments;
    before numeric;
BEGIN
    IF NEW.remittance_id IS NOT NULL THEN
        PERFORM FROM remittances WHERE id = NEW.remittance_id FOR NO KEY UPDATE;
    END IF;
    SELECT * INTO paid FROM payments WHERE operation_id = NEW.operation_id FOR NO KEY UPDATE;
    IF (NEW.asset, NEW.destination) IS DISTINCT FROM (paid.asset, paid.payer) THEN
        RAISE EXCEPTION 'refund of payment %: it goes back in the asset that came, to the payer it came from', NEW.operation_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    SELECT COALESCE(sum(amount_units), 0) INTO before FROM refunds WHERE operation_id = NEW.operation_id;
    IF paid.amount_units IS NULL OR before + NEW.amount_units > paid.amount_units THEN
        RAISE EXCEPTION 'refund of payment %: % after % is more than the % it brought', NEW.operation_id,
            NEW.amount_units, before, paid.amount_units USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.source = 'suspense' AND EXISTS (
        SELECT FROM remittances AS r WHERE r.funded_by = NEW.operation_id AND r.amount_in_units + NEW.amount_units > paid.amount_units)
    THEN
        RAISE EXCEPTION 'refund of payment %: % is not in suspense, the payment funded a remittance', NEW.operation_id,
            NEW.amount_units USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.source <> 'suspense' AND EXISTS (
        SELECT FROM payout_attempts AS a JOIN payouts AS p ON p.id = a.payout_id
        WHERE p.remittance_id = NEW.remittance_id AND a.status NOT IN ('refused', 'returned')) THEN
        RAISE EXCEPTION 'refund of payment %: an attempt to pay remittance % out may still pay, or has paid',
            NEW.operation_id, NEW.remittance_id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER refunds_guarded BEFORE INSERT ON refunds FOR EACH ROW EXECUTE FUNCTION guard_refund();

CREATE FUNCTION keep_refund() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.operation_id, NEW.source, NEW.remittance_id, NEW.asset, NEW.amount_units, NEW.fee_units,
        NEW.destination, NEW.memo_kind, NEW.memo, NEW.ordered_at)
       IS DISTINCT FROM
       (OLD.id, OLD.operation_id, OLD.source, OLD.remittance_id, OLD.asset, OLD.amount_units, OLD.fee_units,
        OLD.destination, OLD.memo_kind, OLD.memo, OLD.ordered_at) THEN
        RAISE EXCEPTION 'refund %: what goes back to whom is fixed once ordered', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.status = 'sent' AND NEW IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'refund %: it stands in a ledger, nothing changes that', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER refunds_fixed BEFORE UPDATE ON refunds FOR EACH ROW EXECUTE FUNCTION keep_refund();
CREATE TRIGGER refunds_kept BEFORE DELETE OR TRUNCATE ON refunds FOR EACH STATEMENT EXECUTE FUNCTION append_only();

CREATE FUNCTION refuse_attempt_of_refunded() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    delivered uuid;
BEGIN
    SELECT remittance_id INTO delivered FROM payouts WHERE id = NEW.payout_id FOR NO KEY UPDATE;
    PERFORM FROM remittances WHERE id = delivered FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM refunds WHERE remittance_id = delivered AND source <> 'suspense') THEN
        RAISE EXCEPTION 'attempt %: remittance % is refunded and is not paid out', NEW.key, delivered
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payout_attempt_or_refund BEFORE INSERT ON payout_attempts
    FOR EACH ROW EXECUTE FUNCTION refuse_attempt_of_refunded();

CREATE FUNCTION refuse_funding_by_refunded() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    brought bigint;
    back    numeric;
BEGIN
    SELECT amount_units INTO brought FROM payments WHERE operation_id = NEW.funded_by FOR NO KEY UPDATE;
    SELECT sum(amount_units) INTO back FROM refunds WHERE operation_id = NEW.funded_by;
    IF back + NEW.amount_in_units > brought THEN
        RAISE EXCEPTION 'remittance %: payment % goes back to its payer and funds nothing', NEW.id, NEW.funded_by
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER remittance_or_refund BEFORE UPDATE OF funded_by ON remittances
    FOR EACH ROW WHEN (NEW.funded_by IS DISTINCT FROM OLD.funded_by)
    EXECUTE FUNCTION refuse_funding_by_refunded();

CREATE TABLE refund_history (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    refund_id   uuid NOT NULL REFERENCES refunds,
    status_from text NOT NULL,
    status_to   text NOT NULL,
    reason      text,
    reached_at  timestamptz NOT NULL
);

CREATE INDEX refund_history_refund ON refund_history (refund_id, id);

CREATE TRIGGER refund_history_append_only BEFORE UPDATE OR DELETE ON refund_history
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER refund_history_kept BEFORE TRUNCATE ON refund_history
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

CREATE FUNCTION remember_refund_move() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO refund_history (refund_id, status_from, status_to, reason, reached_at)
    VALUES (NEW.id, CASE TG_OP WHEN 'INSERT' THEN 'new' ELSE OLD.status END, NEW.status, NEW.reason, NEW.status_at);
    RETURN NULL;
END $$;

CREATE TRIGGER refund_ordered AFTER INSERT ON refunds FOR EACH ROW EXECUTE FUNCTION remember_refund_move();
CREATE TRIGGER refund_moved AFTER UPDATE OF status ON refunds
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION remember_refund_move();

-- Whoever holds the lease of an account signs and submits for it, one at a time.
CREATE TABLE signing_accounts (
    account     text PRIMARY KEY CHECK (account ~ '^G[A-Z2-7]{55}$'),
    lease_until timestamptz,
    lease_token uuid,
    CHECK ((lease_until IS NULL) = (lease_token IS NULL))
);

-- Signed transactions of our own accounts, stored before they are sent. The first one of a subject that stands in a ledger is the last.
CREATE TABLE envelopes (
    id              uuid PRIMARY KEY,
    kind            text NOT NULL,
    subject_id      uuid NOT NULL,
    hash            text NOT NULL UNIQUE CHECK (hash ~ '^[0-9a-f]{64}$'),
    content         bytea NOT NULL,
    account         text NOT NULL REFERENCES signing_accounts,
    sequence        bigint NOT NULL CHECK (sequence > 0),
    fee_stroops     bigint NOT NULL CHECK (fee_stroops > 0),
    valid_until     timestamptz NOT NULL,
    signed_ledger   bigint NOT NULL,
    status          text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'succeeded', 'failed', 'dead')),
    reason          text,
    ledger          bigint,
    submissions     integer NOT NULL DEFAULT 0,
    signed_at       timestamptz NOT NULL DEFAULT now(),
    status_at       timestamptz NOT NULL DEFAULT now(),
    due_at          timestamptz NOT NULL DEFAULT now(),
    CHECK ((status IN ('succeeded', 'failed')) = (ledger IS NOT NULL)),
    CHECK (status <> 'dead' OR reason IS NOT NULL)
);

CREATE UNIQUE INDEX envelopes_one_may_pay ON envelopes (kind, subject_id) WHERE status IN ('open', 'succeeded');
CREATE UNIQUE INDEX envelopes_one_open ON envelopes (account) WHERE status = 'open';
CREATE UNIQUE INDEX envelopes_sequence ON envelopes (account, sequence) WHERE status IN ('open', 'succeeded', 'failed');
CREATE INDEX envelopes_subject ON envelopes (kind, subject_id);

-- The same envelope with a higher fee: another hash, but of both only one can be applied.
CREATE TABLE envelope_bumps (
    hash        text PRIMARY KEY CHECK (hash ~ '^[0-9a-f]{64}$'),
    envelope_id uuid NOT NULL REFERENCES envelopes,
    content     bytea NOT NULL,
    fee_stroops bigint NOT NULL CHECK (fee_stroops > 0),
    signed_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (envelope_id, fee_stroops)
);

CREATE FUNCTION keep_envelope() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.kind, NEW.subject_id, NEW.hash, NEW.content, NEW.account, NEW.sequence, NEW.fee_stroops,
        NEW.valid_until, NEW.signed_ledger)
       IS DISTINCT FROM
       (OLD.id, OLD.kind, OLD.subject_id, OLD.hash, OLD.content, OLD.account, OLD.sequence, OLD.fee_stroops,
        OLD.valid_until, OLD.signed_ledger) THEN
        RAISE EXCEPTION 'envelope %: what was signed is fixed', OLD.hash USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.status <> 'open' AND NEW.status <> OLD.status THEN
        RAISE EXCEPTION 'envelope %: % is its end', OLD.hash, OLD.status USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER envelopes_fixed BEFORE UPDATE ON envelopes FOR EACH ROW EXECUTE FUNCTION keep_envelope();
CREATE TRIGGER envelopes_kept BEFORE DELETE OR TRUNCATE ON envelopes
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER envelope_bumps_append_only BEFORE UPDATE OR DELETE ON envelope_bumps
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER envelope_bumps_kept BEFORE TRUNCATE ON envelope_bumps
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
