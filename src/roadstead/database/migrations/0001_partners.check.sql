SELECT 'a disabled partner without a date' FROM partners WHERE status = 'disabled' AND disabled_at IS NULL
