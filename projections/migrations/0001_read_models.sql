-- The read models. Every name is unqualified: the connection's search_path says which schema they stand in, so that a
-- rebuild can fill the same tables beside the live ones. No types of our own for the same reason: a swapped schema must
-- not change the types that a prepared statement was made with. No foreign keys and no uniqueness beyond what the log
-- itself promises: a fact is never refused here.

CREATE TABLE users (
    id            uuid        PRIMARY KEY,
    username      text        NOT NULL,
    registered_at timestamptz NOT NULL
);

CREATE TABLE rooms (
    id          uuid        PRIMARY KEY,
    code        text        NOT NULL,
    name        text        NOT NULL,
    description text        NOT NULL,
    owner_id    uuid        NOT NULL,
    max_users   integer     NOT NULL,
    settings    jsonb       NOT NULL,
    is_public   boolean     NOT NULL,
    records     boolean     NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    archived_at timestamptz,
    seq         bigint      NOT NULL
);
CREATE INDEX rooms_by_code ON rooms (code);
CREATE INDEX rooms_public ON rooms (created_at, id) WHERE is_public AND archived_at IS NULL;

-- seq is that of the event by which the member took the seat: the order of joining.
CREATE TABLE members (
    room_id   uuid        NOT NULL,
    user_id   uuid        NOT NULL,
    role      text        NOT NULL,
    joined_at timestamptz NOT NULL,
    seq       bigint      NOT NULL,
    PRIMARY KEY (room_id, user_id)
);
CREATE INDEX members_by_joining ON members (room_id, seq);
CREATE INDEX members_by_user ON members (user_id);

CREATE TABLE mutes (
    room_id  uuid        NOT NULL,
    user_id  uuid        NOT NULL,
    until    timestamptz,
    reason   text,
    actor_id uuid        NOT NULL,
    muted_at timestamptz NOT NULL,
    PRIMARY KEY (room_id, user_id)
);

CREATE TABLE bans (
    room_id   uuid        NOT NULL,
    user_id   uuid        NOT NULL,
    until     timestamptz,
    reason    text,
    actor_id  uuid        NOT NULL,
    banned_at timestamptz NOT NULL,
    seq       bigint      NOT NULL,
    PRIMARY KEY (room_id, user_id)
);
CREATE INDEX bans_by_time ON bans (room_id, seq);

-- A message's id is unique in its room only: a client may use the same one in another room.
CREATE TABLE messages (
    room_id     uuid        NOT NULL,
    id          uuid        NOT NULL,
    seq         bigint      NOT NULL,
    author_id   uuid        NOT NULL,
    content     text        NOT NULL,
    kind        text        NOT NULL,
    reply_to    uuid,
    thread_root uuid,
    recorded    boolean     NOT NULL,
    posted_at   timestamptz NOT NULL,
    edited_at   timestamptz,
    deleted_at  timestamptz,
    PRIMARY KEY (room_id, id)
);
CREATE UNIQUE INDEX messages_by_seq ON messages (room_id, seq);
CREATE INDEX messages_by_thread ON messages (room_id, thread_root, seq) WHERE thread_root IS NOT NULL;
CREATE INDEX messages_by_id ON messages (id);

CREATE TABLE reactions (
    room_id    uuid        NOT NULL,
    message_id uuid        NOT NULL,
    emoji      text        NOT NULL,
    user_id    uuid        NOT NULL,
    seq        bigint      NOT NULL,
    added_at   timestamptz NOT NULL,
    PRIMARY KEY (room_id, message_id, emoji, user_id)
);

CREATE TABLE pins (
    room_id    uuid        NOT NULL,
    message_id uuid        NOT NULL,
    actor_id   uuid        NOT NULL,
    seq        bigint      NOT NULL,
    pinned_at  timestamptz NOT NULL,
    PRIMARY KEY (room_id, message_id)
);
CREATE INDEX pins_by_seq ON pins (room_id, seq);

-- Up to where each partition of the log has been applied. Moved in the transaction that wrote the rows, never outside.
CREATE TABLE checkpoints (
    partition  integer     PRIMARY KEY,
    seq        bigint      NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- Events that could not be applied, and those that wait behind one of the same owner: a room, or a user (class user).
CREATE TABLE parked_events (
    partition integer     NOT NULL,
    seq       bigint      NOT NULL,
    owner     uuid        NOT NULL,
    class     text        NOT NULL,
    type      text        NOT NULL,
    error     text        NOT NULL,
    payload   bytea       NOT NULL,
    stored_at timestamptz NOT NULL,
    attempts  integer     NOT NULL DEFAULT 1,
    parked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partition, seq)
);
CREATE INDEX parked_by_owner ON parked_events (partition, owner, seq);
