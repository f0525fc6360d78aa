//! What a client is sent. Events travel beside these: an [`Entry`](crate::hub::Entry) encodes itself once for all.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Serialize, Serializer, ser::SerializeSeq};
use serde_json::{Value, value::RawValue};
use voxlog_core::{
    call,
    clock::Time,
    envelope::Envelope,
    id::{CallId, MessageId, RoomId, SessionId, UserId},
    position::{Class, Heads, Seq},
    presence::Shown,
    room::{InviteId, View},
};

use super::{BadFrame, FrameId, codec};
use crate::{
    close::Close,
    config::Limits,
    error::{Code, Failure, FieldError},
    hub::{Done, Entry, Opening, UserEntry},
    voice::JoinToken,
};

/// A frame for a client.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "op", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum ServerFrame {
    /// The answer to `hello`.
    Welcome {
        /// Which frame it answers.
        id: FrameId,
        /// Names this connection; `hello` may `resume` it on another socket.
        session: SessionId,
        /// Whether it goes on with the session that the client asked for.
        resumed: bool,
        /// Who the client is.
        user: UserId,
        /// How often `heads` come, in milliseconds. Who is silent for two of them is closed.
        heartbeat_ms: u64,
        /// What the client may ask for.
        limits: Limits,
    },
    /// The answer to `subscribe`. What was missed follows in `event` frames.
    Subscribed {
        /// Which frame it answers.
        id: FrameId,
        /// Which room.
        room: RoomId,
        /// Whether everything after the client's cursor follows.
        recovered: bool,
        /// Why not, when there was a cursor: `cursor_ahead` or `not_recorded`.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'static str>,
        /// The last seq of each class at `state`.
        heads: Heads,
        /// The room as it is at `heads`, and who is there now.
        state: Box<RoomNow>,
    },
    /// A command was carried out, or its wish was true already.
    Ack(Ack),
    /// Something was not done.
    Error {
        /// Which frame it answers, where that could be read.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<FrameId>,
        /// Which subscription ended, when it answers no frame.
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<RoomId>,
        /// Why.
        code: Code,
        /// One sentence for people.
        detail: String,
        /// When trying again makes sense, in milliseconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
        /// Which fields are wrong.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        errors: Vec<FieldError>,
    },
    /// The answer to `history`.
    Page {
        /// Which frame it answers.
        id: FrameId,
        /// Which room.
        room: RoomId,
        /// Which of its chains.
        class: Class,
        /// Oldest first.
        #[serde(serialize_with = "as_stored")]
        #[schemars(with = "Vec<Stored<Envelope>>")]
        events: Vec<Arc<Entry>>,
        /// Whether there may be more in the direction that was asked for.
        has_more: bool,
    },
    /// The answer to `ping`.
    Pong {
        /// Which frame it answers.
        id: FrameId,
    },
    /// Every heartbeat, for each room that is not being caught up: everything up to here has been sent before this.
    Heads {
        /// The last seqs, by room.
        rooms: BTreeMap<RoomId, Heads>,
    },
    /// Something that concerns the client's user, wherever it happened: an event of their own chain, one that changes
    /// what they are in a room, a message that mentions them. A notice: it has no `prev`, and is not sent again after a
    /// reconnect or a `lagging`.
    User {
        /// The room where it happened; absent for an event of the user's own chain.
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<RoomId>,
        /// Which of the room's chains; `ctl` for the user's own.
        class: Class,
        /// Where it stands, in the partition of the room or of the user.
        seq: Seq,
        /// What happened.
        #[serde(serialize_with = "verbatim")]
        #[schemars(with = "Envelope")]
        event: Bytes,
    },
    /// Members of a room are there in another way now. At most four a second a room.
    Presence {
        /// Which room.
        room: RoomId,
        /// It names everybody who is not offline: who is not in it is.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        full: bool,
        /// How they are there now.
        members: Vec<Present>,
    },
    /// Who is typing in a room now. At most four a second a room.
    Typing {
        /// Which room.
        room: RoomId,
        /// All of them.
        users: Vec<UserId>,
    },
    /// Who is speaking in a room's call now. At most four a second a room.
    Speaking {
        /// Which room.
        room: RoomId,
        /// All of their devices.
        sessions: Vec<SessionId>,
    },
    /// Another device in a call tells yours how to reach it. Sent again after a `resume` unless the client says that it
    /// has got it: drop what is not beyond the last `seq` that you have.
    Signal {
        /// Ascends for each session.
        seq: Seq,
        /// Whose call.
        room: RoomId,
        /// Of which call both are.
        call_id: CallId,
        /// Who tells it.
        from: Device,
        /// As it was sent.
        data: Value,
    },
    /// The token will expire soon: say `hello` again with a new one of the same user, or the socket is closed then.
    Token {
        /// How soon, in milliseconds.
        expires_in_ms: u64,
    },
    /// The client was too slow. What follows comes from the log, nothing is skipped.
    Lagging {},
    /// The client is back where everybody else is.
    CaughtUp {},
    /// The server will close this socket.
    Closing {
        /// With which close code.
        code: u16,
        /// When to connect again, in milliseconds; spread, so that not all come at once.
        reconnect_after_ms: u64,
    },
}

/// A room as it is, and who is there now.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RoomNow {
    /// The room itself.
    #[serde(flatten)]
    pub room: View,
    /// Who is there, and who is typing and speaking.
    #[serde(flatten)]
    pub ambience: Ambience,
    /// Its call, when one goes on.
    pub call: Option<call::Ongoing>,
}

