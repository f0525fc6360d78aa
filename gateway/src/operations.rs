//! For those who run a node, whatever parts it has: is it alive, is it ready, how is it.
//!
//! A gateway serves these paths beside its own; a node without one serves them alone.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json, Router,
    extract::{FromRef, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::any,
};
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    config::Connections,
    error::Failure,
    metrics,
    rest::{
        self, Problem,
        openapi::{Api, Operation, Route, describe, route},
    },
    serving,
};

mod database;

pub use database::Database;

/// What can tell how it is.
pub trait Probe: Send + Sync + 'static {
    /// How it is now. Answers within some seconds, whatever is away.
    fn look(&self) -> impl Future<Output = Health> + Send;
}

/// A component, as a look found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
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

/// Serves them for a node that has no gateway, until `end`.
pub async fn serve<P: Probe>(probe: Arc<P>, listener: TcpListener, end: impl Future<Output = ()>) {
    listen(Api::new().with("", routes()).into_parts().0, Probed::new(probe), listener, end).await;
}

/// Serves them for a node that waits for the log before it can begin, until `end`. Who wants anything else is told to
/// come again.
pub async fn serve_waiting(listener: TcpListener, end: impl Future<Output = ()>) {
    let (routes, _) = Api::new().with("", routes()).into_parts();
    let routes = routes.route("/", any(not_yet)).route("/{*path}", any(not_yet));
    listen(routes, Probed::new(Arc::new(Waiting)), listener, end).await;
}

/// No page of another origin has anything to ask of these.
async fn listen(routes: Router<Probed>, probe: Probed, listener: TcpListener, end: impl Future<Output = ()>) {
    let app = rest::dress(routes, &[]).with_state(probe);
    serving::serve(listener, app, Connections::default(), &[], end).await;
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

/// What the handlers below look at.
#[derive(Clone)]
pub(crate) struct Probed(Arc<dyn Look>);

/// A [`Probe`] of any kind.
trait Look: Send + Sync {
    fn look(&self) -> BoxFuture<'_, Health>;
}

impl<P: Probe> Look for P {
    fn look(&self) -> BoxFuture<'_, Health> {
        Box::pin(Probe::look(self))
    }
}

impl Probed {
    pub(crate) fn new(probe: Arc<impl Probe>) -> Self {
        Self(probe)
    }
}

pub(crate) fn routes<S>() -> Vec<Route<S>>
where
    S: Clone + Send + Sync + 'static,
    Probed: FromRef<S>,
{
    vec![route!(livez), route!(readyz), route!(health), route!(numbers)]
}

/// Says that the process runs.
#[utoipa::path(get, path = "/livez", operation_id = "isAlive", tag = "operations")]
async fn livez() -> &'static str {
    "ok\n"
}

/// Says whether the node can do its work.
#[utoipa::path(get, path = "/readyz", operation_id = "isReady", tag = "operations")]
async fn readyz(State(probe): State<Probed>) -> Readiness {
    Readiness(probe.0.look().await)
}

/// Says how the node and its components are.
#[utoipa::path(get, path = "/health", operation_id = "getHealth", tag = "operations")]
async fn health(State(probe): State<Probed>) -> Json<Health> {
    Json(probe.0.look().await)
}

/// Tells the node's numbers to Prometheus.
#[utoipa::path(get, path = "/metrics", operation_id = "getMetrics", tag = "operations")]
async fn numbers() -> Numbers {
    Numbers(metrics::render())
}

/// 200, or 503 while the node can't do its work.
struct Readiness(Health);

impl IntoResponse for Readiness {
    fn into_response(self) -> Response {
        let is_down = self.0.status == Status::Down;
        (if is_down { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }, Json(self.0)).into_response()
    }
}

impl describe::Answer for Readiness {
    fn describe(operation: &mut Operation<'_>) {
        operation.answers::<Health>(StatusCode::OK);
        operation.answers::<Health>(StatusCode::SERVICE_UNAVAILABLE);
    }
}

/// Prometheus' text format.
struct Numbers(String);

impl Numbers {
    const KIND: &str = "text/plain; version=0.0.4; charset=utf-8";
}

impl IntoResponse for Numbers {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, Self::KIND)], self.0).into_response()
    }
}

impl describe::Answer for Numbers {
    fn describe(operation: &mut Operation<'_>) {
        operation.answers_with(StatusCode::OK, Self::KIND, json!({ "type": "string" }));
    }
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
}
