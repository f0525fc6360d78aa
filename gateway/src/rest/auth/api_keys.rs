//! One's own API keys.

use std::sync::Arc;

use axum::{Json, extract::State};
use voxlog_core::id::SessionId;
use voxlog_projections::Page;

use super::signed_in::SignedIn;
use crate::{
    Gateway,
    error::Code::{Conflict, NotFound},
    identity::api_keys::{ApiKey, MadeApiKey, NewApiKey},
    rest::{
        Problem,
        extract::{At, Body},
        openapi::{Route, route},
        written::{Created, Nothing},
    },
};

pub(super) fn routes() -> Vec<Route<Arc<Gateway>>> {
    vec![route!(list), route!(make, [Conflict, NotFound]), route!(revoke, [NotFound])]
}

/// Lists the caller's API keys, the latest first. There are 50 at most, so they are all on one page.
#[utoipa::path(get, path = "/auth/api-keys", operation_id = "listApiKeys", tag = "auth")]
async fn list(State(gateway): State<Arc<Gateway>>, SignedIn(caller): SignedIn) -> Result<Json<Page<ApiKey>>, Problem> {
    let data = gateway.identity.api_keys(caller.user).await?;
    Ok(Json(Page { data, has_more: false, next: None }))
}

/// Makes an API key, within scopes. The key itself is told this once.
#[utoipa::path(post, path = "/auth/api-keys", operation_id = "makeApiKey", tag = "auth")]
async fn make(
    State(gateway): State<Arc<Gateway>>,
    SignedIn(caller): SignedIn,
    Body(wanted): Body<NewApiKey>,
) -> Result<Created<MadeApiKey>, Problem> {
    Ok(Created(gateway.identity.make_api_key(caller.user, wanted).await?))
}

/// Revokes an API key, within a second everywhere.
#[utoipa::path(delete, path = "/auth/api-keys/{id}", operation_id = "revokeApiKey", tag = "auth")]
async fn revoke(
    State(gateway): State<Arc<Gateway>>,
    SignedIn(caller): SignedIn,
    At(id): At<SessionId>,
) -> Result<Nothing, Problem> {
    gateway.identity.revoke_api_key(caller.user, id).await?;
    Ok(Nothing)
}
