//! For those who run the node: is it alive, is it ready, how is it; and the keys that verify its tokens.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderName, StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use jsonwebtoken::jwk::JwkSet;
use serde::Serialize;

use crate::{Gateway, metrics};

/// How long a probe waits for PostgreSQL: probes are asked often, and an answer late is no answer.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) fn routes() -> Router<Arc<Gateway>> {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/health", get(health))
        .route("/metrics", get(render))
        .route("/.well-known/jwks.json", get(jwks))
}

/// A node as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    /// Everything works.
    Operational,
    /// Messages flow, but a part is away.
    Degraded,
    /// No client should be sent here.
    Down,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Part {
    Ok,
    /// The node is not where the log is, or the log does not answer.
    Behind,
    /// It does not answer.
    Away,
    /// The node is going: its clients are asked to go elsewhere.
    Draining,
}

/// The node and its parts.
#[derive(Debug, Serialize)]
struct Health {
    status: Status,
    components: Components,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Components {
    node: Part,
    log: Part,
    database: Part,
}

impl Components {
    /// The log carries the messages. Without PostgreSQL there is no history, search or signing in, but talk goes on.
    fn status(self) -> Status {
        match self {
            Self { node: Part::Ok, log: Part::Ok, database: Part::Ok } => Status::Operational,
            Self { node: Part::Ok, log: Part::Ok, .. } => Status::Degraded,
            _ => Status::Down,
        }
    }
}

async fn livez() -> &'static str {
    "ok\n"
}

/// 503 while no client should be sent here. PostgreSQL away is no reason: every node would be out at once, and with
/// them the messaging that goes on without it.
async fn readyz(State(gateway): State<Arc<Gateway>>) -> (StatusCode, Json<Health>) {
    let health = look(&gateway).await;
    let status = if health.status == Status::Down { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (status, Json(health))
}

async fn health(State(gateway): State<Arc<Gateway>>) -> Json<Health> {
    Json(look(&gateway).await)
}

async fn look(gateway: &Gateway) -> Health {
    let reachable = tokio::time::timeout(PATIENCE, gateway.identity.is_reachable()).await;
    let components = Components {
        node: if gateway.shutdown.is_cancelled() { Part::Draining } else { Part::Ok },
        log: if gateway.hub.is_ready() { Part::Ok } else { Part::Behind },
        database: if reachable == Ok(true) { Part::Ok } else { Part::Away },
    };
    Health { status: components.status(), components }
}

async fn render() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics::render())
}

/// May be kept for some minutes: a new key is published long before the old one goes.
async fn jwks(State(gateway): State<Arc<Gateway>>) -> ([(HeaderName, &'static str); 1], Json<JwkSet>) {
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(gateway.identity.jwks().clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_log_and_the_node_itself_take_a_node_out() {
        let well = Components { node: Part::Ok, log: Part::Ok, database: Part::Ok };
        assert_eq!(well.status(), Status::Operational);
        assert_eq!(Components { database: Part::Away, ..well }.status(), Status::Degraded);
        assert_eq!(Components { log: Part::Behind, ..well }.status(), Status::Down);
        assert_eq!(Components { node: Part::Draining, ..well }.status(), Status::Down);
    }
}
