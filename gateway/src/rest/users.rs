//! People: oneself, and what everybody may know of others.

use std::sync::Arc;

use axum::{Json, Router, extract::State, routing::get};
use voxlog_core::id::UserId;
use voxlog_projections::{Page, rooms, rooms::RoomOf, users, users::User};

use super::{
    Problem,
    extract::{At, Fresh, Params},
    members::Listing,
    paging,
};
use crate::{
    Gateway,
    error::{Code, Failure},
    identity::{Account, Caller},
};

pub(super) fn routes() -> Router<Arc<Gateway>> {
    Router::new().route("/users/me", get(me)).route("/users/me/rooms", get(my_rooms)).route("/users/{id}", get(user))
}

async fn me(State(gateway): State<Arc<Gateway>>, caller: Caller) -> Result<Json<Account>, Problem> {
    let account = gateway.identity.account(caller.user).await?;
    Ok(Json(account.ok_or_else(|| Failure::new(Code::NotFound, "this account is gone"))?))
}

async fn my_rooms(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Params(listing): Params<Listing>,
    _: Fresh,
) -> Result<Json<Page<RoomOf>>, Problem> {
    let (after, limit) = (paging::cursor("after", listing.after.as_deref())?, paging::limit(listing.limit)?);
    Ok(Json(rooms::rooms_of(&gateway.read, caller.user, after, limit).await?))
}

async fn user(
    State(gateway): State<Arc<Gateway>>,
    _: Caller,
    At(id): At<UserId>,
    _: Fresh,
) -> Result<Json<User>, Problem> {
    let user = users::user(&gateway.read, id).await?;
    Ok(Json(user.ok_or_else(|| Failure::new(Code::NotFound, "there is no such user"))?))
}
