//! The two encodings of frames: JSON as text, MessagePack with named fields as bytes. They mean the same.

use std::io::Cursor;

use axum::extract::ws::{Message, Utf8Bytes};
use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use voxlog_core::{
    envelope::Envelope,
    id::RoomId,
    position::{Class, Seq},
};

use super::{BadFrame, ClientFrame, ServerFrame, tree::Tree};
use crate::{
    error::{Code, Failure},
    hub::Entry,
};

/// What a socket speaks, as its subprotocol says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// `voxlog.v1.json`: each frame a text.
    #[default]
    Json,
    /// `voxlog.v1.msgpack`: each frame binary.
    Msgpack,
}

impl Encoding {
    /// Both, in the order of preference when a client offers both.
    pub const ALL: [Self; 2] = [Self::Msgpack, Self::Json];

    /// The name in `Sec-WebSocket-Protocol`.
    pub const fn subprotocol(self) -> &'static str {
        match self {
            Self::Json => "voxlog.v1.json",
            Self::Msgpack => "voxlog.v1.msgpack",
        }
    }

    /// A frame as it goes on the wire.
    pub fn encode(self, frame: &ServerFrame) -> Message {
        match self {
            Self::Json => Message::Text(json(frame).into()),
            Self::Msgpack => Message::Binary(msgpack(frame).into()),
        }
    }

    /// An event as it goes on the wire.
    pub fn event(self, entry: &Entry) -> Message {
        match self {
            Self::Json => Message::Text(entry.json()),
            Self::Msgpack => Message::Binary(entry.msgpack()),
        }
    }

    /// Reads what came as text.
    pub fn read_text(self, text: &str) -> Result<ClientFrame, BadFrame> {
        match self {
            Self::Json => read_json(text),
            Self::Msgpack => Err(wrong_kind("this socket speaks MessagePack, in binary frames")),
        }
    }

    /// Reads what came as bytes.
    pub fn read_binary(self, bytes: &[u8]) -> Result<ClientFrame, BadFrame> {
        match self {
            Self::Json => Err(wrong_kind("this socket speaks JSON, in text frames")),
            Self::Msgpack => read_msgpack(bytes),
        }
    }
}

/// The `event` frame as text. The stored bytes stand in it as they are.
pub fn event_json(entry: &Entry) -> Utf8Bytes {
    let Entry { room, class, seq, prev, event, .. } = entry;
    let event = std::str::from_utf8(event).unwrap_or_else(|_| {
        tracing::error!(room.id = %room, stream.seq = seq.0, "a stored event is no text");
        "null"
    });
    let class = class.as_str();
    format!(r#"{{"op":"event","room":"{room}","class":"{class}","seq":{seq},"prev":{prev},"event":{event}}}"#).into()
}

/// Something has happened in a room. The client's own doings come back too, in their place.
#[derive(Serialize, JsonSchema)]
pub(super) struct EventFrame {
    #[schemars(extend("const" = "event"))]
    op: &'static str,
    /// Which room.
    room: RoomId,
    /// Which of its chains.
    class: Class,
    /// Where it stands.
    seq: Seq,
    /// Where the one before it stands, in the same chain.
    prev: Seq,
    /// What happened, as the log has it.
    #[schemars(with = "Envelope")]
    event: Value,
}

/// The `event` frame as MessagePack.
pub fn event_msgpack(entry: &Entry) -> Bytes {
    let &Entry { room, class, seq, prev, .. } = entry;
    msgpack(&EventFrame { op: "event", room, class, seq, prev, event: event_value(entry) }).into()
}

/// A stored event as values; null if it is no JSON, which nobody who may write to the log ever writes.
pub(super) fn event_value(entry: &Entry) -> Value {
    serde_json::from_slice(&entry.event).unwrap_or_else(|error| {
        tracing::error!(room.id = %entry.room, stream.seq = entry.seq.0, %error, "a stored event is no JSON");
        Value::Null
    })
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("frames have only text keys")
}

fn msgpack(value: &impl Serialize) -> Vec<u8> {
    rmp_serde::to_vec_named(value).expect("frames are not nested deeper than the encoder goes")
}

fn read_json(text: &str) -> Result<ClientFrame, BadFrame> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let tree = Tree::read(&mut reader).and_then(|tree| reader.end().map(|()| tree));
    ClientFrame::from_tree(tree.map_err(|error| BadFrame::unreadable(&error))?)
}

fn read_msgpack(bytes: &[u8]) -> Result<ClientFrame, BadFrame> {
    let mut reader = rmp_serde::Deserializer::new(Cursor::new(bytes));
    let tree = Tree::read(&mut reader).map_err(|error| BadFrame::unreadable(&error))?;
    if reader.position() != bytes.len() as u64 {
        return Err(BadFrame::unreadable(&"something follows the first value"));
    }
    ClientFrame::from_tree(tree)
}

fn wrong_kind(detail: &'static str) -> BadFrame {
    BadFrame { id: None, failure: Failure::new(Code::Invalid, detail) }
}
