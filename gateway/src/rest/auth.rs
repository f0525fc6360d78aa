//! Signing up, signing in, staying signed in.

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
    id::{SessionId, UserId},
};

use super::{Problem, extract::Body};
use crate::{
    Gateway,
    error::{Code, Failure},
    identity::{Caller, Grant, Registration},
};

pub(super) fn routes() -> Router<Arc<Gateway>> {
    Router::new()
        .route("/auth/register", post(register))
        .route("/auth/login", post(login))
        .route("/auth/refresh", post(refresh))
        .route("/auth/verify", get(verify))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    email: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Refresh {
    refresh_token: String,
}

/// Whose token it is, and how long it lasts.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Verified {
    user: Holder,
    session: SessionId,
    expires_at: Time,
    /// In seconds.
    expires_in: i64,
}

/// The names are absent while the database is away: the token itself tells the id alone.
#[derive(Serialize)]
struct Holder {
    id: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
}

async fn register(
    State(gateway): State<Arc<Gateway>>,
    Body(registration): Body<Registration>,
) -> Result<(StatusCode, Json<Grant>), Problem> {
    let grant = gateway.identity.register(registration).await?;
    Ok((StatusCode::CREATED, Json(grant)))
}

async fn login(State(gateway): State<Arc<Gateway>>, Body(login): Body<Login>) -> Result<Json<Grant>, Problem> {
    Ok(Json(gateway.identity.login(&login.email, login.password).await?))
}

async fn refresh(State(gateway): State<Arc<Gateway>>, Body(body): Body<Refresh>) -> Result<Json<Grant>, Problem> {
    Ok(Json(gateway.identity.refresh(&body.refresh_token).await?))
}

async fn verify(State(gateway): State<Arc<Gateway>>, caller: Caller) -> Result<Json<Verified>, Problem> {
    let account = match gateway.identity.account(caller.user).await {
        Ok(Some(account)) => Some(account),
        Ok(None) => return Err(Failure::new(Code::Unauthenticated, "this account is gone").into()),
        Err(Failure { code: Code::Unavailable, .. }) => None,
        Err(failure) => return Err(failure.into()),
    };
    let (username, email) = account.map(|account| (account.username, account.email)).unzip();
    let expires_in = (caller.expires - gateway.clock.now()).num_seconds().max(0);
    let user = Holder { id: caller.user, username, email };
    Ok(Json(Verified { user, session: caller.session, expires_at: caller.expires, expires_in }))
}
