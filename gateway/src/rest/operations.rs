//! The gateway's own part of [`operations`]: how it is, and the keys that verify its tokens.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderName, header},
    routing::get,
};
use jsonwebtoken::jwk::JwkSet;

use crate::{
    Gateway,
    operations::{self, Health, Part, Probe},
};

pub(super) fn routes() -> Router<Arc<Gateway>> {
    operations::routes().route("/.well-known/jwks.json", get(jwks))
}

impl Probe for Gateway {
    /// The log carries the messages. Without PostgreSQL there is no history, search or signing in, but talk goes on:
    /// were it a reason to send no client here, every node would be out at once.
    async fn look(&self) -> Health {
        let node = if self.shutdown.is_cancelled() { Part::Draining } else { Part::Ok };
        let log = if self.hub.is_ready() { Part::Ok } else { Part::Behind };
        Health::of([("node", node), ("log", log)])
            .and("database", operations::database(self.identity.is_reachable()).await)
    }
}

/// May be kept for some minutes: a new key is published long before the old one goes.
async fn jwks(State(gateway): State<Arc<Gateway>>) -> ([(HeaderName, &'static str); 1], Json<JwkSet>) {
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(gateway.identity.jwks().clone()))
}
