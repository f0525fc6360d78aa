//! What a session wants done, and what it is told of it.

use std::sync::Arc;

use voxlog_core::{
    id::{MessageId, RoomId, SessionId, UserId},
    position::{Class, Cursor, Heads, Seq},
    presence::Status,
};

use super::Line;
use crate::{
    calls::Joined,
    close::Close,
    hub::{Done, Entry, Opening},
    identity::{Caller, Secret},
    protocol::{Command, FrameId, Resume, ServerFrame},
    rest::room_code::Coded,
    voice::JoinToken,
};

/// Something that the loop around a session must do, in the order in which the session says it.
#[derive(Debug)]
pub enum Effect {
    /// Write a frame.
    Send(ServerFrame),
    /// Find out whose token this is and tell [`Session::authenticated`](super::Session::authenticated), before the
    /// next frame is read.
    Authenticate {
        /// The `hello` that had it.
        id: FrameId,
        /// The access token, or the API key.
        token: Secret,
        /// How the client wants to be seen, if it said so.
        presence: Option<Status>,
        /// The session that it wants to go on with.
        resume: Option<Resume>,
    },
    /// Carry this out and tell [`Session::completed`](super::Session::completed), whatever came of it.
    Run {
        /// Names it; nothing else of the line is under way.
        line: Line,
        /// The frame that asked for it.
        id: FrameId,
        /// Who asks, and by what.
        caller: Caller,
        /// From which of their devices.
        session: SessionId,
        /// What to do.
        work: Work,
    },
    /// Send the room's events from here on.
    Open {
        /// Which room.
        room: RoomId,
        /// After these seqs.
        from: Heads,
        /// What the client knows of what is true only now.
        told: u64,
    },
    /// Send nothing more of a room.
    Forget(RoomId),
    /// Send the rooms' `heads`, and a ping of the WebSocket protocol.
    Beat,
    /// Close the socket. The last effect of every session.
    Close(Close),
}

/// Something to carry out on the hub.
#[derive(Debug, PartialEq, Eq)]
pub enum Work {
    /// Look whether the room may be read, and what it looks like.
    Subscribe(RoomId, Option<Cursor>),
    /// End a subscription. Never leaves the session; it only stands in line like the rest.
    Unsubscribe(RoomId),
    /// Carry out a command.
    Command(Command),
    /// Make a token that lets a device into a room's call.
    JoinToken {
        /// Whose call.
        room: RoomId,
        /// For whom; without it, for the asker.
        whom: Option<UserId>,
    },
    /// Read a page of the log.
    History {
        /// Which room.
        room: RoomId,
        /// Which of its chains.
        class: Class,
        /// Events after this seq.
        after: Option<Seq>,
        /// Events before this seq.
        before: Option<Seq>,
        /// How many at most.
        limit: usize,
    },
}

/// What came of some work.
#[derive(Debug)]
pub enum Answer {
    /// The room may be read.
    Opening(Box<Opening>),
    /// A command about a room, or about a message that was there.
    Done(Done),
    /// A message was written.
    Posted(MessageId, Done),
    /// A room, or a way into one, has this code now.
    Coded(Coded, Done),
    /// The client is seen as it wants.
    Shown,
    /// Something lets a device into this room's call.
    Admits(RoomId, JoinToken),
    /// It is known how far this room has been read.
    Marked(RoomId),
    /// A device has a place in a call.
    Joined(Box<Joined>),
    /// A page of the log, oldest first.
    Page {
        /// Which room.
        room: RoomId,
        /// Which of its chains.
        class: Class,
        /// What was read.
        events: Vec<Arc<Entry>>,
        /// Whether there may be more in the direction that was asked for.
        has_more: bool,
    },
}

/// Somebody whose token opens a session, or keeps it open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LetIn {
    /// Who.
    pub who: Caller,
    /// The session that they go on with, if it is not this one.
    pub resumed: Option<SessionId>,
}

impl From<Caller> for LetIn {
    fn from(who: Caller) -> Self {
        Self { who, resumed: None }
    }
}

/// Why a token does not open a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotLetIn {
    /// It does not verify.
    Refused(crate::error::Failure),
    /// Its user has too many sockets open on this node.
    Crowded,
}
