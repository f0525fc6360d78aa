//! The messages that a room keeps in view.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::{PgConnection, Row, postgres::PgRow};
use voxlog_core::{
    clock::Time,
    event::Event,
    id::{MessageId, RoomId, UserId},
    message,
    position::Seq,
};

use crate::{
    Page, ReadModel, columns,
    page::one_more,
    projection::{Applied, Projection},
};

/// A message on a room's pins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pin {
    /// Which.
    pub message_id: MessageId,
    /// Who put it there.
    pub actor_id: UserId,
    /// When.
    pub pinned_at: Time,
    /// The event that did it: the list's order.
    pub seq: Seq,
}

/// The read model of pins. A message that is deleted, or that was never recorded, is on none.
#[derive(Debug)]
pub struct Pins;

#[async_trait]
impl Projection for Pins {
    fn name(&self) -> &'static str {
        "pins"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["pins"]
    }

    async fn apply(&self, tx: &mut PgConnection, events: &[&Applied]) -> Result<(), sqlx::Error> {
        let Some(first) = events.first() else { return Ok(()) };
        match &first.envelope.event {
            Event::Message(message::Event::Pinned { .. }) => pin(tx, events).await,
            Event::Message(message::Event::Unpinned { .. } | message::Event::Deleted { .. }) => unpin(tx, events).await,
            _ => Ok(()),
        }
    }
}

async fn pin(tx: &mut PgConnection, events: &[&Applied]) -> Result<(), sqlx::Error> {
    let (rooms, ids) = crate::messages::keys(events);
    let actors: Vec<_> = events.iter().map(|event| event.actor().as_uuid()).collect();
    let seqs: Vec<_> = events.iter().map(|event| columns::bigint(event.seq)).collect();
    let times: Vec<_> = events.iter().map(|event| event.time()).collect();
    let insert = "INSERT INTO pins (room_id, message_id, actor_id, seq, pinned_at)
         SELECT p.* FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::timestamptz[])
             AS p (room_id, message_id, actor_id, seq, pinned_at)
         JOIN messages AS m ON m.room_id = p.room_id AND m.id = p.message_id
         WHERE m.recorded AND m.deleted_at IS NULL ORDER BY p.seq ON CONFLICT DO NOTHING";
    let query = sqlx::query(insert).bind(rooms).bind(ids).bind(actors).bind(seqs).bind(times);
    query.execute(tx).await?;
    Ok(())
}

async fn unpin(tx: &mut PgConnection, events: &[&Applied]) -> Result<(), sqlx::Error> {
    let (rooms, ids) = crate::messages::keys(events);
    let delete = "DELETE FROM pins AS t USING UNNEST($1::uuid[], $2::uuid[]) AS d (room_id, message_id)
         WHERE t.room_id = d.room_id AND t.message_id = d.message_id";
    sqlx::query(delete).bind(rooms).bind(ids).execute(tx).await?;
    Ok(())
}

/// A room's pins, the newest first: `limit` of them before the one whose `seq` is `before`.
pub async fn pins(db: &ReadModel, room: RoomId, before: Option<Seq>, limit: usize) -> Result<Page<Pin>, sqlx::Error> {
    let select = "SELECT message_id, actor_id, pinned_at, seq FROM pins
         WHERE room_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";
    let before = before.map_or(i64::MAX, columns::bigint);
    let query = sqlx::query(select).bind(room.as_uuid()).bind(before).bind(one_more(limit));
    let rows = query.fetch_all(db.pool()).await?;
    let pins = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(pins, limit, |pin| pin.seq.to_string()))
}

fn read(row: &PgRow) -> Result<Pin, sqlx::Error> {
    Ok(Pin {
        message_id: columns::message(row, "message_id")?,
        actor_id: columns::user(row, "actor_id")?,
        pinned_at: row.try_get("pinned_at")?,
        seq: columns::seq(row, "seq")?,
    })
}
