//! One's own sign-ins.

use std::sync::Arc;

use axum::{Json, extract::State};
use voxlog_core::id::SessionId;
use voxlog_projections::Page;

use super::signed_in::SignedIn;
use crate::{
    Gateway,
    error::Code::NotFound,
    identity::sessions::SignIn,
    rest::{
        Problem,
        extract::{At, Params},
        members::Listing,
        openapi::{Route, route},
        paging,
        written::Nothing,
    },
};

pub(super) fn routes() -> Vec<Route<Arc<Gateway>>> {
    vec![route!(list), route!(end, [NotFound]), route!(end_all), route!(logout, [NotFound])]
}

/// Lists the caller's sign-ins, the latest first.
#[utoipa::path(get, path = "/auth/sessions", operation_id = "listSessions", tag = "auth")]
async fn list(
    State(gateway): State<Arc<Gateway>>,
    SignedIn(caller): SignedIn,
    Params(listing): Params<Listing>,
) -> Result<Json<Page<SignIn>>, Problem> {
    let (after, limit) = (paging::cursor("after", listing.after.as_deref())?, paging::limit(listing.limit)?);
    let (data, has_more) = gateway.identity.sign_ins(&caller, after, limit).await?;
    let next = data.last().filter(|_| has_more).map(|last| last.id.to_string());
    Ok(Json(Page { data, has_more, next }))
}

/// Ends one of the caller's sign-ins: its tokens are good for nothing and its sockets are closed, within a second.
#[utoipa::path(delete, path = "/auth/sessions/{id}", operation_id = "endSession", tag = "auth")]
async fn end(
    State(gateway): State<Arc<Gateway>>,
    SignedIn(caller): SignedIn,
    At(id): At<SessionId>,
) -> Result<Nothing, Problem> {
    gateway.identity.end_sign_in(caller.user, id).await?;
    Ok(Nothing)
}

/// Ends all of the caller's sign-ins, this one included.
#[utoipa::path(delete, path = "/auth/sessions", operation_id = "endAllSessions", tag = "auth")]
async fn end_all(State(gateway): State<Arc<Gateway>>, SignedIn(caller): SignedIn) -> Result<Nothing, Problem> {
    gateway.identity.end_all_sign_ins(caller.user).await?;
    Ok(Nothing)
}

/// Ends the sign-in that asks.
#[utoipa::path(post, path = "/auth/logout", operation_id = "logout", tag = "auth")]
async fn logout(State(gateway): State<Arc<Gateway>>, SignedIn(caller): SignedIn) -> Result<Nothing, Problem> {
    gateway.identity.end_sign_in(caller.user, caller.session).await?;
    Ok(Nothing)
}