/// Who is there in a room now, and what they are doing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Ambience {
    /// The members who are not offline.
    pub presence: Vec<Present>,
    /// Who is typing.
    pub typing: Vec<UserId>,
    /// The devices in its call whose users are speaking.
    pub speaking: Vec<SessionId>,
}

/// How a member is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Present {
    /// Who.
    pub user_id: UserId,
    /// How others see them.
    #[serde(flatten)]
    pub shown: Shown,
}

/// One device of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    /// Which.
    pub session: SessionId,
    /// Whose.
    pub user_id: UserId,
}

/// A server by which devices find a way to each other (W3C's `RTCIceServer`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct IceServer {
    /// Where: `stun:…`, `turn:…` or `turns:…`.
    pub urls: Vec<String>,
    /// For `turn` and `turns`: good for some hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// That goes with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ack {
    /// Which frame it answers.
    pub id: FrameId,
    /// Which room it was about, if it was about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomId>,
    /// Where the event stands; absent when nothing went to the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<Seq>,
    /// The message that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// When it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// It was there already, from an earlier attempt.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub duplicate: bool,
    /// By which others join: of the room that was opened, or of the invite that was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The invite that was made: what it is called from now on, since its code is shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invite_id: Option<InviteId>,
    /// You have no seat yet: an admin is asked first.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub requested: bool,
    /// The call that was joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<call::Ongoing>,
    /// By which the devices in it find a way to each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ice_servers: Option<Vec<IceServer>>,
    /// What lets a device into the call.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub join_token: Option<JoinToken>,
}

impl Ack {
    /// Nothing went to the log, and it was about no room.
    pub fn new(id: FrameId) -> Self {
        Self {
            id,
            room: None,
            seq: None,
            message_id: None,
            time: None,
            duplicate: false,
            code: None,
            invite_id: None,
            requested: false,
            call: None,
            ice_servers: None,
            join_token: None,
        }
    }

    /// Nothing went to the log.
    pub fn about(id: FrameId, room: RoomId) -> Self {
        Self { room: Some(room), ..Self::new(id) }
    }

    /// A command was carried out.
    pub fn of(id: FrameId, done: &Done) -> Self {
        let Done { duplicate, requested, .. } = *done;
        Self { seq: Some(done.position.seq), duplicate, requested, ..Self::about(id, done.room) }
    }
}

impl ServerFrame {
    /// A room was opened for a client.
    pub fn subscribed(id: FrameId, room: RoomId, opening: Opening) -> Self {
        let Opening { recovered, reason, heads, state, from: _, told: _ } = opening;
        Self::Subscribed { id, room, recovered, reason, heads, state: Box::new(state) }
    }

    /// A frame was not carried out.
    pub fn refused(id: Option<FrameId>, failure: Failure) -> Self {
        Self::error(id, None, failure)
    }

    /// A subscription has ended by itself.
    pub fn ended(room: RoomId, failure: Failure) -> Self {
        Self::error(None, Some(room), failure)
    }

    /// Something concerns the client's user.
    pub fn user(entry: &UserEntry) -> Self {
        let UserEntry { room, class, seq, event } = entry;
        Self::User { room: *room, class: *class, seq: *seq, event: event.clone() }
    }

    /// The socket will be closed.
    pub fn closing(close: Close, reconnect_after: Duration) -> Self {
        Self::Closing { code: close.code(), reconnect_after_ms: millis(reconnect_after) }
    }

    fn error(id: Option<FrameId>, room: Option<RoomId>, failure: Failure) -> Self {
        let Failure { code, detail, retry_after, errors } = failure;
        let (detail, retry_after_ms) = (detail.into_owned(), retry_after.map(millis));
        Self::Error { id, room, code, detail, retry_after_ms, errors }
    }
}

impl From<BadFrame> for ServerFrame {
    fn from(bad: BadFrame) -> Self {
        Self::refused(bad.id, bad.failure)
    }
}

/// A span as a frame tells it, rounded up: who waits that long has waited long enough.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// An event as the log has it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "StoredEvent")]
struct Stored<T> {
    /// Where it stands.
    seq: Seq,
    /// Where the one before it stands, in the same chain.
    prev: Seq,
    /// What happened.
    event: T,
}

fn as_stored<S: Serializer>(entries: &[Arc<Entry>], serializer: S) -> Result<S::Ok, S::Error> {
    let verbatim = serializer.is_human_readable();
    let mut list = serializer.serialize_seq(Some(entries.len()))?;
    for entry in entries {
        let (seq, prev) = (entry.seq, entry.prev);
        // Only JSON can carry the stored bytes as they are.
        match serde_json::from_slice::<&RawValue>(&entry.event) {
            Ok(event) if verbatim => list.serialize_element(&Stored { seq, prev, event })?,
            _ => list.serialize_element(&Stored { seq, prev, event: codec::event_value(entry) })?,
        }
    }
    list.end()
}

/// An event as it is stored. Only JSON can carry the bytes as they are.
fn verbatim<S: Serializer>(event: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    match serde_json::from_slice::<&RawValue>(event) {
        Ok(event) if serializer.is_human_readable() => event.serialize(serializer),
        _ => serde_json::from_slice::<Value>(event).unwrap_or_default().serialize(serializer),
    }
}
