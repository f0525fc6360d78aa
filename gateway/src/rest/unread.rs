//! What somebody has read, and what not.

use std::sync::Arc;

use axum::{Json, extract::State};
use voxlog_core::id::RoomId;
use voxlog_projections::{
    Page,
    markers::{self, Unread},
};

use super::{
    Problem,
    extract::{At, Body, Fresh},
    openapi::{Route, route},
    refused,
    written::Written,
};
use crate::{Gateway, identity::Caller, shapes::ReadMark};

pub(super) fn routes() -> Vec<Route<Arc<Gateway>>> {
    vec![route!(mark, refused::IN_ROOM), route!(unread)]
}

/// Tells how far the caller has read a room. It never goes back.
#[utoipa::path(put, path = "/rooms/{id}/read", operation_id = "markRead", tag = "messages")]
async fn mark(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<RoomId>,
    Body(mark): Body<ReadMark>,
) -> Result<Json<Written>, Problem> {
    let done = gateway.hub.mark_read(caller.user, id, mark.seq).await?;
    Ok(Json(Written::from(&done)))
}

/// Counts what the caller has not read, in each of their rooms.
#[utoipa::path(get, path = "/users/me/unread", operation_id = "listUnread", tag = "messages")]
async fn unread(State(gateway): State<Arc<Gateway>>, caller: Caller, _: Fresh) -> Result<Json<Page<Unread>>, Problem> {
    let data = markers::unread(&gateway.read, caller.user).await?;
    Ok(Json(Page { data, has_more: false, next: None }))
}
