-- Identity is no projection: what stands here stands nowhere else. Only its facts go to the log, through the outbox.
-- Runs with search_path = identity.

CREATE TABLE accounts (
    id            uuid        PRIMARY KEY,
    username      text        NOT NULL CHECK (username ~ '^[A-Za-z0-9_.-]{3,32}$'),
    email         text        NOT NULL CHECK (char_length(email) <= 254),
    -- PHC string: algorithm, cost and salt stand beside the hash, so the cost can rise without a migration.
    password_hash text        NOT NULL,
    created_at    timestamptz NOT NULL
);

-- Ann and ann are one person to whoever reads a name.
CREATE UNIQUE INDEX accounts_username_key ON accounts (lower(username));
CREATE UNIQUE INDEX accounts_email_key ON accounts (lower(email));

-- A sign-in and all refresh tokens that came of it.
CREATE TABLE sessions (
    id         uuid        PRIMARY KEY,
    user_id    uuid        NOT NULL REFERENCES accounts ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    -- That of its youngest refresh token.
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);

CREATE INDEX sessions_user_id_idx ON sessions (user_id);

CREATE TABLE refresh_tokens (
    -- SHA-256 of the token: who reads this table can't sign in with it.
    hash       bytea       PRIMARY KEY CHECK (octet_length(hash) = 32),
    session_id uuid        NOT NULL REFERENCES sessions ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    -- Kept after its rotation until it expires, so that its reuse is noticed.
    rotated_at timestamptz
);

CREATE INDEX refresh_tokens_session_id_idx ON refresh_tokens (session_id);

-- Facts on their way to the log. A row is deleted when the log has acknowledged its event, and not before.
CREATE TABLE outbox (
    event_id uuid        PRIMARY KEY,
    user_id  uuid        NOT NULL,
    -- The CloudEvent's bytes: a retry after any crash appends the same ones.
    payload  bytea       NOT NULL,
    attempts integer     NOT NULL DEFAULT 0,
    due_at   timestamptz NOT NULL
);

CREATE INDEX outbox_due_at_idx ON outbox (due_at);
