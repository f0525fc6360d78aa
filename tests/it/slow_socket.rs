//! A client that stops reading costs a page and a bounded queue; nobody else notices, and it loses nothing.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use serde_json::json;
use voxlog_core::clock::SystemClock;
use voxlog_tests::{
    client::{Client, Encoding, RoomView},
    fill::{fill, found_room},
    process::Process,
    world::{World, user_id},
};

const EVENTS: usize = 100_000;

/// What a stalled socket may cost the gateway while everything passes it by.
const MAX_GROWTH_BYTES: u64 = 20 * 1024 * 1024;

/// A receive buffer that is soon full.
const SMALL: Option<u32> = Some(4096);

const PATIENCE: Duration = Duration::from_mins(2);

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stops_reading_is_kept_and_gets_everything_later() -> Result<()> {
    let world = World::on_one_server().await;
    let gateway = Process::serve(&world, "gateway").await;
    let (owner, slow, fast) = (user_id(), user_id(), user_id());
    let room = found_room(&world, &gateway.ws_url(), owner, &[slow, fast]).await?;

    let mut attentive = Client::connect(&gateway.ws_url(), &world.token(fast), Encoding::Json).await?;
    let mut theirs = RoomView::new(room.to_string());
    attentive.subscribe(&mut theirs).await?;
    let mut stalled = Client::open(&gateway.ws_url(), Encoding::Json, SMALL).await?;
    let mut late = RoomView::new(room.to_string());
    stalled.call("hello", json!({ "token": world.token(slow) })).await?;
    stalled.subscribe(&mut late).await?;

    // Once through without the measure: allocator and ring have then what they keep.
    let warm_up = fill(&world, room, owner, 2_000).await?;
    attentive.read_to(&mut theirs, warm_up.0, PATIENCE).await?;
    let before = gateway.resident_bytes();

    let filling = fill(&world, room, owner, EVENTS);
    let last = filling.await?;
    attentive.read_to(&mut theirs, last.0, PATIENCE).await?;
    assert_eq!(theirs.seen().len(), EVENTS + 2_000, "the others get everything");
    let growth = gateway.resident_bytes().saturating_sub(before);
    println!("the gateway grew by {growth} bytes while {EVENTS} events passed a stalled socket");
    assert!(growth < MAX_GROWTH_BYTES, "the gateway grew by {growth} bytes");

    stalled.read_to(&mut late, last.0, PATIENCE).await?;
    assert_eq!(late.seen(), theirs.seen(), "the slow one gets everything, in the same order");
    Ok(())
}

/// What was not recorded may have left the log before a slow socket came to it.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_too_slow_for_what_is_not_recorded_is_told_so() -> Result<()> {
    let world = World::on_one_server().await;
    let gateway = world.gateway_with(|config| config.ring_events = 16, Arc::new(SystemClock)).await;
    let (owner, slow) = (user_id(), user_id());
    let room = found_room(&world, &gateway.ws_url(), owner, &[slow]).await?;
    let mut admin = Client::connect(&gateway.ws_url(), &world.token(owner), Encoding::Json).await?;
    admin.call("room.update", json!({ "room": room, "settings": { "recordMessages": false } })).await?;
    let mut stalled = Client::open(&gateway.ws_url(), Encoding::Json, SMALL).await?;
    let mut view = RoomView::new(room.to_string());
    stalled.call("hello", json!({ "token": world.token(slow) })).await?;
    stalled.subscribe(&mut view).await?;
    fill(&world, room, owner, EVENTS / 5).await?;
    // Once this is answered, all of them have passed the stalled socket by.
    admin.call("message.send", json!({ "room": room, "content": "the last" })).await?;

    while view.lost().is_none() {
        view.look_at(&stalled.next_unasked(PATIENCE).await?)?;
    }
    assert_eq!(view.lost(), Some("conflict"));
    let again = stalled.call("subscribe", json!({ "room": room, "cursor": view.cursor() })).await?;
    assert_eq!((&again["recovered"], &again["reason"]), (&json!(false), &json!("not_recorded")), "{again}");
    Ok(())
}
