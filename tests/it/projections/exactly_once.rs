//! Every event is applied exactly once, whatever dies.

use std::time::Duration;

use futures_util::future::join_all;
use rand::RngExt;
use tokio::time::{Instant, sleep, timeout};
use voxlog_core::position::{Partition, Position, Seq};
use voxlog_projections::{ReadModel, checkpoint::Lagging};

use super::{fold::assert_read_models_are_the_log, history::History, world::World};

/// Has PostgreSQL itself write down every change of a message, and forbid the same one twice. Each edit of the history
/// says something that no other says, so a second application of the same edit would show, even one that changes
/// nothing.
async fn watch_for_repetitions(world: &World) {
    world
        .sql(
            "CREATE TABLE changes (id uuid, content text, UNIQUE (id, content));
             CREATE TABLE repeated (id uuid, content text);
             CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 INSERT INTO voxlog.changes VALUES (NEW.id, NEW.content) ON CONFLICT DO NOTHING;
                 IF NOT FOUND THEN INSERT INTO voxlog.repeated VALUES (NEW.id, NEW.content); END IF;
                 RETURN NEW;
             END $$;
             CREATE TRIGGER watch BEFORE INSERT OR UPDATE ON messages FOR EACH ROW EXECUTE FUNCTION watch();",
        )
        .await;
}

/// A post that comes again meets its own row, and its trigger still sees it.
async fn assert_nothing_was_repeated(world: &World) {
    let repeated: i64 = sqlx::query_scalar("SELECT count(*) FROM repeated").fetch_one(world.db.pool()).await.unwrap();
    assert_eq!(repeated, 0, "events were applied more than once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projector_killed_at_random_points_applies_every_event_once() {
    let world = World::new(3).await;
    watch_for_repetitions(&world).await;
    let mut history = History::begin(&world, 1).await;
    history.go_on(&world, 3000).await;
    for round in 0..40 {
        let (before, projector) = (applied(&world).await, world.project(3));
        let deadline = Instant::now() + Duration::from_mins(1);
        while applied(&world).await == before {
            assert!(Instant::now() < deadline, "the projector did not begin in round {round}");
            sleep(Duration::from_millis(1)).await;
        }
        sleep(Duration::from_micros(rand::rng().random_range(0..20_000))).await;
        if round % 4 == 0 {
            world.cut_connections().await;
        }
        projector.kill().await;
    }
    let killed_at = applied(&world).await;
    let _projector = world.project(1000);
    world.caught_up().await;
    assert!(killed_at < applied(&world).await, "it had everything before the last kill");
    assert_nothing_was_repeated(&world).await;
    assert_read_models_are_the_log(&world).await;
}

/// How far the read models are, over all partitions. A moment without a connection is no answer yet.
async fn applied(world: &World) -> u64 {
    loop {
        if let Ok(positions) = world.db.checkpoints().await {
            return positions.iter().map(|it| it.seq.0).sum();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn projectors_that_race_apply_every_event_once() {
    let world = World::new(2).await;
    watch_for_repetitions(&world).await;
    let mut history = History::begin(&world, 2).await;
    let _steady = [world.project(5), world.project(5)];
    for _ in 0..10 {
        let third = world.project(11);
        history.go_on(&world, 200).await;
        third.kill().await;
    }
    world.caught_up().await;
    assert_nothing_was_repeated(&world).await;
    assert_read_models_are_the_log(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_at_once_make_one_schema() {
    let url = voxlog_tests::servers::postgres_database().await;
    let starts = (0..8).map(|_| {
        let url = url.clone();
        tokio::spawn(async move { ReadModel::connect(&url, "voxlog").unwrap().migrate().await })
    });
    for start in starts.collect::<Vec<_>>() {
        start.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projector_outlives_a_database_that_is_away() {
    let world = World::new(2).await;
    let mut history = History::begin(&world, 3).await;
    let _projector = world.project(100);
    world.caught_up().await;
    let (server, database) = world.url.rsplit_once('/').unwrap();
    let postgres = World { url: format!("{server}/postgres"), ..world.clone() };
    postgres.sql(&format!("ALTER DATABASE {database} ALLOW_CONNECTIONS false")).await;
    let cut = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'");
    postgres.sql(&cut).await;
    history.go_on(&world, 300).await;
    assert!(matches!(world.db.wait_for(end(&world).await, Duration::from_millis(300)).await, Err(Lagging::Away(_))));
    postgres.sql(&format!("ALTER DATABASE {database} ALLOW_CONNECTIONS true")).await;
    world.caught_up().await;
    assert_read_models_are_the_log(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_waits_for_a_position_but_not_for_ever() {
    let world = World::new(1).await;
    History::begin(&world, 4).await;
    let wanted = end(&world).await;
    let started = Instant::now();
    let answer = world.db.wait_for(wanted, Duration::from_millis(100)).await;
    assert!(matches!(answer, Err(Lagging::Behind { at: Seq::ZERO, .. })), "{answer:?}");
    assert!(started.elapsed() >= Duration::from_millis(100));
    let (reader, _projector) = (world.db.clone(), world.project(100));
    reader.wait_for(wanted, Duration::from_secs(30)).await.unwrap();
    assert!(world.db.checkpoint(Partition(0)).await.unwrap() >= wanted.seq);
}

async fn end(world: &World) -> Position {
    use voxlog_core::log::Log;
    let partition = Partition(0);
    Position { partition, seq: world.log.tail(partition).await.unwrap().last }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_is_not_kept_by_a_database_that_hangs() {
    let world = World::new(1).await;
    let mut history = History::begin(&world, 7).await;
    let _projector = world.project(100);
    world.caught_up().await;
    let seen = end(&world).await;
    let mut hung = world.db.pool().begin().await.unwrap();
    sqlx::query("LOCK TABLE checkpoints IN ACCESS EXCLUSIVE MODE").execute(&mut *hung).await.unwrap();
    history.go_on(&world, 10).await;
    let (wanted, patience) = (end(&world).await, Duration::from_millis(100));
    let readers = (0..3).map(|_| world.db.wait_for(wanted, patience));
    let answers = timeout(Duration::from_secs(30), join_all(readers)).await.expect("nobody waits for the database");
    assert!(answers.iter().all(Result::is_err), "{answers:?}");
    world.db.wait_for(seen, Duration::ZERO).await.expect("what was seen needs no database");
    hung.rollback().await.unwrap();
    world.caught_up().await;
}
