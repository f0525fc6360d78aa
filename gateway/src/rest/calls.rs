//! A room's call, and those that were.

use std::sync::Arc;

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Serialize;
use voxlog_core::{call, id::RoomId};
use voxlog_projections::{
    Page,
    calls::{self, PastCall},
};

use super::{
    Problem,
    extract::{At, Fresh, Params},
    members::Listing,
    openapi::{Route, route},
    paging, refused,
};
use crate::{Gateway, identity::Caller};

pub(super) fn routes() -> Vec<Route<Arc<Gateway>>> {
    vec![route!(now, refused::IN_ROOM), route!(list, refused::IN_ROOM)]
}

/// Whether a call goes on.
#[derive(Debug, Serialize, JsonSchema)]
struct CallNow {
    /// The call; null when there is none.
    call: Option<call::Ongoing>,
}

/// Shows the room's call, when one goes on. Sockets join it.
#[utoipa::path(get, path = "/rooms/{id}/call", operation_id = "getCall", tag = "voice")]
async fn now(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<RoomId>,
) -> Result<Json<CallNow>, Problem> {
    Ok(Json(CallNow { call: gateway.hub.call(caller.user, id).await? }))
}

/// Lists the room's calls, the latest first: how long they lasted, and who was in them.
#[utoipa::path(get, path = "/rooms/{id}/calls", operation_id = "listCalls", tag = "voice")]
async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<RoomId>,
    Params(listing): Params<Listing>,
    _: Fresh,
) -> Result<Json<Page<PastCall>>, Problem> {
    let (after, limit) = (paging::seq("after", listing.after.as_deref())?, paging::limit(listing.limit)?);
    gateway.hub.seat(id, caller.user).await?;
    Ok(Json(calls::calls(&gateway.read, id, after, limit).await?))
}
