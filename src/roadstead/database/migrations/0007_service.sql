-- note: What the processes need: leases of leaders, schedules, and the log of what people did.

-- A leader holds its role until expires_at by the database's clock; every change of holder raises the epoch.
CREATE TABLE leases (
    role       text PRIMARY KEY,
    holder     text NOT NULL,
    epoch      bigint NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE TABLE schedules (
    name        text PRIMARY KEY,
    due_at      timestamptz NOT NULL DEFAULT now(),
    lease_until timestamptz,
    lease_token uuid,
    ran_at      timestamptz,
    failure     text,
    CHECK ((lease_until IS NULL) = (lease_token IS NULL))
);

-- Whoever locks this row matches payments, one worker at a time, so that they are matched in the order of the chain.
INSERT INTO schedules (name) VALUES ('matcher');

CREATE TABLE audit_log (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT now(),
    actor   text NOT NULL,
    action  text NOT NULL,
    subject text NOT NULL,
    detail  jsonb NOT NULL DEFAULT '{}'
);

CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER audit_log_kept BEFORE TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION append_only();
