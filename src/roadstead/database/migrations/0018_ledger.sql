-- note: The chart of accounts and the list of events stand in the database as well, so that nothing is posted under a name that
-- note: nobody knows, and no posting bears an idempotency key of another event's form.

CREATE TABLE ledger_events (
    event       text PRIMARY KEY,
    key_pattern text NOT NULL
);

INSERT INTO ledger_events (event, key_pattern) VALUES
    ('payment_matched', '^payment:[0-9]{1,20}$'),
    ('payment_waiting', '^payment:[0-9]{1,20}$'),
    ('payment_unmatched', '^payment:[0-9]{1,20}$'),
    ('payment_own', '^payment:[0-9]{1,20}$'),
    ('payment_excess', '^payment:[0-9]{1,20}:excess$'),
    ('suspense_matched', '^payment:[0-9]{1,20}:matched$'),
    ('suspense_waiting', '^payment:[0-9]{1,20}:matched$'),
    ('clawed_back', '^clawback:[0-9]{1,20}$'),
    ('rate_fixed', '^rate:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'),
    ('payout_submitted', '^attempt:[A-Za-z0-9]{1,30}:submitted$'),
    ('payout_refused', '^attempt:[A-Za-z0-9]{1,30}:refused$'),
    ('payout_settled', '^attempt:[A-Za-z0-9]{1,30}:settled$'),
    ('payout_returned', '^attempt:[A-Za-z0-9]{1,30}:returned$'),
    ('refund_owed_for_delivery', '^refund:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:owed$'),
    ('refund_owed_for_waiting', '^refund:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:owed$'),
    ('refund_owed_for_suspense', '^refund:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:owed$'),
    ('refund_sent', '^refund:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:sent$'),
    ('payout_found_settled', '^attempt:[A-Za-z0-9]{1,30}:found_settled$');

CREATE TRIGGER ledger_events_append_only BEFORE UPDATE OR DELETE ON ledger_events
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER ledger_events_kept BEFORE TRUNCATE ON ledger_events FOR EACH STATEMENT EXECUTE FUNCTION append_only();

CREATE FUNCTION posting_tells_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    form text;
BEGIN
    SELECT key_pattern INTO form FROM ledger_events WHERE event = NEW.event;
    IF form IS NULL THEN
        RAISE EXCEPTION 'posting %: the event % is not in the list', NEW.idempotency_key, NEW.event
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.idempotency_key !~ form THEN
        RAISE EXCEPTION 'posting %: this is no key of the event %', NEW.idempotency_key, NEW.event
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER posting_event BEFORE INSERT ON postings FOR EACH ROW EXECUTE FUNCTION posting_tells_event();

ALTER TABLE entries ADD CONSTRAINT entries_account_in_chart CHECK (
    account IN ('tokens:received', 'tokens:stock', 'treasury:transfers', 'losses:clawback', 'suspense:chain', 'fx:position',
        'fx:waiting', 'payouts:owed', 'refunds:owed', 'fees:refunds', 'fees:pending', 'fees:earned',
        'fees:rounding', 'fees:bank')
    OR account LIKE 'transit:_%' OR account LIKE 'bank:_%');
