//! Any room, and what its history is made of. How it was at a moment is told by `GET /rooms/{id}/state`.

use std::sync::Arc;

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use voxlog_core::{
    clock::Time,
    envelope::Header,
    id::{RoomId, UserId},
    log::inspect::{Raw, Within},
    position::Seq,
};
use voxlog_projections::{
    Page,
    rooms::{Room, all_rooms},
};

use super::row::RecordClass;
use crate::{
    Gateway,
    error::{Code, Failure},
    identity::Caller,
    rest::{
        Problem,
        extract::{At, Fresh, Params},
        openapi::{Route, route},
        paging, refused,
    },
};

/// The longest text that rooms are searched for, in characters.
const MAX_QUERY_CHARS: usize = 100;

/// Steps of a page of a room's history, at most and unless it is said.
const MAX_STEPS: u32 = 1000;

pub(super) fn routes() -> Vec<Route<Arc<Gateway>>> {
    vec![route!(list), route!(timeline, refused::LOOKED_UP)]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AnyRooms")]
struct Listing {
    /// Words of the name or the description, or a code, or an id.
    #[schemars(length(max = MAX_QUERY_CHARS))]
    query: Option<String>,
    /// The `next` of an earlier page.
    after: Option<String>,
    /// Rows of a page; 50 unless it is said.
    #[schemars(range(min = 1, max = paging::MAX_ROWS))]
    limit: Option<u32>,
}

/// Lists rooms of any kind, archived ones included, the newest first.
#[utoipa::path(get, path = "/console/rooms", operation_id = "listAllRooms", tag = "console")]
async fn list(
    State(gateway): State<Arc<Gateway>>,
    _: Caller,
    Params(Listing { query, after, limit }): Params<Listing>,
    _: Fresh,
) -> Result<Json<Page<Room>>, Problem> {
    let query = query.as_deref().map(str::trim).filter(|query| !query.is_empty());
    if query.is_some_and(|query| query.chars().count() > MAX_QUERY_CHARS) {
        return Err(Failure::invalid("query", format!("at most {MAX_QUERY_CHARS} characters")).into());
    }
    let (after, limit) = (paging::cursor("after", after.as_deref())?, paging::limit(limit)?);
    Ok(Json(all_rooms(&gateway.read, query, after, limit).await?))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Span {
    /// The `next` of a later page: what stands before it.
    before: Option<String>,
    /// Steps of a page; 1000 unless it is said.
    #[schemars(range(min = 1, max = MAX_STEPS))]
    limit: Option<u32>,
}

/// Something that happened in a room.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct TimelineStep {
    /// Where it stands in the room's partition.
    seq: Seq,
    /// Which of the room's chains it stands on.
    class: RecordClass,
    /// What happened; null when that can't be read.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// When the log took it, by the log's clock.
    time: Time,
    /// Who asked for it; null when that can't be read.
    actor: Option<UserId>,
}

impl TimelineStep {
    fn of(raw: &Raw) -> Self {
        let header = Header::read(&raw.payload).ok();
        let actor = header.as_ref().map(|header| header.actor);
        let kind = header.map(|header| header.kind.into_owned());
        Self { seq: raw.seq, class: RecordClass::of(raw), kind, time: raw.time, actor }
    }
}

/// Lists what happened in a room, without the particulars: the last steps, or those before a place, oldest first.
///
/// Between two of these seqs nothing changes: `GET /rooms/{id}/state?at=` shows the room at each of them.
#[utoipa::path(get, path = "/console/rooms/{id}/timeline", operation_id = "getTimeline", tag = "console")]
async fn timeline(
    State(gateway): State<Arc<Gateway>>,
    _: Caller,
    At(room): At<RoomId>,
    Params(Span { before, limit }): Params<Span>,
) -> Result<Json<Page<TimelineStep>>, Problem> {
    let limit = match limit.unwrap_or(MAX_STEPS) {
        steps @ 1..=MAX_STEPS => steps as usize,
        _ => return Err(Failure::invalid("limit", format!("must be 1 to {MAX_STEPS}")).into()),
    };
    let before = paging::seq("before", before.as_deref())?;
    let inspector = &gateway.console.inspector;
    let place = before.unwrap_or(Seq::MAX);
    let found = inspector.before(Within::Room(room), place, limit + 1).await.map_err(Failure::from)?;
    let mut steps: Vec<_> = found.records.iter().map(TimelineStep::of).collect();
    if steps.is_empty() && before.is_none() {
        return Err(Failure::new(Code::NotFound, "there is no such room").into());
    }
    let has_more = steps.len() > limit;
    if has_more {
        steps.remove(0);
    }
    let next = steps.first().filter(|_| has_more).map(|step| step.seq.to_string());
    Ok(Json(Page { data: steps, has_more, next }))
}
