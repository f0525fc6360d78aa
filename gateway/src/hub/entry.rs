//! An event on its way to sockets, encoded at most once per encoding.

use std::sync::{Arc, OnceLock};

use axum::extract::ws::Utf8Bytes;
use bytes::Bytes;
use voxlog_core::{
    id::RoomId,
    position::{Class, Seq},
};

use crate::protocol::codec;

/// An event of a room as every socket of the room gets it. Shared, never copied per socket.
#[derive(Debug)]
pub struct Entry {
    /// Which room.
    pub room: RoomId,
    /// Which of its chains.
    pub class: Class,
    /// Where in the log.
    pub seq: Seq,
    /// The seq before it on its chain.
    pub prev: Seq,
    /// The CloudEvent as stored.
    pub event: Bytes,
    json: OnceLock<Utf8Bytes>,
    msgpack: OnceLock<Bytes>,
}

impl Entry {
    /// An event that nobody has asked for yet: nothing is encoded.
    pub fn new(room: RoomId, class: Class, seq: Seq, prev: Seq, event: Bytes) -> Arc<Self> {
        Arc::new(Self { room, class, seq, prev, event, json: OnceLock::new(), msgpack: OnceLock::new() })
    }

    /// The `event` frame as text; the stored bytes stand in it undecoded.
    pub fn json(&self) -> Utf8Bytes {
        self.json.get_or_init(|| codec::event_json(self)).clone()
    }

    /// The `event` frame as MessagePack.
    pub fn msgpack(&self) -> Bytes {
        self.msgpack.get_or_init(|| codec::event_msgpack(self)).clone()
    }
}
