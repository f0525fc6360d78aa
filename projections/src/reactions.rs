//! Who answered a message with which emoji.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use voxlog_core::{event::Event, id::UserId, message};

use crate::{
    columns,
    projection::{Applied, Projection},
};

/// An emoji on a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reaction {
    /// Which.
    pub emoji: String,
    /// How many gave it.
    pub count: i64,
    /// The first 20 of them.
    pub user_ids: Vec<UserId>,
}

/// The read model of reactions. Messages that are deleted, or that were never recorded, have none.
#[derive(Debug)]
pub struct Reactions;

/// The reactions of the message `m` as a JSON array of [`Reaction`], in the order in which the emojis first came.
macro_rules! tally {
    () => {
        "COALESCE((SELECT jsonb_agg(jsonb_build_object('emoji', e.emoji, 'count', e.count, 'userIds', e.users) \
         ORDER BY e.first) FROM (SELECT emoji, count(*), min(seq) AS first, \
         (array_agg(user_id ORDER BY seq))[1:20] AS users FROM reactions \
         WHERE room_id = m.room_id AND message_id = m.id GROUP BY emoji) AS e), '[]')"
    };
}
pub(crate) use tally;

#[async_trait]
impl Projection for Reactions {
    fn name(&self) -> &'static str {
        "reactions"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["reactions"]
    }

    async fn apply(&self, tx: &mut PgConnection, events: &[&Applied]) -> Result<(), sqlx::Error> {
        let Some(first) = events.first() else { return Ok(()) };
        match &first.envelope.event {
            Event::Message(message::Event::ReactionAdded { .. }) => add(tx, events).await,
            Event::Message(message::Event::ReactionRemoved { .. }) => remove(tx, events).await,
            Event::Message(message::Event::Deleted { .. }) => forget(tx, events).await,
            _ => Ok(()),
        }
    }
}

async fn add(tx: &mut PgConnection, events: &[&Applied]) -> Result<(), sqlx::Error> {
    let (mut rooms, mut ids, mut emojis) = (Vec::new(), Vec::new(), Vec::new());
    let (mut users, mut seqs, mut times) = (Vec::new(), Vec::new(), Vec::new());
    for event in events {
        let Event::Message(message::Event::ReactionAdded { message_id, user_id, emoji }) = &event.envelope.event else {
            continue;
        };
        let Some(room) = event.room() else { continue };
        rooms.push(room.as_uuid());
        ids.push(message_id.as_uuid());
        emojis.push(columns::text(emoji));
        users.push(user_id.as_uuid());
        seqs.push(columns::bigint(event.seq));
        times.push(event.time());
    }
    let insert = "INSERT INTO reactions (room_id, message_id, emoji, user_id, seq, added_at)
         SELECT r.* FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::bigint[], $6::timestamptz[])
             AS r (room_id, message_id, emoji, user_id, seq, added_at)
         JOIN messages AS m ON m.room_id = r.room_id AND m.id = r.message_id
         WHERE m.recorded AND m.deleted_at IS NULL ORDER BY r.seq ON CONFLICT DO NOTHING";
    let query = sqlx::query(insert).bind(rooms).bind(ids).bind(emojis).bind(users).bind(seqs).bind(times);
    query.execute(tx).await?;
    Ok(())
}

async fn remove(tx: &mut PgConnection, events: &[&Applied]) -> Result<(), sqlx::Error> {
    let (mut rooms, mut ids, mut emojis, mut users) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for event in events {
        let Event::Message(message::Event::ReactionRemoved { message_id, user_id, emoji }) = &event.envelope.event
        else {
            continue;
        };
        let Some(room) = event.room() else { continue };
        rooms.push(room.as_uuid());
        ids.push(message_id.as_uuid());
        emojis.push(columns::text(emoji));
        users.push(user_id.as_uuid());
    }
    let delete = "DELETE FROM reactions AS t
         USING UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::uuid[]) AS r (room_id, message_id, emoji, user_id)
         WHERE t.room_id = r.room_id AND t.message_id = r.message_id AND t.emoji = r.emoji AND t.user_id = r.user_id";
    sqlx::query(delete).bind(rooms).bind(ids).bind(emojis).bind(users).execute(tx).await?;
    Ok(())
}

async fn forget(tx: &mut PgConnection, events: &[&Applied]) -> Result<(), sqlx::Error> {
    let (rooms, ids) = crate::messages::keys(events);
    let delete = "DELETE FROM reactions AS t USING UNNEST($1::uuid[], $2::uuid[]) AS d (room_id, message_id)
         WHERE t.room_id = d.room_id AND t.message_id = d.message_id";
    sqlx::query(delete).bind(rooms).bind(ids).execute(tx).await?;
    Ok(())
}
