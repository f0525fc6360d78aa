//! Rooms with a lot in them, made faster than clients could.

use anyhow::Result;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use voxlog_core::{
    clock::{Clock, SystemClock, Time},
    envelope::Envelope,
    event::Subject,
    id::{CorrelationId, MessageId, RoomId, UserId},
    log::{Log, Record},
    message::{Event, Kind},
    position::{Chain, Class, Seq},
};

use crate::{
    client::{Client, Encoding},
    world::World,
};

/// Appends in flight: what keeps one server busy.
const IN_FLIGHT: usize = 256;

/// A public room of `owner`'s that `members` have joined.
pub async fn found_room(world: &World, ws_url: &str, owner: UserId, members: &[UserId]) -> Result<RoomId> {
    let mut client = Client::connect(ws_url, &world.token(owner), Encoding::Json).await?;
    let seats = members.len().max(1) + 1;
    let room = json!({"name": "a room", "maxUsers": seats, "settings": {"isPublic": true}});
    let created = client.call("room.create", room).await?;
    let room = serde_json::from_value(created["room"].clone())?;
    for &member in members {
        let mut client = Client::connect(ws_url, &world.token(member), Encoding::Json).await?;
        client.call("room.join", json!({ "room": room })).await?;
    }
    Ok(room)
}

/// Appends `count` messages of `author`'s to a room, straight to the log and under its fence as a gateway would.
/// Returns the last one's seq.
pub async fn fill(world: &World, room: RoomId, author: UserId, count: usize) -> Result<Seq> {
    let log = world.log().await;
    let fence = log.tail(log.partitions().of(room.as_uuid())).await?.fence;
    let now = SystemClock.now();
    let appends = stream::iter(0..count).map(|number| {
        let log = &log;
        async move { log.append(message(room, author, number, now), fence).await }
    });
    let seqs = appends.buffer_unordered(IN_FLIGHT).map_ok(|appended| appended.seq);
    seqs.try_fold(Seq::ZERO, async |last, seq| Ok(last.max(seq))).await.map_err(Into::into)
}

fn message(room: RoomId, author: UserId, number: usize, time: Time) -> Record {
    let id = MessageId::mint(&SystemClock);
    let posted = Event::Posted {
        message_id: id,
        author_id: author,
        content: format!("message {number} of a busy room"),
        kind: Kind::Text,
        reply_to: None,
        thread_root: None,
        mentions: vec![],
    };
    let envelope = Envelope {
        id: id.into(),
        subject: Subject::Room(room),
        time,
        actor: author,
        correlation: CorrelationId::mint(&SystemClock),
        causation: None,
        event: posted.into(),
    };
    Record { id: id.into(), chain: Chain::Room(room, Class::Msg), payload: envelope.encode(), ttl: None }
}
