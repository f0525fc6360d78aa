//! The log is the truth: with PostgreSQL away messages go on, and what stands there afterwards is what the log says.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use rand::RngExt;
use serde_json::json;
use voxlog_core::{log::Log, position::Position};
use voxlog_projections::rebuild::{Mode, rebuild};
use voxlog_tests::{
    client::{Client, Encoding, PATIENCE, RoomView},
    fill::{fill, found_room},
    process::program,
    rest::Rest,
    servers,
    world::{World, until, user_id},
};

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_on_without_postgresql_and_the_read_models_catch_up() -> Result<()> {
    let mut postgres = servers::own_postgres().await;
    let world = World { database: postgres.url("postgres"), ..World::on_one_server().await };
    let (gateway, _projector) = (world.gateway().await, world.projector().await);
    let (author, reader) = (user_id(), user_id());
    let room = found_room(&world, &gateway.ws_url(), author, &[reader]).await?;
    let mut sender = Client::connect(&gateway.ws_url(), &world.token(author), Encoding::Json).await?;
    let mut receiver = Client::connect(&gateway.ws_url(), &world.token(reader), Encoding::Msgpack).await?;
    let mut view = RoomView::new(room.to_string());
    receiver.subscribe(&mut view).await?;
    sender.call("message.send", json!({ "room": room, "content": "before" })).await?;
    caught_up(&world).await;

    postgres.kill().await?;
    let mut last = 0;
    for number in 0..100 {
        let message = json!({ "room": room, "content": format!("without {number}") });
        last = sender.call("message.send", message).await?["seq"].as_u64().expect("an ack has its seq");
    }
    receiver.read_to(&mut view, last, PATIENCE).await?;
    assert_eq!(view.seen().len(), 101, "everything was delivered");
    let history = Rest::to(&gateway.url).with_token(world.token(reader));
    let away = history.get(&format!("/api/v1/rooms/{room}/messages")).await;
    assert_eq!((away.status.as_u16(), &away.body["code"]), (503, &json!("unavailable")), "history says that it is away");

    postgres.restart().await?;
    caught_up(&world).await;
    let back = history.get(&format!("/api/v1/rooms/{room}/messages?limit=1")).await;
    assert_eq!(back.body["data"][0]["content"], "without 99");
    assert_live_equals_rebuilt(&world).await
}

#[tokio::test(flavor = "multi_thread")]
async fn projectors_that_are_killed_again_and_again_end_where_the_log_ends() -> Result<()> {
    let world = World::on_one_server().await;
    let (gateway, author) = (world.gateway().await, user_id());
    let room = found_room(&world, &gateway.ws_url(), author, &[]).await?;
    for _ in 0..8 {
        let mut projector = program(&world).args(["serve", "projections"]).spawn()?;
        let filling = fill(&world, room, author, 2_000);
        let started = checkpoints(&world).await;
        filling.await?;
        // Somewhere between its first transaction and its last.
        until("the projector has begun", async || checkpoints(&world).await > started).await;
        tokio::time::sleep(Duration::from_micros(rand::rng().random_range(0..50_000))).await;
        projector.start_kill()?;
        projector.wait().await?;
    }
    let _last = world.projector().await;
    caught_up(&world).await;
    assert_live_equals_rebuilt(&world).await
}

/// The sum of all checkpoints; 0 as long as there are none.
async fn checkpoints(world: &World) -> u64 {
    let checkpoints = world.read_model().checkpoints().await.unwrap_or_default();
    checkpoints.iter().map(|position| position.seq.0).sum()
}

/// Waits until the read models have everything that the log has now.
async fn caught_up(world: &World) {
    let (log, read) = (world.log().await, world.read_model());
    for partition in log.partitions().all() {
        let seq = log.tail(partition).await.expect("the log answers").last;
        let position = Position { partition, seq };
        until("the read models have caught up", async || read.wait_for(position, PATIENCE).await.is_ok()).await;
    }
}

async fn assert_live_equals_rebuilt(world: &World) -> Result<()> {
    let log: Arc<dyn Log> = world.log().await;
    let report = rebuild(log, &world.database, "voxlog", Mode::Check, |_| {}).await?;
    assert!(report.equal, "{report:#?}");
    assert!(report.tables.iter().any(|table| table.rebuilt.rows > 0), "digests of nothing are always equal");
    Ok(())
}
