//! Who may be in a room and what they may do there. The deciders say who may moderate whom.

use std::sync::Arc;

use axum::{Json, extract::State};
use voxlog_core::{
    id::{RoomId, UserId},
    room::{Command, Role},
};
use voxlog_projections::{
    Page,
    members::{self, Ban},
};

use super::{
    Problem,
    extract::{At, Body, Fresh, Params},
    members::Listing,
    openapi::{Route, route},
    paging, refused, room_code,
    written::Written,
};
use crate::{
    Gateway,
    error::{Code, Failure},
    identity::Caller,
    shapes::{Kick, NewRole, Sanction, Whom},
};

pub(super) fn routes() -> Vec<Route<Arc<Gateway>>> {
    vec![
        route!(kick, refused::OF_ROOM),
        route!(ban, refused::OF_ROOM),
        route!(unban, refused::OF_ROOM),
        route!(mute, refused::OF_ROOM),
        route!(unmute, refused::OF_ROOM),
        route!(set_role, refused::OF_ROOM),
        route!(bans, refused::IN_ROOM),
        route!(rotate, refused::OF_ROOM),
    ]
}

type Answer = Result<Json<Written>, Problem>;

/// Takes a member's seat away; they may join again.
#[utoipa::path(post, path = "/rooms/{id}/kick", operation_id = "kick", tag = "moderation")]
async fn kick(gateway: State<Arc<Gateway>>, caller: Caller, At(id): At<RoomId>, Body(body): Body<Kick>) -> Answer {
    carry_out(&gateway, caller, id, body.into()).await
}

/// Takes somebody's seat away, if they have one, and keeps them out.
#[utoipa::path(post, path = "/rooms/{id}/ban", operation_id = "ban", tag = "moderation")]
async fn ban(gateway: State<Arc<Gateway>>, caller: Caller, At(id): At<RoomId>, Body(body): Body<Sanction>) -> Answer {
    carry_out(&gateway, caller, id, body.ban()).await
}

/// Lets somebody join again.
#[utoipa::path(post, path = "/rooms/{id}/unban", operation_id = "unban", tag = "moderation")]
async fn unban(gateway: State<Arc<Gateway>>, caller: Caller, At(id): At<RoomId>, Body(body): Body<Whom>) -> Answer {
    carry_out(&gateway, caller, id, Command::Unban { user: body.user_id }).await
}

/// Lets a member read but not write.
#[utoipa::path(post, path = "/rooms/{id}/mute", operation_id = "mute", tag = "moderation")]
async fn mute(gateway: State<Arc<Gateway>>, caller: Caller, At(id): At<RoomId>, Body(body): Body<Sanction>) -> Answer {
    carry_out(&gateway, caller, id, body.mute()).await
}

/// Lets a muted member write again.
#[utoipa::path(post, path = "/rooms/{id}/unmute", operation_id = "unmute", tag = "moderation")]
async fn unmute(gateway: State<Arc<Gateway>>, caller: Caller, At(id): At<RoomId>, Body(body): Body<Whom>) -> Answer {
    carry_out(&gateway, caller, id, Command::Unmute { user: body.user_id }).await
}

/// Gives a member another role.
///
/// `owner` hands the room over: the caller becomes an admin. The owner's right.
#[utoipa::path(post, path = "/rooms/{id}/role", operation_id = "setRole", tag = "moderation")]
async fn set_role(
    gateway: State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<RoomId>,
    Body(body): Body<NewRole>,
) -> Answer {
    carry_out(&gateway, caller, id, body.into()).await
}

/// Carries out a command about a room.
pub(super) async fn carry_out(gateway: &Gateway, caller: Caller, room: RoomId, command: Command) -> Answer {
    let done = gateway.hub.room_command(caller, room, command).await?;
    Ok(Json(Written::from(&done)))
}

/// Refuses who does not run the room.
pub(super) async fn admin(gateway: &Gateway, room: RoomId, user: UserId, whose: &'static str) -> Result<(), Failure> {
    if gateway.hub.seat(room, user).await? < Role::Admin { Err(Failure::new(Code::Forbidden, whose)) } else { Ok(()) }
}

/// Lists who is banned. The right of admins and the owner.
#[utoipa::path(get, path = "/rooms/{id}/bans", operation_id = "listBans", tag = "moderation")]
async fn bans(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<RoomId>,
    Params(listing): Params<Listing>,
    _: Fresh,
) -> Result<Json<Page<Ban>>, Problem> {
    let (after, limit) = (paging::seq("after", listing.after.as_deref())?, paging::limit(listing.limit)?);
    admin(&gateway, id, caller.user, "only admins and the owner see who is banned").await?;
    Ok(Json(members::bans(&gateway.read, id, after, limit).await?))
}

/// Gives the room a new code: the old one opens nothing any more. The right of admins and the owner.
#[utoipa::path(post, path = "/rooms/{id}/code", operation_id = "rotateCode", tag = "moderation")]
async fn rotate(State(gateway): State<Arc<Gateway>>, caller: Caller, At(id): At<RoomId>) -> Answer {
    Ok(Json(Written::of_code(room_code::rotate(&gateway, caller, id).await?)))
}
