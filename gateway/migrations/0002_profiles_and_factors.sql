-- Guests, profiles, sessions that are listed, second factors, API keys; and facts in the order in which they became so.
-- Runs with search_path = identity.

ALTER TABLE accounts
    ADD COLUMN display_name text CHECK (char_length(display_name) BETWEEN 1 AND 64),
    ADD COLUMN avatar_url   text CHECK (char_length(avatar_url) <= 2048),
    ADD COLUMN guest        boolean NOT NULL DEFAULT false,
    ALTER COLUMN email DROP NOT NULL,
    ALTER COLUMN password_hash DROP NOT NULL,
    -- Somebody with an account signs in with both; a guest has neither and can't sign in again.
    ADD CONSTRAINT accounts_sign_in CHECK ((email IS NULL) = guest AND (password_hash IS NULL) = guest);

ALTER TABLE sessions
    -- When it was last refreshed; null until the first time.
    ADD COLUMN last_used_at timestamptz,
    -- What the client called itself, by which its owner knows it again.
    ADD COLUMN user_agent   text CHECK (char_length(user_agent) <= 200);

-- A gateway that starts asks for the latest.
CREATE INDEX sessions_revoked_at_idx ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE totp (
    user_id      uuid        PRIMARY KEY REFERENCES accounts ON DELETE CASCADE,
    secret       bytea       NOT NULL CHECK (octet_length(secret) = 20),
    -- Null until a code has shown that its owner's device has the secret; only then it is asked for.
    confirmed_at timestamptz,
    -- That of the last code which was taken: a code is good once (RFC 6238, section 5.2).
    last_step    bigint      NOT NULL DEFAULT 0
);

-- Codes that were not used yet.
CREATE TABLE recovery_codes (
    user_id uuid  NOT NULL REFERENCES totp ON DELETE CASCADE,
    -- SHA-256; the codes are long and random, so it needs no salt.
    hash    bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (user_id, hash)
);

CREATE TABLE api_keys (
    id           uuid        PRIMARY KEY,
    user_id      uuid        NOT NULL REFERENCES accounts ON DELETE CASCADE,
    name         text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 64),
    -- The part of the key that is shown later.
    prefix       text        NOT NULL,
    -- SHA-256 of the whole key, which has 256 random bits.
    hash         bytea       NOT NULL CHECK (octet_length(hash) = 32),
    scopes       text[]      NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    -- To about a minute.
    last_used_at timestamptz,
    revoked_at   timestamptz
);

CREATE UNIQUE INDEX api_keys_hash_key ON api_keys (hash);
CREATE INDEX api_keys_user_id_idx ON api_keys (user_id);
CREATE INDEX api_keys_revoked_at_idx ON api_keys (revoked_at) WHERE revoked_at IS NOT NULL;

-- A user's facts are delivered in this order. It is that of their commits, since whoever adds one holds the user's row
-- in `chains`.
ALTER TABLE outbox ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY;

CREATE INDEX outbox_user_id_number_idx ON outbox (user_id, number);

-- How far a user's chain is known: the next fact of theirs stands after this seq. No foreign key: facts outlive accounts.
CREATE TABLE chains (
    user_id  uuid   PRIMARY KEY,
    told_seq bigint NOT NULL DEFAULT 0
);
