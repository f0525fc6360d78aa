//! The answers to writes.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;
use voxlog_core::{
    clock::Time,
    id::{MessageId, RoomId},
    position::Seq,
    room::InviteId,
};

use super::{
    openapi::{Operation, describe::Answer},
    room_code::Coded,
};
use crate::hub::Done;

/// What was stored, and where.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Written {
    /// The room that it is about.
    room_id: RoomId,
    /// The message that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<MessageId>,
    /// The new code, of the room or of the invite. An invite's is shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// The invite that was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    invite_id: Option<InviteId>,
    /// In the partition that `position` names: the room's, as sockets see it, but for what the caller alone is told.
    seq: Seq,
    /// For `X-Voxlog-Min-Position`.
    position: String,
    /// When, by the node that took it.
    time: Time,
    /// It was stored before, by an earlier attempt under the same id.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
    /// No seat was taken: an admin is asked first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    requested: bool,
}

impl Written {
    pub(super) fn of_message(done: &Done, message: MessageId) -> Self {
        Self { message_id: Some(message), ..Self::from(done) }
    }

    pub(super) fn of_code((done, coded): (Done, Coded)) -> Self {
        Self { code: Some(coded.code), invite_id: coded.invite_id, ..Self::from(&done) }
    }
}

impl From<&Done> for Written {
    fn from(done: &Done) -> Self {
        Self {
            room_id: done.room,
            message_id: None,
            code: None,
            invite_id: None,
            seq: done.position.seq,
            position: done.position.to_string(),
            time: done.time,
            duplicate: done.duplicate,
            requested: done.requested,
        }
    }
}

/// 201.
#[derive(Debug)]
pub(super) struct Created<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(self.0)).into_response()
    }
}

/// 201, or 200 for what was there under this id already.
#[derive(Debug)]
pub(super) struct Posted(pub(super) Written);

impl IntoResponse for Posted {
    fn into_response(self) -> Response {
        let status = if self.0.duplicate { StatusCode::OK } else { StatusCode::CREATED };
        (status, Json(self.0)).into_response()
    }
}

impl Answer for Posted {
    fn describe(operation: &mut Operation<'_>) {
        operation.answers::<Written>(StatusCode::OK);
        operation.answers::<Written>(StatusCode::CREATED);
    }
}

/// 200, or 202 for who waits for an admin.
#[derive(Debug)]
pub(super) struct Seated(pub(super) Written);

impl IntoResponse for Seated {
    fn into_response(self) -> Response {
        let status = if self.0.requested { StatusCode::ACCEPTED } else { StatusCode::OK };
        (status, Json(self.0)).into_response()
    }
}

impl Answer for Seated {
    fn describe(operation: &mut Operation<'_>) {
        operation.answers::<Written>(StatusCode::OK);
        operation.answers::<Written>(StatusCode::ACCEPTED);
    }
}

/// 204.
#[derive(Debug)]
pub(super) struct Nothing;

impl IntoResponse for Nothing {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl Answer for Nothing {
    fn describe(operation: &mut Operation<'_>) {
        operation.answers_nothing(StatusCode::NO_CONTENT);
    }
}
