//! Rooms: opening, finding, changing and closing them.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use voxlog_core::{
    clock::Time,
    id::{RoomId, UserId},
    room::{self, Changes, Settings, SettingsPatch},
};
use voxlog_projections::{
    Page,
    rooms::{self, Room, count_public_rooms, public_rooms},
};

use super::{
    Problem,
    extract::{At, Body, Fresh, Params},
    paging, room_code,
    written::Written,
};
use crate::{
    Gateway,
    error::{Code, Failure},
    identity::Caller,
    protocol::{DEFAULT_SEATS, NewRoom},
};

/// The longest text that a list of rooms is searched for, in characters.
const MAX_QUERY_CHARS: usize = 100;

pub(super) fn routes() -> Router<Arc<Gateway>> {
    Router::new().route("/rooms", post(create).get(list)).route("/rooms/{id}", get(one).patch(update).delete(archive))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    name: String,
    #[serde(default)]
    description: String,
    max_users: Option<u16>,
    #[serde(default)]
    settings: Settings,
}

/// A room that was just opened.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "createdAt is the field's name in every answer")]
struct Created {
    id: RoomId,
    code: String,
    name: String,
    description: String,
    owner_id: UserId,
    max_users: u16,
    member_count: u16,
    settings: Settings,
    created_at: Time,
    position: String,
}

/// What changes of a room, with nothing beside it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Update {
    name: Option<String>,
    description: Option<String>,
    max_users: Option<u16>,
    settings: Option<SettingsPatch>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    query: Option<String>,
    after: Option<String>,
    page: Option<u32>,
    limit: Option<u32>,
}

#[derive(Serialize)]
struct Counted {
    #[serde(flatten)]
    page: Page<Room>,
    /// Given to those who page by number.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<i64>,
}

async fn create(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Body(create): Body<Create>,
) -> Result<(StatusCode, Json<Created>), Problem> {
    let Create { name, description, max_users, settings } = create;
    let max_users = max_users.unwrap_or(DEFAULT_SEATS);
    // As the decider keeps them.
    let (name, description) = (name.trim().to_owned(), description.trim().to_owned());
    let room = NewRoom { name: name.clone(), description: description.clone(), max_users, settings: settings.clone() };
    let (done, code) = room_code::open_room(&gateway, caller.user, room).await?;
    let created = Created {
        id: done.room,
        code,
        name,
        description,
        owner_id: caller.user,
        max_users,
        member_count: 1,
        settings,
        created_at: done.time,
        position: done.position.to_string(),
    };
    Ok((StatusCode::CREATED, Json(created)))
}

async fn list(
    State(gateway): State<Arc<Gateway>>,
    _: Caller,
    Params(listing): Params<Listing>,
    _: Fresh,
) -> Result<Json<Counted>, Problem> {
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
    Ok(Json(Counted { page: rows, total }))
}

/// A room for its members, and a public one for everybody. That any other exists is not told.
async fn one(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<RoomId>,
    _: Fresh,
) -> Result<Json<Room>, Problem> {
    let nowhere = || Failure::new(Code::NotFound, "there is no such room");
    let room = rooms::room(&gateway.read, id).await?.ok_or_else(nowhere)?;
    let visible = room.settings.is_public || gateway.hub.role(id, caller.user).await?.is_some();
    if visible { Ok(Json(room)) } else { Err(nowhere().into()) }
}

async fn update(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<RoomId>,
    Body(update): Body<Update>,
) -> Result<Json<Written>, Problem> {
    let Update { name, description, max_users, settings } = update;
    let changes = room::Command::Update(Changes { name, description, max_users, settings });
    let done = gateway.hub.room_command(caller.user, id, changes).await?;
    Ok(Json(Written::from(&done)))
}

async fn archive(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<RoomId>,
) -> Result<Json<Written>, Problem> {
    let done = gateway.hub.room_command(caller.user, id, room::Command::Archive).await?;
    Ok(Json(Written::from(&done)))
}
