//! Whom messages mention: what [`unread`](crate::markers) counts, and what a message carries.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::PgConnection;
use uuid::Uuid;
use voxlog_core::{
    event::Event,
    id::{MessageId, RoomId, UserId},
    message,
};

use crate::projection::{Applied, Projection};

/// The read model of mentions. Messages that are deleted, or that were never recorded, mention nobody.
#[derive(Debug)]
pub struct Mentions;

/// The users whom the message `m` mentions, in the order in which it names them.
macro_rules! mentioned {
    () => {
        "ARRAY(SELECT user_id FROM mentions WHERE room_id = m.room_id AND message_id = m.id ORDER BY place)"
    };
}
pub(crate) use mentioned;

#[async_trait]
impl Projection for Mentions {
    fn name(&self) -> &'static str {
        "mentions"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["mentions"]
    }

    async fn apply(&self, tx: &mut PgConnection, events: &[&Applied]) -> Result<(), sqlx::Error> {
        let Some(first) = events.first() else { return Ok(()) };
        match &first.envelope.event {
            Event::Message(message::Event::Posted { .. }) => mention(tx, &said(events)).await,
            Event::Message(message::Event::Edited { .. }) => {
                forget(tx, events).await?;
                mention(tx, &said(events)).await
            }
            Event::Message(message::Event::Deleted { .. }) => forget(tx, events).await,
            _ => Ok(()),
        }
    }
}

/// The mentions that messages have after these events: of several edits of one, the last one's. A post that is there
/// twice is the first one.
fn said<'a>(events: &[&'a Applied]) -> BTreeMap<(RoomId, MessageId), &'a [UserId]> {
    let mut said = BTreeMap::new();
    for event in events {
        let (Some(room), Event::Message(fact)) = (event.room(), &event.envelope.event) else { continue };
        match fact {
            message::Event::Posted { message_id, mentions, .. } => {
                said.entry((room, *message_id)).or_insert(mentions.as_slice());
            }
            message::Event::Edited { message_id, mentions, .. } => {
                said.insert((room, *message_id), mentions.as_slice());
            }
            _ => {}
        }
    }
    said
}

async fn mention(tx: &mut PgConnection, said: &BTreeMap<(RoomId, MessageId), &[UserId]>) -> Result<(), sqlx::Error> {
    let (mut rooms, mut ids, mut users, mut places) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for ((room, id), mentioned) in said {
        for (user, place) in mentioned.iter().zip(0i32..) {
            rooms.push(room.as_uuid());
            ids.push(id.as_uuid());
            users.push(user.as_uuid());
            places.push(place);
        }
    }
    // Most messages mention nobody.
    if rooms.is_empty() {
        return Ok(());
    }
    let insert = "INSERT INTO mentions (room_id, message_id, user_id, place, seq)
         SELECT n.room_id, n.message_id, n.user_id, n.place, m.seq
         FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[]) AS n (room_id, message_id, user_id, place)
         JOIN messages AS m ON m.room_id = n.room_id AND m.id = n.message_id
         WHERE m.recorded AND m.deleted_at IS NULL ON CONFLICT DO NOTHING";
    sqlx::query(insert).bind(rooms).bind(ids).bind(users).bind(places).execute(tx).await?;
    Ok(())
}

async fn forget(tx: &mut PgConnection, events: &[&Applied]) -> Result<(), sqlx::Error> {
    let (rooms, ids): (Vec<Uuid>, Vec<Uuid>) = crate::messages::keys(events);
    let delete = "DELETE FROM mentions AS t USING UNNEST($1::uuid[], $2::uuid[]) AS d (room_id, message_id)
         WHERE t.room_id = d.room_id AND t.message_id = d.message_id";
    sqlx::query(delete).bind(rooms).bind(ids).execute(tx).await?;
    Ok(())
}
