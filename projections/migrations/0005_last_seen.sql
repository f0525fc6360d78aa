-- When somebody was last there, as far as others could see. It comes of PRESENCE, which keeps the last records only, so no
-- log brings it back: a rebuild carries the rows over.
CREATE TABLE last_seen (
    user_id uuid        PRIMARY KEY,
    at      timestamptz NOT NULL
);
