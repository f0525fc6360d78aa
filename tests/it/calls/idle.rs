//! A call in which nothing happens ends by itself; one that is used goes on.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};
use voxlog_core::{clock::SystemClock, id::RoomId, position::Class};
use voxlog_tests::{
    client::{Client, Encoding},
    fill::found_room,
    rest::Rest,
    world::{World, read_room, until, user_id},
};

const IDLE: Duration = Duration::from_secs(2);

/// Whoever ends calls, for as long as it is kept.
async fn workers(world: &World) -> DropGuard {
    let (client, shutdown) = (world.nats_client().await, CancellationToken::new());
    let parts = voxlog_workers::Parts {
        config: voxlog_workers::Config::new(world.replicas),
        log: world.log().await,
        bus: world.bus().await,
        client,
        namespace: world.namespace.clone(),
        clock: Arc::new(SystemClock),
        health: Arc::default(),
    };
    tokio::spawn(voxlog_workers::run(parts, shutdown.clone()));
    shutdown.drop_guard()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_in_which_nothing_happens_ends_by_itself_and_one_that_is_used_goes_on() -> Result<()> {
    let world = World::on_one_server().await;
    let _workers = workers(&world).await;
    let node = world.gateway_with(|config| config.voice.idle = IDLE, Arc::new(SystemClock)).await;
    let (ada, bob) = (user_id(), user_id());
    let quiet = found_room(&world, &node.ws_url(), ada, &[]).await?;
    let busy = found_room(&world, &node.ws_url(), bob, &[]).await?;
    let mut silent = Client::connect(&node.ws_url(), &world.token(ada), Encoding::Json).await?;
    let mut speaker = Client::connect(&node.ws_url(), &world.token(bob), Encoding::Msgpack).await?;
    silent.call("voice.join", json!({ "room": quiet })).await?;
    speaker.call("voice.join", json!({ "room": busy })).await?;

    let call = async |user, room: RoomId| {
        let rest = Rest::to(&node.url).with_token(world.token(user));
        rest.get(&format!("/api/v1/rooms/{room}/call")).await.ok()["call"].clone()
    };
    let mut speaks = false;
    until("the quiet call is over", async || {
        speaks = !speaks;
        let spoken = json!({ "room": busy, "speaking": speaks });
        speaker.call("voice.update", spoken).await.is_ok() && call(ada, quiet).await.is_null()
    })
    .await;
    assert_ne!(call(bob, busy).await, Value::Null, "who speaks is heard");
    let records = read_room(&*world.log().await, quiet).await?;
    let last = records.iter().rfind(|(class, _)| *class == Class::Call).context("calls have events")?;
    let last: Value = serde_json::from_slice(&last.1.payload)?;
    assert_eq!((&last["type"], &last["data"]["reason"]), (&json!("voxlog.call.ended.v1"), &json!("idle")));
    until("the other one too, when nobody speaks any more", async || call(bob, busy).await.is_null()).await;
    silent.call("voice.join", json!({ "room": busy })).await.expect_err("she is in no room of bob's");
    silent.call("voice.join", json!({ "room": quiet })).await?;
    Ok(())
}
