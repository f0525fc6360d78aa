//! The read models: how far they are, what waits, and making them again.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use futures_util::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use voxlog_core::position::Position;
use voxlog_projections::{
    Page, Standing,
    parked::{Parked, Retried, parked_after, retry_parked},
    rebuild::Mode,
    standings,
};

use crate::{
    Gateway,
    console::{
        lag::{EVERY, LagSample},
        rebuilding::Rebuild,
    },
    error::{
        Code::{self, Conflict},
        Failure,
    },
    identity::Caller,
    rest::{
        Problem,
        extract::{At, Body, Params},
        openapi::{Operation, Route, describe::Answer, route},
        paging,
    },
};

pub(super) fn routes() -> Vec<Route<Arc<Gateway>>> {
    vec![
        route!(standing),
        route!(waiting),
        route!(retry, [Code::Unavailable]),
        route!(rebuild, [Conflict]),
        route!(rebuilding),
    ]
}

/// How far the read models are.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Projections {
    /// Partition by partition.
    partitions: Vec<Standing>,
    /// How far they were behind in the last quarter of an hour, as this node saw it, oldest first.
    samples: Vec<LagSample>,
    /// Milliseconds between two samples.
    sampled_every_ms: u64,
}

/// Tells how far the read models are, and were lately.
#[utoipa::path(get, path = "/console/projections", operation_id = "getProjections", tag = "console")]
async fn standing(State(gateway): State<Arc<Gateway>>, _: Caller) -> Result<Json<Projections>, Problem> {
    let log = gateway.console.log();
    let heads = gateway.partitions.all().map(async |partition| {
        let tail = log.tail(partition).await?;
        Ok::<_, Failure>((partition, tail.last))
    });
    let partitions = standings(&gateway.read, try_join_all(heads).await?).await?;
    let sampled_every_ms = u64::try_from(EVERY.as_millis()).unwrap_or(u64::MAX);
    Ok(Json(Projections { partitions, samples: gateway.console.lag.samples(), sampled_every_ms }))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ParkedListing")]
struct Listing {
    /// The `next` of an earlier page.
    after: Option<String>,
    /// Rows of a page; 50 unless it is said.
    #[schemars(range(min = 1, max = paging::MAX_ROWS))]
    limit: Option<u32>,
}

/// Lists the events that could not be applied, and those that wait behind one of the same room or user.
#[utoipa::path(get, path = "/console/parked", operation_id = "listParked", tag = "console")]
async fn waiting(
    State(gateway): State<Arc<Gateway>>,
    _: Caller,
    Params(Listing { after, limit }): Params<Listing>,
) -> Result<Json<Page<Parked>>, Problem> {
    let after: Option<Position> = paging::cursor("after", after.as_deref())?;
    Ok(Json(parked_after(&gateway.read, after, paging::limit(limit)?).await?))
}

/// Tries the parked events of a room or a user again, in their order up to the first that fails.
#[utoipa::path(post, path = "/console/parked/{owner}/retry", operation_id = "retryParked", tag = "console")]
async fn retry(State(gateway): State<Arc<Gateway>>, _: Caller, At(owner): At<Uuid>) -> Result<Json<Retried>, Problem> {
    Ok(Json(retry_parked(&gateway.read, Some(owner)).await?))
}

/// What to do.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewRebuild {
    /// `swap` puts the rebuilt tables in the place of the live ones, `check` only compares them; `swap` unless it is
    /// said.
    mode: Option<Mode>,
}

/// 202.
struct Begun(Rebuild);

impl IntoResponse for Begun {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self.0)).into_response()
    }
}

impl Answer for Begun {
    fn describe(operation: &mut Operation<'_>) {
        operation.answers::<Rebuild>(StatusCode::ACCEPTED);
    }
}

/// Begins to make the read models again from the log, beside the live ones.
#[utoipa::path(post, path = "/console/rebuild", operation_id = "beginRebuild", tag = "console")]
async fn rebuild(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Body(NewRebuild { mode }): Body<NewRebuild>,
) -> Result<Begun, Problem> {
    let what = (Arc::clone(gateway.console.log()), gateway.read.clone());
    let how = (caller.user, mode.unwrap_or(Mode::Swap));
    let (clock, over) = (Arc::clone(&gateway.clock), gateway.shutdown.clone());
    Ok(Begun(gateway.console.rebuilding.begin(what, how, clock, over)?))
}

/// The last rebuild.
#[derive(Serialize, JsonSchema)]
struct LastRebuild {
    /// The last one that was begun on this node; null when there was none since it began.
    rebuild: Option<Rebuild>,
}

/// Tells how the last rebuild of this node is going, or how it went.
#[utoipa::path(get, path = "/console/rebuild", operation_id = "getRebuild", tag = "console")]
async fn rebuilding(State(gateway): State<Arc<Gateway>>, _: Caller) -> Result<Json<LastRebuild>, Problem> {
    Ok(Json(LastRebuild { rebuild: gateway.console.rebuilding.last() }))
}
