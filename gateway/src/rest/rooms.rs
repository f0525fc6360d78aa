//! Rooms: opening, finding, changing and closing them.

use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use voxlog_core::{
    clock::Time,
    id::{RoomId, UserId},
    room::{self, Settings},
};
use voxlog_projections::{
    Page,
    rooms::{self, Room, count_public_rooms, public_rooms},
};

use super::{
    Problem,
    extract::{At, Body, Fresh, Params},
    idempotency::MintedId,
    moderation::carry_out,
    openapi::{Route, route},
    paging, refused, room_code,
    written::{Created, Written},
};
use crate::{
    Gateway,
    error::{Code, Failure},
    identity::Caller,
    shapes::{DEFAULT_SEATS, NewRoom, RoomUpdate},
};

/// The longest text that a list of rooms is searched for, in characters.
const MAX_QUERY_CHARS: usize = 100;

pub(super) fn routes() -> Vec<Route<Arc<Gateway>>> {
    vec![
        route!(create, refused::LATER, [Code::Forbidden]),
        route!(list),
        route!(one, refused::LOOKED_UP),
        route!(update, refused::OF_ROOM, refused::LATER),
        route!(archive, refused::OF_ROOM),
    ]
}

/// A room that was just opened.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct OpenedRoom {
    /// Which.
    id: RoomId,
    /// By which others join.
    code: String,
    /// What people call it.
    name: String,
    /// What it is for.
    description: String,
    /// Who opened it.
    owner_id: UserId,
    /// Seats.
    max_users: u16,
    /// How many are taken.
    member_count: u16,
    /// How it behaves.
    settings: Settings,
    /// When.
    created_at: Time,
    /// For `X-Voxlog-Min-Position`.
    position: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Listing {
    /// Words of the name or the description.
    #[schemars(length(max = MAX_QUERY_CHARS))]
    query: Option<String>,
    /// The `next` of an earlier page.
    after: Option<String>,
    /// The number of the page, from 1, instead of `after`.
    #[schemars(range(min = 1, max = paging::MAX_PAGE))]
    page: Option<u32>,
    /// Rows of a page; 50 unless it is said.
    #[schemars(range(min = 1, max = paging::MAX_ROWS))]
    limit: Option<u32>,
}

/// One page, which may say how many rows there are in all.
#[derive(Serialize, JsonSchema)]
struct CountedRooms {
    #[serde(flatten)]
    page: Page<Room>,
    /// Given to those who page by number.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<i64>,
}

/// Opens a room, owned by the caller.
#[utoipa::path(post, path = "/rooms", operation_id = "createRoom", tag = "rooms")]
async fn create(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    minted: Option<Extension<MintedId>>,
    Body(room): Body<NewRoom>,
) -> Result<Created<OpenedRoom>, Problem> {
    let once = minted.map(|Extension(minted)| minted);
    let (done, coded) = room_code::open_room(&gateway, caller, room.clone(), once).await?;
    let NewRoom { name, description, max_users, settings } = room;
    let opened = OpenedRoom {
        id: done.room,
        code: coded.code,
        // As the decider keeps them.
        name: name.trim().to_owned(),
        description: description.unwrap_or_default().trim().to_owned(),
        owner_id: caller.user,
        max_users: max_users.unwrap_or(DEFAULT_SEATS),
        member_count: 1,
        settings: settings.unwrap_or_default(),
        created_at: done.time,
        position: done.position.to_string(),
    };
    Ok(Created(opened))
}

/// Lists public rooms, the newest first.
#[utoipa::path(get, path = "/rooms", operation_id = "listRooms", tag = "rooms")]
async fn list(
    State(gateway): State<Arc<Gateway>>,
    _: Caller,
    Params(listing): Params<Listing>,
    _: Fresh,
) -> Result<Json<CountedRooms>, Problem> {
    let Listing { query, after, page, limit } = listing;
    let query = query.as_deref().map(str::trim).filter(|query| !query.is_empty());
    if query.is_some_and(|query| query.chars().count() > MAX_QUERY_CHARS) {
        return Err(Failure::invalid("query", format!("at most {MAX_QUERY_CHARS} characters")).into());
    }
    if page.is_some() && after.is_some() {
        return Err(Failure::invalid("page", "can't be given together with after").into());
    }
    let (after, limit) = (paging::cursor("after", after.as_deref())?, paging::limit(limit)?);
    let skip = page.map_or(Ok(0), |page| paging::skipped(page, limit))?;
    let rows = public_rooms(&gateway.read, query, after, skip, limit).await?;
    let total = match page {
        Some(_) => Some(count_public_rooms(&gateway.read, query).await?),
        None => None,
    };
    Ok(Json(CountedRooms { page: rows, total }))
}

/// Reads a room: its members any, everybody a public one.
#[utoipa::path(get, path = "/rooms/{id}", operation_id = "getRoom", tag = "rooms")]
async fn one(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<RoomId>,
    _: Fresh,
) -> Result<Json<Room>, Problem> {
    let nowhere = || Failure::new(Code::NotFound, "there is no such room");
    let room = rooms::room(&gateway.read, id).await?.ok_or_else(nowhere)?;
    // That any other exists is not told.
    let visible = room.settings.is_public || gateway.hub.role(id, caller.user).await?.is_some();
    if visible { Ok(Json(room)) } else { Err(nowhere().into()) }
}

/// Changes what is given and leaves the rest, in `settings` too. The right of admins and the owner.
#[utoipa::path(patch, path = "/rooms/{id}", operation_id = "updateRoom", tag = "rooms")]
async fn update(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<RoomId>,
    Body(update): Body<RoomUpdate>,
) -> Result<Json<Written>, Problem> {
    carry_out(&gateway, caller, id, update.into()).await
}

/// Closes a room for good; its members can still read it. The owner's right.
#[utoipa::path(delete, path = "/rooms/{id}", operation_id = "archiveRoom", tag = "rooms")]
async fn archive(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<RoomId>,
) -> Result<Json<Written>, Problem> {
    carry_out(&gateway, caller, id, room::Command::Archive).await
}
