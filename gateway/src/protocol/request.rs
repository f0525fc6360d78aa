//! What a client may ask for.

use voxlog_core::{
    id::{MessageId, RoomId},
    message,
    position::{Class, Cursor, Seq},
    room,
};

use crate::{
    identity::Secret,
    shapes::{NewInvite, NewRoom, Posting},
};

/// What a frame asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Says who is there. The first frame, and again whenever the token is renewed.
    Hello {
        /// An access token, unless the upgrade had one.
        token: Option<Secret>,
    },
    /// Asks for a room's events from now on, and for what was missed.
    Subscribe {
        /// Which room.
        room: RoomId,
        /// What the client has already.
        cursor: Option<Cursor>,
    },
    /// Wants nothing more of a room.
    Unsubscribe {
        /// Which room.
        room: RoomId,
    },
    /// Wants something done.
    Command(Command),
    /// Reads a page of a room's log.
    History {
        /// Which room.
        room: RoomId,
        /// Which of its chains.
        class: Class,
        /// Events after this seq.
        after: Option<Seq>,
        /// Events before this seq. With neither, the last ones.
        before: Option<Seq>,
        /// How many at most, 1 to 200.
        limit: usize,
    },
    /// Asks whether anybody is there.
    Ping,
}

/// What a client wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Opens a room.
    CreateRoom(NewRoom),
    /// Joins the room that a code belongs to.
    JoinByCode(String),
    /// Does something to a room or its members.
    Room(RoomId, room::Command),
    /// Gives a room a code that nothing else has.
    NewCode(RoomId),
    /// Makes an invite under a code that nothing else has.
    Invite(RoomId, NewInvite),
    /// Writes a message.
    Post(RoomId, Posting),
    /// Does something to a message.
    Message(RoomId, MessageId, message::Command),
    /// Tells how far a room has been read.
    MarkRead(RoomId, Seq),
}
