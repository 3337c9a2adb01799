-- note: Keys that seal files and doorbells are wrapped by the same master keys as those of customers, and are retired with them.
CREATE TRIGGER batch_key_current BEFORE INSERT OR UPDATE OF key_version ON batches
    FOR EACH ROW WHEN (NEW.wrapped_key IS NOT NULL) EXECUTE FUNCTION refuse_retired_key();
CREATE TRIGGER received_file_key_current BEFORE INSERT OR UPDATE OF key_version ON received_files
    FOR EACH ROW WHEN (NEW.wrapped_key IS NOT NULL) EXECUTE FUNCTION refuse_retired_key();
CREATE TRIGGER verifier_event_key_current BEFORE INSERT OR UPDATE OF key_version ON verifier_events
    FOR EACH ROW EXECUTE FUNCTION refuse_retired_key();
