-- What the whole API asks for: profiles, requests, invites, mentions, read markers, search.
--
-- It is made from events that were applied long ago, and search terms are made by Rust alone. So the tables begin anew:
-- without checkpoints the projectors read the log from its first event. Whoever reads meanwhile sees the tables fill.
TRUNCATE users, rooms, members, mutes, bans, messages, reactions, pins, checkpoints, parked_events;

-- name_key is the username in lower case, by which people are listed; by code point, so that no locale matters.
ALTER TABLE users
    ADD COLUMN name_key     text COLLATE "C" NOT NULL,
    ADD COLUMN display_name text,
    ADD COLUMN avatar_url   text,
    ADD COLUMN guest        boolean          NOT NULL,
    ADD COLUMN terms        tsvector         NOT NULL;
CREATE INDEX users_by_name ON users (name_key, id);
CREATE INDEX users_by_terms ON users USING gin (terms);

-- A user's rooms are listed by id, which is by age: ids are UUIDs of version 7.
DROP INDEX members_by_user;
CREATE INDEX members_by_user ON members (user_id, room_id);

-- Who asks for a seat and waits for an answer.
CREATE TABLE requests (
    room_id      uuid        NOT NULL,
    user_id      uuid        NOT NULL,
    role         text        NOT NULL,
    requested_at timestamptz NOT NULL,
    seq          bigint      NOT NULL,
    PRIMARY KEY (room_id, user_id)
);
CREATE INDEX requests_by_time ON requests (room_id, seq);

-- Those that are neither revoked nor used up.
CREATE TABLE invites (
    room_id    uuid        NOT NULL,
    code       text        NOT NULL,
    max_uses   bigint,
    uses       bigint      NOT NULL,
    expires_at timestamptz,
    creator_id uuid        NOT NULL,
    created_at timestamptz NOT NULL,
    seq        bigint      NOT NULL,
    PRIMARY KEY (room_id, code)
);
CREATE INDEX invites_by_code ON invites (code);
CREATE INDEX invites_by_time ON invites (room_id, seq);

-- terms is what a search compares; NULL where there is nothing to be found. The unread messages of a room are counted
-- in messages_unread alone, and the newest hits of a room are found by walking messages_by_time.
ALTER TABLE messages ADD COLUMN terms tsvector;
CREATE INDEX messages_by_terms ON messages USING gin (terms);
CREATE INDEX messages_by_time ON messages (room_id, posted_at, seq) WHERE terms IS NOT NULL;
CREATE INDEX messages_unread ON messages (room_id, seq) INCLUDE (author_id) WHERE recorded AND deleted_at IS NULL;

-- Whom a message that stands mentions; seq is the message's, place that among its mentions.
CREATE TABLE mentions (
    room_id    uuid    NOT NULL,
    message_id uuid    NOT NULL,
    user_id    uuid    NOT NULL,
    place      integer NOT NULL,
    seq        bigint  NOT NULL,
    PRIMARY KEY (room_id, message_id, user_id)
);
CREATE INDEX mentions_of ON mentions (user_id, room_id, seq);

-- Up to where a user has read a room. Owned by the user's chain; seq is one of the room's.
CREATE TABLE markers (
    user_id uuid   NOT NULL,
    room_id uuid   NOT NULL,
    seq     bigint NOT NULL,
    PRIMARY KEY (user_id, room_id)
);
