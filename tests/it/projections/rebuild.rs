//! A rebuild comes to what the log says, in place of the live tables, and nobody notices.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::Row;
use tokio::time::sleep;
use voxlog_core::{
    clock::SystemClock,
    event::Subject,
    id::{MessageId, RoomId},
    room::Settings,
    testing::ALICE,
};
use voxlog_projections::{
    digest::digest,
    messages,
    rebuild::{Mode, RebuildError, Report, rebuild},
    rooms,
};

use super::{
    fold::assert_read_models_are_the_log,
    history::History,
    world::{World, opened, posted},
};

/// How fast writers and readers go on beside a rebuild: a pace that the projectors of a debug build hold.
const PACE: Duration = Duration::from_millis(5);

async fn run(world: &World, mode: Mode) -> Result<Report, RebuildError> {
    rebuild(world.log.clone(), &world.url, "voxlog", mode, |_| ()).await
}

async fn schemas(world: &World) -> Vec<String> {
    let select = "SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'voxlog%' ORDER BY 1";
    let rows = sqlx::query(select).fetch_all(world.db.pool()).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rebuilt_equals_live_while_everybody_goes_on() {
    let world = Arc::new(World::new(3).await);
    let mut history = History::begin(&world, 5).await;
    let _projectors = [world.project(50), world.project(50)];
    history.go_on(&world, 1500).await;
    world.caught_up().await;
    let over = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (world, over) = (world.clone(), over.clone());
        async move {
            while !over.load(Ordering::Relaxed) {
                history.go_on(&world, 2).await;
                sleep(PACE).await;
            }
            history
        }
    });
    let reader = tokio::spawn({
        let (world, over) = (world.clone(), over.clone());
        async move {
            let mut reads = 0;
            while !over.load(Ordering::Relaxed) {
                let page = rooms::public_rooms(&world.db, None, None, 0, 10).await.unwrap();
                assert_eq!(page.data.len(), 6, "a reader saw no rooms");
                reads += 1;
                sleep(PACE).await;
            }
            reads
        }
    });
    for _ in 0..3 {
        let report = run(&world, Mode::Swap).await.unwrap();
        assert!(report.equal && report.swapped, "{report:?}");
    }
    over.store(true, Ordering::Relaxed);
    let mut history = writer.await.unwrap();
    assert!(reader.await.unwrap() > 0);
    history.go_on(&world, 300).await;
    world.caught_up().await;
    assert_eq!(schemas(&world).await, ["voxlog"]);
    assert_read_models_are_the_log(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_table_that_differs_is_told_and_mended() {
    let world = World::new(2).await;
    History::begin(&world, 6).await.go_on(&world, 300).await;
    let projector = world.project(1000);
    world.caught_up().await;
    let right = digest(&world.db).await.unwrap();
    world.sql("UPDATE messages SET content = 'forged' WHERE seq = (SELECT max(seq) FROM messages WHERE deleted_at IS NULL)").await;
    world.sql("DELETE FROM users WHERE id = (SELECT id FROM users LIMIT 1)").await;

    let report = run(&world, Mode::Check).await.unwrap();
    let differ =
        |report: &Report| -> Vec<_> { report.tables.iter().filter(|it| !it.equal).map(|it| it.live.table).collect() };
    assert!(!report.equal && !report.swapped);
    assert_eq!(differ(&report), ["users", "messages"]);
    assert_ne!(digest(&world.db).await.unwrap(), right, "a check changes nothing");

    let report = run(&world, Mode::Swap).await.unwrap();
    assert!(!report.equal && report.swapped);
    assert_eq!(digest(&world.db).await.unwrap(), right);
    assert_eq!(schemas(&world).await, ["voxlog"]);
    drop(projector);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_needs_no_projector_and_no_tables() {
    let world = World::new(2).await;
    History::begin(&world, 7).await.go_on(&world, 300).await;
    world.sql("DROP SCHEMA voxlog CASCADE").await;
    let report = run(&world, Mode::Swap).await.unwrap();
    assert!(report.equal && report.swapped, "{report:?}");
    assert_read_models_are_the_log(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_do_not_collide() {
    let world = World::new(2).await;
    History::begin(&world, 8).await.go_on(&world, 300).await;
    let (one, two) = tokio::join!(run(&world, Mode::Swap), run(&world, Mode::Swap));
    assert!(one.is_ok() || two.is_ok());
    for done in [one, two] {
        assert!(matches!(done, Ok(Report { equal: true, .. }) | Err(RebuildError::Busy)), "{done:?}");
    }
    assert_read_models_are_the_log(&world).await;
}

/// Such messages leave the log, so what a read model keeps of them must not count.
#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_not_recorded_leave_no_content_and_no_difference() {
    let world = World::new(1).await;
    let (room, id) = (RoomId::mint(&SystemClock), MessageId::mint(&SystemClock));
    let settings = Settings { record_messages: false, ..Settings::default() };
    world.append(Subject::Room(room), ALICE, opened("Secret", ALICE, settings)).await;
    world.append(Subject::Room(room), ALICE, posted(id, ALICE, "between us")).await;
    let _projector = world.project(1000);
    world.caught_up().await;
    let fact = messages::fact(&world.db, room, id).await.unwrap().unwrap();
    assert_eq!((fact.content.as_str(), fact.recorded), ("", false));
    let before = digest(&world.db).await.unwrap();
    world.sql("DELETE FROM messages").await;
    assert_eq!(digest(&world.db).await.unwrap(), before);
}
