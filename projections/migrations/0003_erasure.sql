-- What the log says of an invite is a hash of its code (voxlog_core::room::InviteId). The same hash as there, so nothing
-- is to be read anew.
ALTER TABLE invites RENAME COLUMN code TO id;
UPDATE invites SET id = translate(rtrim(encode(substr(sha256(convert_to('voxlog invite', 'UTF8') || '\x00'::bytea
    || convert_to(id, 'UTF8')), 1, 16), 'base64'), '='), '+/', '-_');
ALTER INDEX invites_by_code RENAME TO invites_by_id;

-- Those of whom nothing else stands here.
CREATE TABLE erased_users (
    id        uuid        PRIMARY KEY,
    erased_at timestamptz NOT NULL
);
CREATE INDEX messages_by_author ON messages (author_id);
CREATE INDEX reactions_by_user ON reactions (user_id);
-- Requests are listed by room; of one user they are few, and asked for when the user is erased.
CREATE INDEX requests_by_user ON requests (user_id);
