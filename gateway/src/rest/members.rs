//! Who is in a room: coming, going, and the list.

use std::sync::Arc;

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Deserialize;
use voxlog_core::{id::RoomId, room};
use voxlog_projections::{
    Page,
    members::{self, Member},
};

use super::{
    Problem,
    extract::{At, Fresh, Params},
    openapi::{Route, route},
    paging, refused, room_code,
    written::{Seated, Written},
};
use crate::{Gateway, identity::Caller};

pub(super) fn routes() -> Vec<Route<Arc<Gateway>>> {
    vec![route!(join, refused::JOINING), route!(leave, refused::OF_ROOM), route!(list, refused::IN_ROOM)]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Listing {
    /// The `next` of an earlier page.
    pub(super) after: Option<String>,
    /// Rows of a page; 50 unless it is said.
    #[schemars(range(min = 1, max = paging::MAX_ROWS))]
    pub(super) limit: Option<u32>,
}

/// Takes a seat by the code of a room or of an invite, or in a public room by its id.
///
/// `{id}` is the code, however it was typed, or the room's id. Who has a seat already keeps it. Where admins approve, this is a request
/// for a seat: 202.
#[utoipa::path(post, path = "/rooms/{id}/join", operation_id = "joinRoom", tag = "rooms")]
async fn join(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(code): At<String>,
    _: Fresh,
) -> Result<Seated, Problem> {
    let done = room_code::join(&gateway, caller, &code).await?;
    Ok(Seated(Written::from(&done)))
}

/// Gives up the seat, or the request for one.
#[utoipa::path(post, path = "/rooms/{id}/leave", operation_id = "leaveRoom", tag = "rooms")]
async fn leave(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<RoomId>,
) -> Result<Json<Written>, Problem> {
    let done = gateway.hub.room_command(caller, id, room::Command::Leave).await?;
    Ok(Json(Written::from(&done)))
}

/// Lists the members, in the order in which they came.
#[utoipa::path(get, path = "/rooms/{id}/members", operation_id = "listMembers", tag = "rooms")]
async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<RoomId>,
    Params(listing): Params<Listing>,
    _: Fresh,
) -> Result<Json<Page<Member>>, Problem> {
    let (after, limit) = (paging::seq("after", listing.after.as_deref())?, paging::limit(listing.limit)?);
    gateway.hub.seat(id, caller.user).await?;
    Ok(Json(members::members(&gateway.read, id, after, limit).await?))
}
