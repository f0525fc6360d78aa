//! The answer to a write.

use serde::Serialize;
use voxlog_core::{
    clock::Time,
    id::{MessageId, RoomId},
    position::Seq,
};

use crate::hub::Done;

/// What was stored, and where.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Written {
    room_id: RoomId,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<MessageId>,
    /// In the room's partition, as sockets see it.
    seq: Seq,
    /// For `X-Voxlog-Min-Position`.
    position: String,
    time: Time,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
}

impl Written {
    pub(super) fn of_message(done: &Done, message: MessageId) -> Self {
        Self { message_id: Some(message), ..Self::from(done) }
    }
}

impl From<&Done> for Written {
    fn from(done: &Done) -> Self {
        Self {
            room_id: done.room,
            message_id: None,
            seq: done.position.seq,
            position: done.position.to_string(),
            time: done.time,
            duplicate: done.duplicate,
        }
    }
}
