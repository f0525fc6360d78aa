//! Messages found by what they say.
//!
//! The terms of a message stand in a column of [`messages`](crate::messages), which keeps them up with every edit.
//! [ADR 10](../../docs/adr/0010-search-terms.md) tells why they are our own.

use schemars::JsonSchema;
use serde::Serialize;
use sqlx::{Row, postgres::PgRow};
use voxlog_core::{
    clock::Time,
    id::{RoomId, UserId},
};

use crate::{
    Page, ReadModel, columns,
    messages::{self, Message},
    page::one_more,
};

pub use cursor::{HitCursor, InvalidHitCursor};
pub use query::{NothingToSearch, Query};
pub(crate) use terms::terms;

mod cursor;
mod query;
mod terms;

/// What is looked for, by whom, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Who looks: only rooms that they are in now are searched.
    pub user: UserId,
    /// What a message must say.
    pub query: Query,
    /// In which room alone.
    pub room: Option<RoomId>,
    /// By whom alone.
    pub author: Option<UserId>,
    /// Posted before then.
    pub before: Option<Time>,
    /// Posted after then.
    pub after: Option<Time>,
    /// Go on behind this hit.
    pub cursor: Option<HitCursor>,
    /// The most hits.
    pub limit: usize,
}

/// A message that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hit {
    /// The message, as it reads now.
    #[serde(flatten)]
    pub message: Message,
    /// What its room is called.
    pub room_name: String,
}

/// The condition on a message `m`: what is sought, and behind the cursor. No cursor is one that all stand behind; so
/// the comparison stays one that an index can answer.
macro_rules! select {
    ($within:literal) => {
        messages::select!(
            ", r.name AS room_name",
            "JOIN rooms AS r ON r.id = m.room_id WHERE (m.room_id, m.id) IN (SELECT m.room_id, m.id FROM messages AS m ",
            $within,
            " AND m.terms @@ $2::tsquery AND m.terms IS NOT NULL \
             AND (m.posted_at, m.room_id, m.seq) < (COALESCE($3, 'infinity'::timestamptz), $4, $5) \
             AND m.posted_at < COALESCE($6, 'infinity'::timestamptz) \
             AND m.posted_at > COALESCE($7, '-infinity'::timestamptz) AND ($8::uuid IS NULL OR m.author_id = $8) \
             ORDER BY m.posted_at DESC, m.room_id DESC, m.seq DESC LIMIT $9) \
             ORDER BY m.posted_at DESC, m.room_id DESC, m.seq DESC"
        )
    };
}

const EVERYWHERE: &str = select!("WHERE m.room_id IN (SELECT room_id FROM members WHERE user_id = $1)");
const IN_A_ROOM: &str =
    select!("WHERE m.room_id = $10 AND EXISTS (SELECT FROM members AS s WHERE s.room_id = $10 AND s.user_id = $1)");

/// What was found, the newest first. Messages that were deleted or not recorded never are.
pub async fn search(db: &ReadModel, search: &Search) -> Result<Page<Hit>, sqlx::Error> {
    // Planned anew each time: how to find a word best depends on how many have it.
    let mut query = sqlx::query(if search.room.is_some() { IN_A_ROOM } else { EVERYWHERE }).persistent(false);
    query = query.bind(search.user.as_uuid()).bind(search.query.as_str());
    let (time, room, seq) = HitCursor::bounds(search.cursor);
    query = query.bind(time).bind(room).bind(seq);
    query = query
        .bind(search.before.map(columns::nearest))
        .bind(search.after.map(columns::nearest))
        .bind(search.author.map(UserId::as_uuid));
    query = query.bind(one_more(search.limit));
    if let Some(room) = search.room {
        query = query.bind(room.as_uuid());
    }
    let rows = query.fetch_all(db.pool()).await?;
    let hits = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(hits, search.limit, |hit| HitCursor::of(&hit.message).to_string()))
}

fn read(row: &PgRow) -> Result<Hit, sqlx::Error> {
    Ok(Hit { message: messages::read(row)?, room_name: row.try_get("room_name")? })
}
