//! The nodes, and the streams on NATS.

use std::sync::Arc;

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Serialize;
use voxlog_core::{clock::Time, id::NodeId, log::survey::Surveyed};
use voxlog_projections::Page;

use crate::{
    Gateway,
    console::NodeStatus,
    error::Failure,
    identity::Caller,
    rest::{
        Problem,
        openapi::{Route, route},
    },
};

pub(super) fn routes() -> Vec<Route<Arc<Gateway>>> {
    vec![route!(list), route!(streams)]
}

/// A gateway that is alive.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Node {
    /// Which.
    id: NodeId,
    /// Whether it is the one that answers.
    here: bool,
    /// Whether it is about to end.
    going: bool,
    /// When it gave its last sign of life.
    refreshed_at: Time,
    /// How it was then; null when it is of another version.
    status: Option<NodeStatus>,
}

/// Lists the gateways that are alive, the oldest first. What they tell of themselves is some seconds old.
#[utoipa::path(get, path = "/console/nodes", operation_id = "listNodes", tag = "console")]
async fn list(State(gateway): State<Arc<Gateway>>, _: Caller) -> Result<Json<Page<Node>>, Problem> {
    let leases = gateway.bus.nodes().await.map_err(Failure::from)?;
    let node = |lease: voxlog_core::bus::Lease| Node {
        id: lease.node,
        here: lease.node == gateway.node,
        going: lease.going,
        refreshed_at: lease.refreshed,
        status: NodeStatus::decode(&lease.status),
    };
    let mut data: Vec<_> = leases.into_iter().map(node).collect();
    data.sort_by_key(|node| node.id);
    Ok(Json(Page { data, has_more: false, next: None }))
}

/// Lists the streams and buckets on NATS, the log's first.
#[utoipa::path(get, path = "/console/streams", operation_id = "listStreams", tag = "console")]
async fn streams(State(gateway): State<Arc<Gateway>>, _: Caller) -> Result<Json<Page<Surveyed>>, Problem> {
    let data = gateway.console.streams().await.map_err(Failure::from)?;
    Ok(Json(Page { data, has_more: false, next: None }))
}
