//! Signing up, signing in, staying signed in.

use std::sync::Arc;

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use voxlog_core::{
    clock::Time,
    id::{SessionId, UserId},
};

use super::{
    Problem,
    extract::Body,
    openapi::{Route, route},
    written::Created,
};
use crate::{
    Gateway,
    error::{
        Code::{self, Conflict, Unauthenticated, Unavailable},
        Failure,
    },
    identity::{Caller, Grant, Login, Registration, Scope},
};

mod api_keys;
mod second_factor;
mod sessions;
pub(super) mod signed_in;
mod visitor;

use visitor::Visitor;

/// It is about accounts, and PostgreSQL owns them.
const OF_ACCOUNTS: [Code; 1] = [Unavailable];

pub(super) fn routes() -> Vec<Route<Arc<Gateway>>> {
    let mut routes = vec![
        route!(register, OF_ACCOUNTS, [Conflict]),
        route!(login, OF_ACCOUNTS, [Unauthenticated]),
        route!(guest, OF_ACCOUNTS),
        route!(refresh, OF_ACCOUNTS, [Unauthenticated]),
        route!(verify),
    ];
    routes.extend(sessions::routes());
    routes.extend(second_factor::routes());
    routes.extend(api_keys::routes());
    routes
}

/// What somebody gives who wants no account.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Guest {
    /// What to call them, 1 to 64 characters.
    #[schemars(length(min = 1, max = 64))]
    display_name: String,
}

/// What a session is refreshed with.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Refresh {
    /// As the sign-in, or the last refresh, gave it.
    refresh_token: String,
}

/// Whose credential it is, and how long it lasts.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Verified {
    /// Whose.
    user: Holder,
    /// The sign-in, or the API key.
    session: SessionId,
    /// Here without an account.
    guest: bool,
    /// What it is good for.
    scopes: Vec<Scope>,
    /// When it ends; absent for an API key without an end.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Time>,
    /// In seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<i64>,
}

/// The names are absent while the database is away: the token itself tells the id alone.
#[derive(Serialize, JsonSchema)]
struct Holder {
    /// Who.
    id: UserId,
    /// Their username.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// Their address; a guest has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
}

/// Makes an account and signs it in.
#[utoipa::path(post, path = "/auth/register", operation_id = "register", tag = "auth")]
async fn register(
    State(gateway): State<Arc<Gateway>>,
    visitor: Visitor,
    Body(registration): Body<Registration>,
) -> Result<Created<Grant>, Problem> {
    visitor.may_try(&gateway, &registration.email)?;
    Ok(Created(gateway.identity.register(registration, &visitor.device).await?))
}

/// Signs in with an address and a password.
///
/// An unknown address and a wrong password answer the same. Where the account has a second factor and the password is
/// right, a missing or wrong code is refused with `errors[{field: "totp"}]`.
#[utoipa::path(post, path = "/auth/login", operation_id = "login", tag = "auth")]
async fn login(
    State(gateway): State<Arc<Gateway>>,
    visitor: Visitor,
    Body(login): Body<Login>,
) -> Result<Json<Grant>, Problem> {
    visitor.may_try(&gateway, &login.email)?;
    Ok(Json(gateway.identity.login(login, &visitor.device).await?))
}

/// Comes in without an account.
///
/// A guest stays one: where a room lets guests in, they read and write, no more. Without their tokens they can't come
/// back.
#[utoipa::path(post, path = "/auth/guest", operation_id = "guest", tag = "auth")]
async fn guest(
    State(gateway): State<Arc<Gateway>>,
    visitor: Visitor,
    Body(guest): Body<Guest>,
) -> Result<Created<Grant>, Problem> {
    visitor.may_be_guest(&gateway)?;
    Ok(Created(gateway.identity.guest(&guest.display_name, &visitor.device).await?))
}

/// Takes a refresh token and gives the next, with a new access token.
///
/// A token that was taken before ends its sign-in: somebody else may hold a copy.
#[utoipa::path(post, path = "/auth/refresh", operation_id = "refresh", tag = "auth")]
async fn refresh(State(gateway): State<Arc<Gateway>>, Body(body): Body<Refresh>) -> Result<Json<Grant>, Problem> {
    Ok(Json(gateway.identity.refresh(&body.refresh_token).await?))
}

/// Tells whose credential this is.
#[utoipa::path(get, path = "/auth/verify", operation_id = "verify", tag = "auth")]
async fn verify(State(gateway): State<Arc<Gateway>>, caller: Caller) -> Result<Json<Verified>, Problem> {
    let account = match gateway.identity.account(caller.user).await {
        Ok(Some(account)) => Some(account),
        Ok(None) => return Err(Failure::new(Code::Unauthenticated, "this account is gone").into()),
        Err(Failure { code: Code::Unavailable, .. }) => None,
        Err(failure) => return Err(failure.into()),
    };
    let (username, email) = account.map_or((None, None), |account| (Some(account.username), account.email));
    let left = |end: Time| (end - gateway.clock.now()).num_seconds().max(0);
    Ok(Json(Verified {
        user: Holder { id: caller.user, username, email },
        session: caller.session,
        guest: caller.guest,
        scopes: caller.scopes.iter().collect(),
        expires_at: caller.expires,
        expires_in: caller.expires.map(left),
    }))
}
