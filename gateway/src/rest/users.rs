//! People: oneself, and what everybody may know of others.

use std::sync::Arc;

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Deserialize;
use voxlog_core::id::UserId;
use voxlog_projections::{Page, rooms, rooms::RoomOf, users, users::User};

use super::{
    Problem,
    auth::signed_in::SignedIn,
    extract::{At, Body, Fresh, Params},
    members::Listing,
    openapi::{Route, route},
    paging, refused,
    written::Nothing,
};
use crate::{
    Gateway,
    error::{
        Code::{self, Conflict, RateLimited},
        Failure, FieldError,
    },
    identity::{Account, Caller, erasing::Farewell, profile::ProfileChanges},
    limits::Budget,
};

/// The longest query, in characters: a username and a display name, and some.
const MAX_QUERY_CHARS: usize = 100;

/// How many of the rooms that stand against an erasure are named.
const MAX_NAMED_ROOMS: usize = 20;

pub(super) fn routes() -> Vec<Route<Arc<Gateway>>> {
    vec![
        route!(me, refused::LOOKED_UP),
        route!(erase_me, refused::LOOKED_UP, [Conflict, RateLimited]),
        route!(my_rooms),
        route!(search),
        route!(user, refused::LOOKED_UP),
        route!(change, refused::LOOKED_UP, [Conflict]),
    ]
}

/// Who is looked for, and from where on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Search {
    /// Beginnings of words of a username or a display name. Without one, everybody.
    #[schemars(length(max = 100))]
    query: Option<String>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Rows of a page, 50 unless it is said.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
}

/// Reads the caller's own account.
#[utoipa::path(get, path = "/users/me", operation_id = "getMe", tag = "users")]
async fn me(State(gateway): State<Arc<Gateway>>, caller: Caller) -> Result<Json<Account>, Problem> {
    let account = gateway.identity.account(caller.user).await?;
    Ok(Json(account.ok_or_else(|| Failure::new(Code::NotFound, "this account is gone"))?))
}

/// Erases the caller, for good.
///
/// It takes the password; a guest has none. Who owns open rooms hands them over or archives them first. From the answer
/// on no token is good for anything, and name and address are free. Within seconds the caller is out of all rooms, and
/// what they wrote is gone, as far as it is ours: what others quoted, and copies that were made before, are not.
#[utoipa::path(delete, path = "/users/me", operation_id = "eraseMe", tag = "users")]
async fn erase_me(
    State(gateway): State<Arc<Gateway>>,
    SignedIn(caller): SignedIn,
    _: Fresh,
    Body(farewell): Body<Farewell>,
) -> Result<Nothing, Problem> {
    gateway.limits.take(Budget::LoginAccount, &caller.user.to_string(), 1)?;
    let owned = rooms::owned_by(&gateway.read, caller.user, MAX_NAMED_ROOMS).await?;
    if !owned.is_empty() {
        let room =
            |(id, name)| FieldError { field: format!("rooms.{id}").into(), message: format!("{name:?} is yours") };
        let errors = owned.into_iter().map(room).collect();
        let detail = "you own rooms: hand them over or archive them first";
        return Err(Failure { errors, ..Failure::new(Conflict, detail) }.into());
    }
    gateway.identity.erase(caller.user, farewell).await?;
    Ok(Nothing)
}

/// Lists the rooms that the caller is in.
#[utoipa::path(get, path = "/users/me/rooms", operation_id = "listMyRooms", tag = "users")]
async fn my_rooms(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Params(listing): Params<Listing>,
    _: Fresh,
) -> Result<Json<Page<RoomOf>>, Problem> {
    let (after, limit) = (paging::cursor("after", listing.after.as_deref())?, paging::limit(listing.limit)?);
    Ok(Json(rooms::rooms_of(&gateway.read, caller.user, after, limit).await?))
}

/// Finds people by the beginnings of their names, in the order of their usernames.
#[utoipa::path(get, path = "/users", operation_id = "findUsers", tag = "users")]
async fn search(
    State(gateway): State<Arc<Gateway>>,
    _: Caller,
    Params(search): Params<Search>,
    _: Fresh,
) -> Result<Json<Page<User>>, Problem> {
    let (after, limit) = (paging::cursor("after", search.after.as_deref())?, paging::limit(search.limit)?);
    let query = search.query.as_deref().map(str::trim).filter(|query| !query.is_empty());
    if query.is_some_and(|query| query.chars().count() > MAX_QUERY_CHARS) {
        return Err(Failure::invalid("query", format!("at most {MAX_QUERY_CHARS} characters")).into());
    }
    Ok(Json(users::users(&gateway.read, query, after, limit).await?))
}

/// Reads what everybody may know of somebody.
#[utoipa::path(get, path = "/users/{id}", operation_id = "getUser", tag = "users")]
async fn user(
    State(gateway): State<Arc<Gateway>>,
    _: Caller,
    At(id): At<UserId>,
    _: Fresh,
) -> Result<Json<User>, Problem> {
    let user = users::user(&gateway.read, id).await?;
    Ok(Json(user.ok_or_else(|| Failure::new(Code::NotFound, "there is no such user"))?))
}

/// Changes the caller's own account. What is absent stays; `null` takes the display name or the picture away.
#[utoipa::path(patch, path = "/users/{id}", operation_id = "changeUser", tag = "users")]
async fn change(
    State(gateway): State<Arc<Gateway>>,
    SignedIn(caller): SignedIn,
    At(id): At<UserId>,
    Body(changes): Body<ProfileChanges>,
) -> Result<Json<Account>, Problem> {
    if id != caller.user {
        return Err(Failure::new(Code::Forbidden, "everybody changes their own account alone").into());
    }
    Ok(Json(gateway.identity.change_profile(id, changes).await?))
}
