//! Reactions and pins: sets, so adding twice or removing what is not there is no error.

use std::sync::Arc;

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Deserialize;
use voxlog_core::{
    id::{MessageId, RoomId},
    message::Command,
};
use voxlog_projections::{
    Page,
    pins::{self, Pin},
};

use super::{
    Problem,
    extract::{At, Fresh, Params},
    messages::command,
    openapi::{Route, route},
    paging, refused,
    written::Written,
};
use crate::{Gateway, identity::Caller};

pub(super) fn routes() -> Vec<Route<Arc<Gateway>>> {
    vec![
        route!(react, refused::OF_MESSAGE),
        route!(unreact, refused::OF_MESSAGE),
        route!(pin, refused::OF_MESSAGE),
        route!(unpin, refused::OF_MESSAGE),
        route!(pins, refused::IN_ROOM),
    ]
}

type Answer = Result<Json<Written>, Problem>;

/// Answers a message with an emoji, once per member and emoji.
#[utoipa::path(put, path = "/messages/{id}/reactions/{emoji}", operation_id = "addReaction", tag = "messages")]
async fn react(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At((id, emoji)): At<(MessageId, String)>,
    _: Fresh,
) -> Answer {
    command(&gateway, caller, id, Command::React { emoji }).await
}

/// Takes the caller's own emoji back.
#[utoipa::path(delete, path = "/messages/{id}/reactions/{emoji}", operation_id = "removeReaction", tag = "messages")]
async fn unreact(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At((id, emoji)): At<(MessageId, String)>,
    _: Fresh,
) -> Answer {
    command(&gateway, caller, id, Command::Unreact { emoji }).await
}

/// Puts a message among the room's pins. The right of admins and the owner.
#[utoipa::path(put, path = "/messages/{id}/pin", operation_id = "pinMessage", tag = "messages")]
async fn pin(State(gateway): State<Arc<Gateway>>, caller: Caller, At(id): At<MessageId>, _: Fresh) -> Answer {
    command(&gateway, caller, id, Command::Pin).await
}

/// Takes a message off the room's pins. The right of admins and the owner.
#[utoipa::path(delete, path = "/messages/{id}/pin", operation_id = "unpinMessage", tag = "messages")]
async fn unpin(State(gateway): State<Arc<Gateway>>, caller: Caller, At(id): At<MessageId>, _: Fresh) -> Answer {
    command(&gateway, caller, id, Command::Unpin).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Pinned {
    /// The `next` of an earlier page.
    before: Option<String>,
    /// Rows of a page; 50 unless it is said.
    #[schemars(range(min = 1, max = paging::MAX_ROWS))]
    limit: Option<u32>,
}

/// Lists a room's pins, the latest first.
#[utoipa::path(get, path = "/rooms/{id}/pins", operation_id = "listPins", tag = "messages")]
async fn pins(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(room): At<RoomId>,
    Params(Pinned { before, limit }): Params<Pinned>,
    _: Fresh,
) -> Result<Json<Page<Pin>>, Problem> {
    let (before, limit) = (paging::seq("before", before.as_deref())?, paging::limit(limit)?);
    gateway.hub.seat(room, caller.user).await?;
    Ok(Json(pins::pins(&gateway.read, room, before, limit).await?))
}
