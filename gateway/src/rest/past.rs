//! What the log alone tells of a room: how it was, and who did what to it.

use std::sync::Arc;

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use voxlog_core::{clock::Time, envelope::Envelope, id::RoomId, position::Seq};
use voxlog_projections::Page;

use super::{
    Problem,
    extract::{At, Params},
    openapi::{Route, route},
    paging, refused,
};
use crate::{
    Gateway,
    error::{Code, Failure},
    hub::{self, Entry, Past, past::MAX_MESSAGES},
    identity::Caller,
};

pub(super) fn routes() -> Vec<Route<Arc<Gateway>>> {
    vec![route!(state, refused::IN_ROOM), route!(audit, refused::IN_ROOM, [Code::Forbidden])]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Moment {
    /// A seq of the room, or a time; now unless it is said.
    #[schemars(regex(pattern = "^([0-9]{1,16}|[0-9]{4}-[0-9]{2}-[0-9]{2}T.*)$"))]
    at: Option<String>,
    /// How many of the last messages to show as they read then.
    #[schemars(range(max = MAX_MESSAGES))]
    messages: Option<usize>,
}

/// Shows the room as it was: members, roles, settings, and the last messages as they then read. Operators see any room.
#[utoipa::path(get, path = "/rooms/{id}/state", operation_id = "getRoomState", tag = "rooms")]
async fn state(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<RoomId>,
    Params(Moment { at, messages }): Params<Moment>,
) -> Result<Json<Past>, Problem> {
    let at = at.map_or(Ok(hub::At::Now), |at| moment(&at))?;
    let messages = messages.unwrap_or_default();
    if messages > MAX_MESSAGES {
        return Err(Failure::invalid("messages", format!("must be 0 to {MAX_MESSAGES}")).into());
    }
    Ok(Json(gateway.hub.past(&caller, id, at, messages).await?))
}

fn moment(text: &str) -> Result<hub::At, Failure> {
    if let Ok(seq) = text.parse() {
        return Ok(hub::At::Seq(Seq(seq).min(Seq::MAX)));
    }
    let time = text
        .parse::<Time>()
        .map_err(|_| Failure::invalid("at", "must be a seq, or a time as in 2026-11-21T14:00:00Z"))?;
    Ok(hub::At::Time(time))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Trail {
    /// The `next` of an earlier page.
    before: Option<String>,
    /// Rows of a page; 50 unless it is said.
    #[schemars(range(min = 1, max = paging::MAX_ROWS))]
    limit: Option<u32>,
}

/// Something that was done to a room or its members.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Deed {
    /// Where it stands in the log.
    seq: Seq,
    /// The CloudEvent as stored.
    #[schemars(with = "Envelope")]
    event: Box<RawValue>,
}

impl Deed {
    fn of(entry: &Entry) -> Result<Self, Failure> {
        let event = serde_json::from_slice(&entry.event).map_err(|error| Failure::internal(&error))?;
        Ok(Self { seq: entry.seq, event })
    }
}

/// Lists who did what to the room and its members, the latest first. The right of admins and the owner.
#[utoipa::path(get, path = "/rooms/{id}/audit", operation_id = "listAudit", tag = "moderation")]
async fn audit(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<RoomId>,
    Params(Trail { before, limit }): Params<Trail>,
) -> Result<Json<Page<Deed>>, Problem> {
    let (before, limit) = (paging::seq("before", before.as_deref())?, paging::limit(limit)?);
    let entries = gateway.hub.audit(caller.user, id, before, limit + 1).await?;
    let deeds = entries.iter().map(|entry| Deed::of(entry)).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(Page::cut(deeds, limit, |deed| deed.seq.to_string())))
}
