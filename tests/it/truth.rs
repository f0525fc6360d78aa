//! The log is the truth: with PostgreSQL away messages go on, and what stands there afterwards is what the log says.

use std::time::{Duration, Instant};

use anyhow::Result;
use rand::RngExt;
use serde_json::json;
use voxlog_core::{id::RoomId, position::Seq};
use voxlog_projections::{
    messages,
    rebuild::{Mode, rebuild},
};
use voxlog_tests::{
    client::{Client, Encoding, PATIENCE, RoomView},
    fill::{fill, found_room},
    process::program,
    rest::Rest,
    servers,
    world::{World, until, user_id, whole_chain},
};

/// What half of all messages take at most that wait for nobody: far more than the milliseconds that they need, far less
/// than a connection to PostgreSQL is waited for.
const UNAWARE: Duration = Duration::from_millis(250);

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
    world.caught_up().await;

    postgres.kill().await?;
    let (mut last, mut waits) = (0, Vec::new());
    for number in 0..100 {
        let message = json!({ "room": room, "content": format!("without {number}") });
        let begun = Instant::now();
        last = sender.call("message.send", message).await?["seq"].as_u64().expect("an ack has its seq");
        waits.push(begun.elapsed());
    }
    waits.sort_unstable();
    assert!(waits[50] < UNAWARE, "messages waited for PostgreSQL: {waits:?}");
    receiver.read_to(&mut view, last, PATIENCE).await?;
    assert_eq!(view.seen().len(), 101, "everything was delivered");
    let history = Rest::to(&gateway.url).with_token(world.token(reader));
    let away = history.get(&format!("/api/v1/rooms/{room}/messages")).await;
    assert_eq!(
        (away.status.as_u16(), &away.body["code"]),
        (503, &json!("unavailable")),
        "history says that it is away"
    );

    postgres.restart().await?;
    world.caught_up().await;
    let back = history.get(&format!("/api/v1/rooms/{room}/messages?limit=1")).await;
    assert_eq!(back.body["data"][0]["content"], "without 99");
    assert_live_equals_rebuilt(&world, room).await
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
    world.caught_up().await;
    assert_live_equals_rebuilt(&world, room).await
}

/// The sum of all checkpoints; 0 as long as there are none.
async fn checkpoints(world: &World) -> u64 {
    let checkpoints = world.read_model().checkpoints().await.unwrap_or_default();
    checkpoints.iter().map(|position| position.seq.0).sum()
}

/// And both have what the log has: what live and rebuilt miss alike would not show.
async fn assert_live_equals_rebuilt(world: &World, room: RoomId) -> Result<()> {
    let log = world.log().await;
    let report = rebuild(log.clone(), &world.database, "voxlog", Mode::Check, |_| {}).await?;
    assert!(report.equal, "{report:#?}");
    let stored = whole_chain(&*log, room).await?;
    let rows = messages::page(&world.read_model(), room, None, Some(Seq::ZERO), None, stored.len() + 1).await?.data;
    assert!(!stored.is_empty(), "read models of nothing are always equal");
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), stored.iter().map(|it| it.seq).collect::<Vec<_>>());
    Ok(())
}
