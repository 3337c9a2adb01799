-- note: Documents of customers, encrypted under a key of each file's own. While nobody refers to a file, that key is wrapped by the
-- note: master key; from then on it is sealed with the customer's key, so that erasing the customer makes it unreadable.

CREATE TABLE customer_files (
    id          uuid PRIMARY KEY,
    account     text NOT NULL CHECK (account ~ '^G[A-Z2-7]{55}$'),
    -- The memo of the token that uploaded it, if it had one: such a token reaches its own files alone.
    memo        text CHECK (length(memo) <= 100),
    customer_id uuid REFERENCES customers,
    field       text,
    wrapped_key bytea,
    key_version integer,
    sealed_key  bytea,
    content     bytea NOT NULL,
    media_type  text NOT NULL CHECK (length(media_type) <= 100),
    size_bytes  integer NOT NULL CHECK (size_bytes > 0),
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz,
    CHECK ((customer_id IS NULL) = (field IS NULL)),
    CHECK ((customer_id IS NULL) = (sealed_key IS NULL)),
    CHECK ((customer_id IS NULL) = (wrapped_key IS NOT NULL)),
    CHECK ((customer_id IS NULL) = (expires_at IS NOT NULL)),
    CHECK ((wrapped_key IS NULL) = (key_version IS NULL))
);

-- A field of a customer holds one file.
CREATE UNIQUE INDEX customer_files_field ON customer_files (customer_id, field) WHERE customer_id IS NOT NULL;
CREATE INDEX customer_files_unused ON customer_files (account, expires_at) WHERE customer_id IS NULL;

-- A file is used once, by one field; what it holds never changes.
CREATE FUNCTION keep_customer_file() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.account, NEW.memo, NEW.content, NEW.media_type, NEW.size_bytes, NEW.created_at)
       IS DISTINCT FROM (OLD.id, OLD.account, OLD.memo, OLD.content, OLD.media_type, OLD.size_bytes, OLD.created_at)
       OR (OLD.customer_id IS NOT NULL AND (NEW.customer_id, NEW.field) IS DISTINCT FROM (OLD.customer_id, OLD.field))
    THEN
        RAISE EXCEPTION 'file %: what it holds, and whose it is, do not change', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER customer_file_kept BEFORE UPDATE ON customer_files FOR EACH ROW EXECUTE FUNCTION keep_customer_file();
