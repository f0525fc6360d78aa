-- Who is being erased, and how far that is. What stood of them elsewhere in this schema is gone with the row of their
-- account; this one stays, so that a gateway that starts later knows whose tokens are good for nothing.
-- Runs with search_path = identity.

CREATE TABLE erasures (
    user_id  uuid        PRIMARY KEY,
    asked_at timestamptz NOT NULL,
    stage    text        NOT NULL CHECK (stage IN ('leaving', 'deleting', 'watching', 'done')),
    -- When somebody is to go on with it. Whoever does puts it off first, so that no two do the same.
    due_at   timestamptz NOT NULL,
    -- Up to where each partition of the log has been looked through.
    scanned  jsonb       NOT NULL DEFAULT '{}'
);

CREATE INDEX erasures_due_at_idx ON erasures (due_at) WHERE stage <> 'done';
CREATE INDEX erasures_asked_at_idx ON erasures (asked_at);
