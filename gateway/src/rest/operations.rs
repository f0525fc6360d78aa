//! The gateway's own part of [`operations`]: how it is, and the keys that verify its tokens.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRef, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use jsonwebtoken::jwk::JwkSet;
use serde_json::json;

use super::openapi::{Operation, Route, describe::Answer, route};
use crate::{
    Gateway,
    operations::{self, Health, Part, Probe, Probed},
};

pub(super) fn routes() -> Vec<Route<Arc<Gateway>>> {
    let mut routes = operations::routes();
    routes.push(route!(jwks));
    routes
}

impl FromRef<Arc<Gateway>> for Probed {
    fn from_ref(gateway: &Arc<Gateway>) -> Self {
        Self::new(Arc::clone(gateway))
    }
}

impl Probe for Gateway {
    /// The log carries the messages. Without PostgreSQL there is no history, search or signing in, but talk goes on:
    /// were it a reason to send no client here, every node would be out at once.
    async fn look(&self) -> Health {
        let node = if self.shutdown.is_cancelled() { Part::Draining } else { Part::Ok };
        let log = if self.hub.is_ready() { Part::Ok } else { Part::Behind };
        Health::of([("node", node), ("log", log)])
            .and("database", self.database.look(self.identity.is_reachable()).await)
    }
}

/// Keys that anybody may have.
struct Keys(JwkSet);

impl IntoResponse for Keys {
    fn into_response(self) -> Response {
        ([(header::CACHE_CONTROL, "public, max-age=300")], Json(self.0)).into_response()
    }
}

impl Answer for Keys {
    fn describe(operation: &mut Operation<'_>) {
        let schema = json!({
            "description": "A set of keys (RFC 7517).",
            "type": "object",
            "required": ["keys"],
            "properties": { "keys": { "type": "array", "items": { "type": "object", "required": ["kty", "kid"] } } },
        });
        operation.answers_with(StatusCode::OK, "application/json", schema);
    }
}

/// Lists the keys that verify access tokens.
///
/// May be kept for some minutes: a new key is published long before the old one goes.
#[utoipa::path(get, path = "/.well-known/jwks.json", operation_id = "getKeys", tag = "auth")]
async fn jwks(State(gateway): State<Arc<Gateway>>) -> Keys {
    Keys(gateway.identity.jwks().clone())
}
