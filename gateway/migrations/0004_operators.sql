-- Who may look into the log and mend the read models: the scope `admin`. Runs with search_path = identity.

ALTER TABLE accounts
    ADD COLUMN operator boolean NOT NULL DEFAULT false,
    -- Whoever has no password can't sign in again, so nothing could end what they were given.
    ADD CONSTRAINT accounts_operator CHECK (NOT (operator AND guest));
