-- note: Sending anchors we have agreed with, and the accounts they act through. A base account belongs to one partner, so that a
-- note: token names its partner without doubt.

CREATE TABLE partners (
    id          uuid PRIMARY KEY,
    name        text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
    status      text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    disabled_at timestamptz,
    CHECK ((status = 'disabled') = (disabled_at IS NOT NULL))
);

CREATE TABLE partner_accounts (
    account    text PRIMARY KEY CHECK (account ~ '^G[A-Z2-7]{55}$'),
    partner_id uuid NOT NULL REFERENCES partners,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX partner_accounts_partner ON partner_accounts (partner_id);

-- A challenge of SEP-10 buys one token. The row outlives the challenge's time bounds and is then purged.
CREATE TABLE used_challenges (
    hash       bytea PRIMARY KEY CHECK (length(hash) = 32),
    expires_at timestamptz NOT NULL
);

CREATE INDEX used_challenges_expiry ON used_challenges (expires_at);
