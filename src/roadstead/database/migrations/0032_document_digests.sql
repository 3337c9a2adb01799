-- note: What a customer's document holds is told by a digest, sealed under the file's own key, so that a decision rests on the very
-- note: bytes that were judged and nobody has to read them to know. Files from before have none: theirs is made when it is wanted.

ALTER TABLE customer_files ADD COLUMN sealed_digest bytea CHECK (octet_length(sealed_digest) <= 200);

-- A file is used once, by one field; what it holds never changes, and neither does what tells it.
CREATE OR REPLACE FUNCTION keep_customer_file() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.account, NEW.memo, NEW.content, NEW.media_type, NEW.size_bytes, NEW.created_at, NEW.sealed_digest)
       IS DISTINCT FROM
       (OLD.id, OLD.account, OLD.memo, OLD.content, OLD.media_type, OLD.size_bytes, OLD.created_at, OLD.sealed_digest)
       OR (OLD.customer_id IS NOT NULL AND (NEW.customer_id, NEW.field) IS DISTINCT FROM (OLD.customer_id, OLD.field))
    THEN
        RAISE EXCEPTION 'file %: what it holds, and whose it is, do not change', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
