//! What a client may ask for.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use voxlog_core::{
    call::Media,
    id::{MessageId, RoomId, SessionId, UserId},
    message,
    position::{Class, Cursor, Seq},
    presence::Status,
    room,
};

use crate::{
    identity::Secret,
    shapes::{CallUpdate, NewInvite, NewRoom, Posting},
};

/// What a frame asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Says who is there. The first frame, and again whenever the token is renewed.
    Hello {
        /// An access token, unless the upgrade had one.
        token: Option<Secret>,
        /// How the client wants to be seen; online unless it says otherwise.
        presence: Option<Status>,
        /// The session that it wants to go on with.
        resume: Option<Resume>,
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
    /// Wants a token that lets a device into a room's call.
    JoinToken {
        /// Whose call.
        room: RoomId,
        /// For whom; without it, for the asker.
        whom: Option<UserId>,
    },
    /// Asks whether anybody is there.
    Ping,
}

/// A session that a client wants to go on with on another socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// As `welcome` named it.
    pub session: SessionId,
    /// The last signal that the client has got; those after it are sent again.
    #[serde(default)]
    pub signals: Seq,
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
    /// Tells how the client wants to be seen.
    ShowAs(Status),
    /// Tells that the user is typing, or no more.
    Type(RoomId, bool),
    /// Takes a place in a room's call.
    JoinCall(RoomId, Media),
    /// Changes what others of a call hear and see, or tells whether the user is speaking.
    UpdateCall(RoomId, CallUpdate),
    /// Gives the place in a room's call up.
    LeaveCall(RoomId),
    /// Ends a room's call for everybody.
    EndCall(RoomId),
    /// Tells another device in a room's call how to reach this one.
    Signal {
        /// Whose call.
        room: RoomId,
        /// Whom it is for.
        to: SessionId,
        /// What Voxlog passes on unread.
        data: Value,
    },
}
