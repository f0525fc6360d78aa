//! Finding messages.

use std::sync::Arc;

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Deserialize;
use voxlog_core::{
    clock::Time,
    id::{RoomId, UserId},
};
use voxlog_projections::{
    Page,
    search::{self, Hit, NothingToSearch, Search},
};

use super::{
    Problem,
    extract::{Fresh, Params},
    openapi::{Route, route},
    paging, refused,
};
use crate::{Gateway, error::Failure, identity::Caller};

/// The longest text that is searched for, in characters.
const MAX_QUERY_CHARS: usize = 200;

pub(super) fn routes() -> Vec<Route<Arc<Gateway>>> {
    vec![route!(find, refused::IN_ROOM)]
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Sought {
    /// Words, all of which a message must have; `"several words"` must follow each other, `wor*` begins a word.
    #[schemars(length(min = 1, max = MAX_QUERY_CHARS))]
    q: String,
    /// In this room alone, else in all of the caller's.
    room_id: Option<RoomId>,
    /// By this author alone.
    author_id: Option<UserId>,
    /// Posted before this time.
    before: Option<Time>,
    /// Posted after this time.
    after: Option<Time>,
    /// The `next` of an earlier page.
    cursor: Option<String>,
    /// Rows of a page; 50 unless it is said.
    #[schemars(range(min = 1, max = paging::MAX_ROWS))]
    limit: Option<u32>,
}

/// Finds messages in the caller's rooms, the newest first.
#[utoipa::path(get, path = "/search", operation_id = "search", tag = "messages")]
async fn find(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Params(sought): Params<Sought>,
    _: Fresh,
) -> Result<Json<Page<Hit>>, Problem> {
    let Sought { q, room_id: room, author_id: author, before, after, cursor, limit } = sought;
    if q.chars().count() > MAX_QUERY_CHARS {
        return Err(Failure::invalid("q", format!("at most {MAX_QUERY_CHARS} characters")).into());
    }
    let query = q.parse().map_err(|error: NothingToSearch| Failure::invalid("q", error.to_string()))?;
    let (cursor, limit) = (paging::cursor("cursor", cursor.as_deref())?, paging::limit(limit)?);
    if let Some(room) = room {
        gateway.hub.seat(room, caller.user).await?;
    }
    let search = Search { user: caller.user, query, room, author, before, after, cursor, limit };
    Ok(Json(search::search(&gateway.read, &search).await?))
}
