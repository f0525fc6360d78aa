//! How people come in: by invites, and by asking.

use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use voxlog_core::{
    id::{RoomId, UserId},
    room::{Command, InviteId},
};
use voxlog_projections::{
    Page,
    invites::{self, Invite},
    requests::{self, JoinRequest},
};

use super::{
    Problem,
    extract::{At, Body, Fresh, Params},
    idempotency::MintedId,
    members::Listing,
    moderation::{admin, carry_out},
    openapi::{Route, route},
    paging, refused, room_code,
    written::{Created, Written},
};
use crate::{Gateway, error::Code::RoomFull, identity::Caller, shapes::NewInvite};

pub(super) fn routes() -> Vec<Route<Arc<Gateway>>> {
    vec![
        route!(invite, refused::OF_ROOM),
        route!(invites, refused::IN_ROOM),
        route!(revoke, refused::OF_ROOM),
        route!(requests, refused::IN_ROOM),
        route!(approve, refused::OF_ROOM, [RoomFull]),
        route!(deny, refused::OF_ROOM),
    ]
}

/// Makes an invite. This answer alone has its code; under an `Idempotency-Key` it is kept for a day, to be told again.
///
/// Who joins by it needs no approval. The right of admins and the owner.
#[utoipa::path(post, path = "/rooms/{id}/invites", operation_id = "createInvite", tag = "moderation")]
async fn invite(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<RoomId>,
    minted: Option<Extension<MintedId>>,
    Body(invite): Body<NewInvite>,
) -> Result<Created<Written>, Problem> {
    let once = minted.map(|Extension(minted)| minted);
    Ok(Created(Written::of_code(room_code::invite(&gateway, caller, id, invite, once).await?)))
}

/// Lists the invites without their codes, in the order in which they were made. The right of admins and the owner.
#[utoipa::path(get, path = "/rooms/{id}/invites", operation_id = "listInvites", tag = "moderation")]
async fn invites(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<RoomId>,
    Params(listing): Params<Listing>,
    _: Fresh,
) -> Result<Json<Page<Invite>>, Problem> {
    let (after, limit) = (paging::seq("after", listing.after.as_deref())?, paging::limit(listing.limit)?);
    admin(&gateway, id, caller.user, "only admins and the owner see the invites").await?;
    Ok(Json(invites::invites(&gateway.read, id, after, limit).await?))
}

/// Ends an invite. The right of admins and the owner.
#[utoipa::path(delete, path = "/rooms/{id}/invites/{inviteId}", operation_id = "revokeInvite", tag = "moderation")]
async fn revoke(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At((id, invite)): At<(RoomId, InviteId)>,
) -> Result<Json<Written>, Problem> {
    carry_out(&gateway, caller, id, Command::RevokeInvite { invite }).await
}

/// Lists who asks for a seat, in the order in which they came. The right of admins and the owner.
#[utoipa::path(get, path = "/rooms/{id}/requests", operation_id = "listRequests", tag = "moderation")]
async fn requests(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<RoomId>,
    Params(listing): Params<Listing>,
    _: Fresh,
) -> Result<Json<Page<JoinRequest>>, Problem> {
    let (after, limit) = (paging::seq("after", listing.after.as_deref())?, paging::limit(listing.limit)?);
    admin(&gateway, id, caller.user, "only admins and the owner see who asks for a seat").await?;
    Ok(Json(requests::requests(&gateway.read, id, after, limit).await?))
}

/// Gives a seat to who has asked for one. The right of admins and the owner.
#[utoipa::path(
    post,
    path = "/rooms/{id}/requests/{userId}/approve",
    operation_id = "approveRequest",
    tag = "moderation"
)]
async fn approve(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At((id, user)): At<(RoomId, UserId)>,
) -> Result<Json<Written>, Problem> {
    carry_out(&gateway, caller, id, Command::Approve { user }).await
}

/// Turns down who has asked for a seat; they may ask again. The right of admins and the owner.
#[utoipa::path(post, path = "/rooms/{id}/requests/{userId}/deny", operation_id = "denyRequest", tag = "moderation")]
async fn deny(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At((id, user)): At<(RoomId, UserId)>,
) -> Result<Json<Written>, Problem> {
    carry_out(&gateway, caller, id, Command::Deny { user }).await
}
