//! The second factor: on, and off.

use std::sync::Arc;

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Deserialize;

use super::signed_in::SignedIn;
use crate::{
    Gateway,
    error::Code::{Conflict, NotFound, RateLimited},
    identity::totp::{Confirmed, Proof, Setup},
    limits::Budget,
    rest::{
        Problem,
        extract::Body,
        openapi::{Route, route},
        written::Nothing,
    },
};

pub(super) fn routes() -> Vec<Route<Arc<Gateway>>> {
    vec![
        route!(begin, [Conflict, NotFound]),
        route!(confirm, [Conflict, RateLimited]),
        route!(end, [NotFound, RateLimited]),
    ]
}

/// What an authenticator shows.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Confirmation {
    /// Six digits.
    code: String,
}

/// Makes a secret for an authenticator. It counts for nothing until a code of it is confirmed.
#[utoipa::path(post, path = "/auth/totp", operation_id = "beginTotp", tag = "auth")]
async fn begin(State(gateway): State<Arc<Gateway>>, SignedIn(caller): SignedIn) -> Result<Json<Setup>, Problem> {
    Ok(Json(gateway.identity.begin_totp(caller.user).await?))
}

/// Switches the second factor on. The recovery codes are told this once.
#[utoipa::path(post, path = "/auth/totp/confirm", operation_id = "confirmTotp", tag = "auth")]
async fn confirm(
    State(gateway): State<Arc<Gateway>>,
    SignedIn(caller): SignedIn,
    Body(confirmation): Body<Confirmation>,
) -> Result<Json<Confirmed>, Problem> {
    gateway.limits.take(Budget::LoginAccount, &caller.user.to_string(), 1)?;
    Ok(Json(gateway.identity.confirm_totp(caller.user, &confirmation.code).await?))
}

/// Switches the second factor off, for whoever has a code or the password.
#[utoipa::path(delete, path = "/auth/totp", operation_id = "endTotp", tag = "auth")]
async fn end(
    State(gateway): State<Arc<Gateway>>,
    SignedIn(caller): SignedIn,
    Body(proof): Body<Proof>,
) -> Result<Nothing, Problem> {
    gateway.limits.take(Budget::LoginAccount, &caller.user.to_string(), 1)?;
    gateway.identity.end_totp(caller.user, proof).await?;
    Ok(Nothing)
}
