-- The calls of rooms. No log has events of calls from before this version, so nothing is to be read anew.

-- seq is the event that began it: the list's order, and what a stay refers to.
CREATE TABLE calls (
    room_id    uuid        NOT NULL,
    seq        bigint      NOT NULL,
    id         uuid        NOT NULL,
    started_by uuid        NOT NULL,
    started_at timestamptz NOT NULL,
    seats      integer     NOT NULL,
    ended_at   timestamptz,
    PRIMARY KEY (room_id, seq)
);
-- A room has one call at most, which is found at every event of its members.
CREATE UNIQUE INDEX calls_ongoing ON calls (room_id) WHERE ended_at IS NULL;

-- One row for every time that a device was in a call; seq is the event by which it joined.
CREATE TABLE call_stays (
    room_id   uuid        NOT NULL,
    call_seq  bigint      NOT NULL,
    seq       bigint      NOT NULL,
    session   uuid        NOT NULL,
    user_id   uuid        NOT NULL,
    joined_at timestamptz NOT NULL,
    left_at   timestamptz,
    PRIMARY KEY (room_id, call_seq, seq)
);
CREATE INDEX call_stays_ongoing ON call_stays (room_id) WHERE left_at IS NULL;
