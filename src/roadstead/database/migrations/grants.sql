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
GRANT SELECT (id, account, memo_kind, memo, created_at, restricted_at, erased_at) ON customers TO roadstead_reader;
GRANT SELECT (key, payout_id, rail, number, status, reference, reason, written_at, submitted_at, status_at, taken_on_at, settled_at,
    returned_at, returned_units, opening_units)
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
-- Documents: sealed content, and the keys of files that nobody refers to yet, are for the server alone.
GRANT INSERT, UPDATE, DELETE ON customer_files TO roadstead_app;
REVOKE SELECT ON customer_files FROM roadstead_reader;
GRANT SELECT (id, customer_id, field, media_type, size_bytes, created_at, expires_at) ON customer_files TO roadstead_reader;
-- Codes, what customers are found by, and whom their status is told.
GRANT INSERT, UPDATE, DELETE ON customer_confirmations, customer_indexes TO roadstead_app;
GRANT INSERT, UPDATE ON customer_watches, legal_holds TO roadstead_app;
GRANT INSERT ON key_retirements TO roadstead_app;
REVOKE SELECT ON customer_confirmations, customer_indexes, legal_holds FROM roadstead_reader;
GRANT SELECT (customer_id, field, status, requested_at, expires_at, wrong_codes, tries, sent_at) ON customer_confirmations
    TO roadstead_reader;
-- Files of payments and statements are sealed, and nobody's to read but the server's.
GRANT INSERT, UPDATE ON batches, batch_items, received_files TO roadstead_app;
GRANT INSERT ON file_events TO roadstead_app;
GRANT USAGE ON SEQUENCE received_file_numbers TO roadstead_app;
REVOKE SELECT ON batches, batch_items, received_files FROM roadstead_reader;
GRANT SELECT (id, rail, asset, message_id, status, items, amount_units, opened_at, closes_at, closed_at, execute_on, file_name,
    file_bytes, staged_as, sent_at, answered_at, bank_status, reason, withheld_at, emptied_at) ON batches TO roadstead_reader;
GRANT SELECT (key, number, batch_id, rail, end_to_end_id, uetr, amount_units, adjustments, put_at)
    ON batch_items TO roadstead_reader;
GRANT SELECT (id, rail, name, size_bytes, status, message, detail, number, received_at, understood_at, emptied_at, balance_units,
    balance_at) ON received_files TO roadstead_reader;
-- Whom a bank's statement names is for those who look after the anchor, not for reports.
GRANT INSERT, UPDATE ON bank_statements, statement_lines, line_resolutions TO roadstead_app;
REVOKE SELECT ON statement_lines FROM roadstead_reader;
GRANT SELECT (id, statement_id, identity, asset, amount_units, is_credit, is_reversal, booked_on, value_on, bank_reference,
    end_to_end_id, key, reason, status, attempt_key, matched_by, suspense_reason, booked_at) ON statement_lines TO roadstead_reader;
-- What verifiers rang with may carry personal data: it is sealed, it goes after a while, and reports do not see it.
GRANT INSERT, UPDATE ON verification_cases, verifier_erasures TO roadstead_app;
GRANT INSERT, UPDATE (wrapped_key, key_version), DELETE ON verifier_events TO roadstead_app;
REVOKE SELECT ON verifier_events FROM roadstead_reader;
-- Lists are public. Who was found on them is for operators: reports see how many, and not whom.
GRANT INSERT, UPDATE, DELETE ON screening_lists TO roadstead_app;
GRANT INSERT ON screening_list_versions TO roadstead_app;
GRANT INSERT, UPDATE ON screening_entries, screening_subjects, screening_hits TO roadstead_app;
REVOKE SELECT ON screening_hits, screening_subjects, screenings FROM roadstead_reader;
GRANT SELECT (list, entry_id, score, is_current, status, found_at, decided_at) ON screening_hits TO roadstead_reader;
-- A temporary table would stand before one of ours for every function that names it without its schema.
DO $$ BEGIN EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()); END $$;
