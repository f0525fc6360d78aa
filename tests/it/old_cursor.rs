//! A cursor never gets too old.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use voxlog_core::position::Seq;
use voxlog_tests::{
    client::{Client, Encoding, RoomView},
    fill::{fill, found_room},
    world::{World, user_id, whole_room},
};

const MISSED: usize = 50_000;

/// A control event stands before each of so many parts.
const PARTS: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_resumes_after_50_000_events_through_a_gateway_that_just_started() -> Result<()> {
    let world = World::on_one_server().await;
    let (owner, member) = (user_id(), user_id());
    let first = world.gateway().await;
    let room = found_room(&world, &first.ws_url(), owner, &[member]).await?;
    let mut view = RoomView::new(room.to_string());
    let mut client = Client::connect(&first.ws_url(), &world.token(member), Encoding::Msgpack).await?;
    client.subscribe(&mut view).await?;
    let seen = fill(&world, room, owner, 10).await?;
    client.read_to(&mut view, seen.0, Duration::from_secs(30)).await?;

    // Control events stand between the messages: what is read chain by chain must come in the order of the log.
    let mut busy = Client::connect(&first.ws_url(), &world.token(owner), Encoding::Json).await?;
    let mut last = Seq::ZERO;
    for part in 0..PARTS {
        busy.call("room.update", json!({ "room": room, "name": format!("part {part}") })).await?;
        last = fill(&world, room, owner, MISSED / PARTS).await?;
    }
    first.stop().await;
    let second = world.gateway().await;
    let mut client = Client::connect(&second.ws_url(), &world.token(member), Encoding::Msgpack).await?;
    // Fails unless the answer is `recovered`, and on the first gap, repetition or wrong order.
    client.subscribe(&mut view).await?;
    client.read_to(&mut view, last.0, Duration::from_mins(2)).await?;

    let log = whole_room(&*world.log().await, room).await?;
    assert_eq!(view.seen().len(), 10 + PARTS + MISSED);
    assert!(log.ends_with(view.seen()), "exactly the log since it subscribed");
    Ok(())
}
