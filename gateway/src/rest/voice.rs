//! How devices find a way to each other, and how others are let into a call.

use std::sync::Arc;

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Serialize;
use voxlog_core::id::RoomId;

use super::{
    Problem,
    extract::{At, Body},
    openapi::{Route, route},
    refused,
    written::Created,
};
use crate::{
    Gateway,
    error::Code,
    identity::Caller,
    protocol::reply::IceServer,
    shapes::Admission,
    voice::{
        ice,
        tokens::{self, JoinToken},
    },
};

pub(super) fn routes() -> Vec<Route<Arc<Gateway>>> {
    vec![route!(ice_servers), route!(join_token, refused::OF_ROOM, [Code::Muted])]
}

/// The servers by which devices find a way to each other.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct IceServers {
    /// As `RTCPeerConnection` takes them.
    ice_servers: Vec<IceServer>,
    /// How long their credentials are good, in seconds.
    expires_in: u64,
}

/// The STUN and TURN servers of this installation, with credentials of your own. `voice.join` answers with the same.
#[utoipa::path(get, path = "/voice/ice-servers", operation_id = "iceServers", tag = "voice")]
async fn ice_servers(State(gateway): State<Arc<Gateway>>, caller: Caller) -> Result<Json<IceServers>, Problem> {
    let ice_servers = gateway.ice.servers(caller.user);
    Ok(Json(IceServers { ice_servers, expires_in: ice::GOOD_FOR.as_secs() }))
}

/// Makes a token that lets one device into the room's call, once, within a minute.
///
/// It is for yourself, or for another member: admins and the owner let others in, but nobody who ranks above them. Whoever opens the `url` as a WebSocket is in the call as that member and can do nothing else there.
#[utoipa::path(post, path = "/rooms/{id}/call/tokens", operation_id = "createJoinToken", tag = "voice")]
async fn join_token(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<RoomId>,
    Body(Admission { user_id }): Body<Admission>,
) -> Result<Created<JoinToken>, Problem> {
    Ok(Created(tokens::mint(&gateway, caller, id, user_id).await?))
}
