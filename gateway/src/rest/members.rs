//! Who is in a room: coming, going, and the list.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    routing::{get, post},
};
use serde::Deserialize;
use voxlog_core::{
    id::{RoomId, UserId},
    room::{self, Role},
};
use voxlog_projections::{
    Page,
    members::{self, Member},
};

use super::{
    Problem,
    extract::{At, Fresh, Params},
    paging, room_code,
    written::Written,
};
use crate::{
    Gateway,
    error::{Code, Failure},
    identity::Caller,
};

/// `{id}` of a join is the room's code: the segment has one name for all routes.
pub(super) fn routes() -> Router<Arc<Gateway>> {
    Router::new()
        .route("/rooms/{id}/join", post(join))
        .route("/rooms/{id}/leave", post(leave))
        .route("/rooms/{id}/members", get(list))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listing {
    pub(super) after: Option<String>,
    pub(super) limit: Option<u32>,
}

/// What the caller is in a room, exactly as of now; nobody else reads what is inside.
pub(super) async fn role_in(gateway: &Gateway, room: RoomId, user: UserId) -> Result<Role, Failure> {
    let role = gateway.hub.role(room, user).await?;
    role.ok_or_else(|| Failure::new(Code::NotAMember, "you are not a member of this room"))
}

async fn join(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(code): At<String>,
    _: Fresh,
) -> Result<Json<Written>, Problem> {
    let done = room_code::join(&gateway, caller.user, &code).await?;
    Ok(Json(Written::from(&done)))
}

async fn leave(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<RoomId>,
) -> Result<Json<Written>, Problem> {
    let done = gateway.hub.room_command(caller.user, id, room::Command::Leave).await?;
    Ok(Json(Written::from(&done)))
}

async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<RoomId>,
    Params(listing): Params<Listing>,
    _: Fresh,
) -> Result<Json<Page<Member>>, Problem> {
    let (after, limit) = (paging::seq("after", listing.after.as_deref())?, paging::limit(listing.limit)?);
    role_in(&gateway, id, caller.user).await?;
    Ok(Json(members::members(&gateway.read, id, after, limit).await?))
}
