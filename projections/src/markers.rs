//! Up to where people have read, and what is left for them to read.
//!
//! A marker stands on its user's chain and never goes back, whatever the order in which their devices set it. Counts
//! are taken when they are asked for, from the room's messages as they are then: no number is kept that an edit, a
//! deletion or another device would have to find and mend.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::{PgConnection, Row, postgres::PgRow};
use voxlog_core::{
    event::Event,
    id::{RoomId, UserId},
    position::Seq,
    user,
};

use crate::{
    ReadModel, columns,
    projection::{Applied, Projection},
};

/// What somebody has not read of a room that they are in: what stands beyond `read_seq`. Their own messages don't
/// count, nor those that are deleted or were not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Unread {
    /// Which room.
    pub room_id: RoomId,
    /// Messages: 1,000 means that many or more, and what stands before the newest 10,000 of the room is not counted.
    pub unread: i64,
    /// Those of them that mention the reader: 1,000 means that many or more.
    pub mentions: i64,
    /// Up to where they have read: their marker, or where they joined as long as they have set none.
    pub read_seq: Seq,
}

/// The read model of read markers.
#[derive(Debug)]
pub struct Markers;

/// The columns `unread`, `mentions` and `read_seq`, for a row of `members` named `seat` and its marker as [`marked`]
/// joins it. Each takes a bounded piece of one index.
macro_rules! counted {
    () => {
        "COALESCE(mark.seq, seat.seq) AS read_seq, \
         (SELECT count(*) FROM (SELECT FROM (SELECT author_id FROM messages WHERE room_id = seat.room_id \
             AND seq > COALESCE(mark.seq, seat.seq) AND recorded AND deleted_at IS NULL \
             ORDER BY seq DESC LIMIT 10000) AS newest WHERE author_id <> seat.user_id LIMIT 1000) AS theirs) AS unread, \
         (SELECT count(*) FROM (SELECT FROM mentions WHERE user_id = seat.user_id AND room_id = seat.room_id \
             AND seq > COALESCE(mark.seq, seat.seq) LIMIT 1000) AS theirs) AS mentions"
    };
}
pub(crate) use counted;

/// Joins the marker of a row of `members` named `seat`.
macro_rules! marked {
    () => {
        "LEFT JOIN markers AS mark ON mark.user_id = seat.user_id AND mark.room_id = seat.room_id"
    };
}
pub(crate) use marked;

#[async_trait]
impl Projection for Markers {
    fn name(&self) -> &'static str {
        "markers"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["markers"]
    }

    async fn apply(&self, tx: &mut PgConnection, events: &[&Applied]) -> Result<(), sqlx::Error> {
        let (mut users, mut rooms, mut seqs) = (Vec::new(), Vec::new(), Vec::new());
        for event in events {
            if let Event::User(user::Event::ReadMarked { user_id, room_id, seq }) = &event.envelope.event {
                users.push(user_id.as_uuid());
                rooms.push(room_id.as_uuid());
                seqs.push(columns::bigint(*seq));
            }
        }
        if users.is_empty() {
            return Ok(());
        }
        let upsert = "INSERT INTO markers AS m (user_id, room_id, seq)
             SELECT user_id, room_id, max(seq) FROM UNNEST($1::uuid[], $2::uuid[], $3::bigint[])
                 AS r (user_id, room_id, seq) GROUP BY user_id, room_id
             ON CONFLICT (user_id, room_id) DO UPDATE SET seq = GREATEST(m.seq, excluded.seq)";
        sqlx::query(upsert).bind(users).bind(rooms).bind(seqs).execute(tx).await?;
        Ok(())
    }
}

/// What a user has not read, for each room that they are in, by room. One page of it comes with
/// [`rooms_of`](crate::rooms::rooms_of).
pub async fn unread(db: &ReadModel, user: UserId) -> Result<Vec<Unread>, sqlx::Error> {
    let select = concat!(
        "SELECT seat.room_id, ",
        counted!(),
        " FROM members AS seat ",
        marked!(),
        " WHERE seat.user_id = $1 ORDER BY seat.room_id"
    );
    let rows = sqlx::query(select).bind(user.as_uuid()).fetch_all(db.pool()).await?;
    rows.iter().map(read).collect()
}

fn read(row: &PgRow) -> Result<Unread, sqlx::Error> {
    Ok(Unread {
        room_id: columns::room(row, "room_id")?,
        unread: row.try_get("unread")?,
        mentions: row.try_get("mentions")?,
        read_seq: columns::seq(row, "read_seq")?,
    })
}
