//! What is for people alone: an account is managed by who has signed in, never by an API key.

use std::sync::Arc;

use axum::{extract::FromRequestParts, http::request::Parts};

use crate::{
    Gateway,
    error::{Code, Failure},
    identity::{Caller, Credential},
    rest::{
        Problem,
        openapi::{Operation, describe::Input},
    },
};

/// Somebody with the access token of a sign-in.
pub(crate) struct SignedIn(pub(crate) Caller);

impl FromRequestParts<Arc<Gateway>> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Arc<Gateway>) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, gateway).await?;
        match caller.credential {
            Credential::Token => Ok(Self(caller)),
            Credential::ApiKey | Credential::JoinToken(_) => {
                Err(Failure::new(Code::Forbidden, "this takes the access token of a sign-in, not an API key").into())
            }
        }
    }
}

impl Input for SignedIn {
    fn describe(operation: &mut Operation<'_>) {
        Caller::describe(operation);
        operation.secured_by(&["bearer"]);
    }
}
