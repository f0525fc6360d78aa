//! What is true only now: who is there, who is typing, who is speaking, what devices of a call tell each other.
//!
//! It is told beside the log (see [`bus`](crate::bus)) and on no chain: nobody decides on it, and nothing is lost when it
//! is forgotten. On the wire it is an event like the others.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    id::{CallId, NodeId, RoomId, SessionId, UserId},
    presence::Status,
};

/// What is the case now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data", rename_all_fields = "camelCase")]
pub enum Event {
    /// How one device of a user is there. About the user. The last one of a session counts.
    #[serde(rename = "voxlog.presence.changed.v1")]
    PresenceChanged {
        /// Whose device.
        user_id: UserId,
        /// Which.
        session: SessionId,
        /// The gateway whose lease vouches for it.
        node: NodeId,
        /// How often the session was resumed: whoever holds it with a smaller number holds it no longer.
        epoch: u32,
        /// How it wants to be seen.
        status: Status,
        /// The room whose call it is in, or about to join.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<RoomId>,
    },
    /// Somebody is typing. About the room. It is over after some seconds unless it is told again.
    #[serde(rename = "voxlog.typing.started.v1")]
    TypingStarted {
        /// Who.
        user_id: UserId,
    },
    /// Somebody is typing no more. About the room.
    #[serde(rename = "voxlog.typing.stopped.v1")]
    TypingStopped {
        /// Who.
        user_id: UserId,
    },
    /// Somebody in a call began to speak, or is silent again. About the room.
    #[serde(rename = "voxlog.speaking.changed.v1")]
    SpeakingChanged {
        /// Whose device.
        user_id: UserId,
        /// Which.
        session: SessionId,
        /// Whether it is heard now.
        speaking: bool,
    },
    /// A device in a call told another one how to reach it: a session description or an ICE candidate. About the room.
    #[serde(rename = "voxlog.signal.sent.v1")]
    SignalSent {
        /// Of which call both are.
        call_id: CallId,
        /// Whose device told it.
        user_id: UserId,
        /// Which.
        from: SessionId,
        /// Whom it is for.
        to: SessionId,
        /// What Voxlog passes on unread.
        data: Value,
    },
}

impl Event {
    /// The types of all variants.
    pub const TYPES: [&str; 5] = [
        "voxlog.presence.changed.v1",
        "voxlog.typing.started.v1",
        "voxlog.typing.stopped.v1",
        "voxlog.speaking.changed.v1",
        "voxlog.signal.sent.v1",
    ];
}
