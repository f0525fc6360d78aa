//! For those who run a node, whatever parts it has: is it alive, is it ready, how is it.
//!
//! A gateway serves these paths beside its own; a node without one serves them alone.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::{any, get},
};
use serde::Serialize;
use tokio::net::TcpListener;

use crate::{
    error::Failure,
    metrics,
    rest::{self, Problem},
};

/// How long a probe waits for PostgreSQL: probes are asked often, and an answer late is no answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// What can tell how it is.
pub trait Probe: Send + Sync + 'static {
    /// How it is now. Answers within some seconds, whatever is away.
    fn look(&self) -> impl Future<Output = Health> + Send;
}

/// A component, as a look found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// It works.
    Ok,
    /// It is not where the log is, or the log does not answer.
    Behind,
    /// It does not answer.
    Away,
    /// The node is going: its clients are asked to go elsewhere.
    Draining,
}

/// A node as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    /// Everything works.
    Operational,
    /// It does its work, but a component that it can do without is away.
    Degraded,
    /// It can't do its work.
    Down,
}

/// A node and its components.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    status: Status,
    components: BTreeMap<&'static str, Part>,
}

impl Health {
    /// A node that can't work without any of these.
    pub fn of(components: impl IntoIterator<Item = (&'static str, Part)>) -> Self {
        let components: BTreeMap<_, _> = components.into_iter().collect();
        let well = components.values().all(|part| *part == Part::Ok);
        Self { status: if well { Status::Operational } else { Status::Down }, components }
    }

    /// The same node, with a component that it can do without.
    #[must_use]
    pub fn and(mut self, name: &'static str, part: Part) -> Self {
        if part != Part::Ok && self.status == Status::Operational {
            self.status = Status::Degraded;
        }
        self.components.insert(name, part);
        self
    }
}

/// What a database that is asked whether it answers is taken for.
pub async fn database(is_reachable: impl Future<Output = bool>) -> Part {
    let reachable = tokio::time::timeout(PATIENCE, is_reachable).await;
    if reachable == Ok(true) { Part::Ok } else { Part::Away }
}

/// Serves them for a node that has no gateway, until `end`.
pub async fn serve<P: Probe>(
    probe: Arc<P>,
    listener: TcpListener,
    end: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, rest::dress(routes()).with_state(probe)).with_graceful_shutdown(end).await
}

/// Serves them for a node that waits for the log before it can begin, until `end`. Who wants anything else is told to
/// come again.
pub async fn serve_waiting(
    listener: TcpListener,
    end: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let routes = routes().route("/", any(not_yet)).route("/{*path}", any(not_yet));
    axum::serve(listener, rest::dress(routes).with_state(Arc::new(Waiting))).with_graceful_shutdown(end).await
}

/// A node without a log.
struct Waiting;

impl Probe for Waiting {
    async fn look(&self) -> Health {
        Health::of([("log", Part::Away)])
    }
}

async fn not_yet() -> Problem {
    Failure::unavailable("this node waits for the log").into()
}

pub(crate) fn routes<P: Probe>() -> Router<Arc<P>> {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz::<P>))
        .route("/health", get(health::<P>))
        .route("/metrics", get(render))
}

async fn livez() -> &'static str {
    "ok\n"
}

/// 503 while the node can't do its work.
async fn readyz<P: Probe>(State(probe): State<Arc<P>>) -> (StatusCode, Json<Health>) {
    let health = probe.look().await;
    let status = if health.status == Status::Down { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (status, Json(health))
}

async fn health<P: Probe>(State(probe): State<Arc<P>>) -> Json<Health> {
    Json(probe.look().await)
}

async fn render() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics::render())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_node_needs_takes_it_out() {
        let node = |log, database| Health::of([("node", Part::Ok), ("log", log)]).and("database", database).status;
        assert_eq!(node(Part::Ok, Part::Ok), Status::Operational);
        assert_eq!(node(Part::Ok, Part::Away), Status::Degraded);
        assert_eq!(node(Part::Behind, Part::Ok), Status::Down);
        assert_eq!(node(Part::Behind, Part::Away), Status::Down);
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_answers_late_is_away() {
        assert_eq!(database(async { true }).await, Part::Ok);
        assert_eq!(database(async { false }).await, Part::Away);
        assert_eq!(database(std::future::pending()).await, Part::Away);
    }
}
