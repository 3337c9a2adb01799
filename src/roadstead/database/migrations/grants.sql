-- Run after every migration, safe to repeat: what is not listed here is taken away. Login users are made members of these
-- roles by the database's administrator: GRANT roadstead_app TO anchor_production;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM roadstead_app, roadstead_reader;
GRANT USAGE ON SCHEMA public TO roadstead_app, roadstead_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO roadstead_app, roadstead_reader;
GRANT INSERT, UPDATE ON
    partners, customers, customer_fields, remittances, payments, cursors, payouts, payout_attempts, rail_events, leases
    TO roadstead_app;
GRANT INSERT ON partner_accounts, used_challenges, undecodable_records, postings, entries, audit_log, quotes
    TO roadstead_app;
GRANT UPDATE ON schedules TO roadstead_app;
-- The only rows that the server may ever delete: erased personal data, challenges that are over, and old receipts.
GRANT INSERT ON receipts TO roadstead_app;
GRANT INSERT, UPDATE ON restorations, outgoing_found TO roadstead_app;
GRANT DELETE ON customer_fields, used_challenges, receipts TO roadstead_app;
REVOKE SELECT ON customer_fields, customers, payout_attempts, used_challenges, receipts FROM roadstead_reader;
GRANT SELECT (id, account, memo_kind, memo, created_at, erased_at) ON customers TO roadstead_reader;
GRANT SELECT (key, payout_id, number, status, reference, reason, written_at, submitted_at, status_at, taken_on_at, settled_at,
    returned_at, returned_units)
    ON payout_attempts TO roadstead_reader;
-- Callbacks are written by the database when a remittance moves. Their URLs may carry a partner's secrets.
GRANT INSERT, UPDATE ON partner_callback_hosts, callback_registrations TO roadstead_app;
GRANT UPDATE ON callbacks TO roadstead_app;
GRANT INSERT ON callback_tries TO roadstead_app;
REVOKE SELECT ON callback_registrations, callback_tries FROM roadstead_reader;
GRANT SELECT (subject_kind, subject_id, partner_id, host, registered_at) ON callback_registrations TO roadstead_reader;
GRANT SELECT (id, callback_id, ended_at, duration_ms, outcome, http_status) ON callback_tries TO roadstead_reader;
-- Operators' tokens are stored as hashes, and still nobody's to read. Rows of the outbox of alerts are written by the database.
GRANT INSERT, UPDATE ON operators, holds, alerts, stops TO roadstead_app;
GRANT INSERT ON hold_votes TO roadstead_app;
GRANT UPDATE ON alert_notices TO roadstead_app;
REVOKE SELECT ON operators FROM roadstead_reader;
GRANT SELECT (id, name, role, status, created_at, disabled_at) ON operators TO roadstead_reader;
-- What is signed can be submitted by whoever has it: reports show that there is an envelope, not its bytes.
GRANT INSERT, UPDATE ON refunds, envelopes, signing_accounts TO roadstead_app;
GRANT INSERT ON envelope_bumps TO roadstead_app;
REVOKE SELECT ON envelopes, envelope_bumps FROM roadstead_reader;
GRANT SELECT (id, kind, subject_id, hash, account, sequence, fee_stroops, valid_until, signed_ledger, status, reason, ledger,
    submissions, signed_at, status_at) ON envelopes TO roadstead_reader;
GRANT SELECT (hash, envelope_id, fee_stroops, signed_at) ON envelope_bumps TO roadstead_reader;
GRANT INSERT ON chain_seedings, clawbacks, outgoing_payments TO roadstead_app;
GRANT INSERT, UPDATE ON claimable_balances TO roadstead_app;
-- Lists are public. Who was found on them is for operators: reports see how many, and not whom.
GRANT INSERT, UPDATE, DELETE ON screening_lists TO roadstead_app;
GRANT INSERT ON screening_list_versions TO roadstead_app;
GRANT INSERT, UPDATE ON screening_entries, screening_subjects, screening_hits TO roadstead_app;
REVOKE SELECT ON screening_hits, screening_subjects, screenings FROM roadstead_reader;
GRANT SELECT (list, entry_id, score, is_current, status, found_at, decided_at) ON screening_hits TO roadstead_reader;
-- A temporary table would stand before one of ours for every function that names it without its schema.
DO $$ BEGIN EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()); END $$;
