//! Tables that an older version has made.

use std::path::Path;

use sqlx::{Connection, Executor, PgConnection, migrate::Migrator};

use super::{fold::assert_read_models_are_the_log, history::History, world::World};

/// What a new version adds is made from old events too: the tables begin anew from the log, whatever they held and
/// however far they were.
#[tokio::test(flavor = "multi_thread")]
async fn tables_of_the_first_version_are_filled_again() {
    let world = World::new(2).await;
    History::begin(&world, 21).await.go_on(&world, 500).await;
    world.sql("DROP SCHEMA voxlog CASCADE").await;
    world.sql("CREATE SCHEMA voxlog").await;
    let mut connection = PgConnection::connect(&world.url).await.unwrap();
    connection.execute("SET search_path = voxlog").await.unwrap();
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("../projections/migrations");
    let mut first = Migrator::new(migrations).await.unwrap();
    first.migrations.to_mut().retain(|migration| migration.version == 1);
    first.run_direct(None, &mut connection, false).await.unwrap();
    let before = "INSERT INTO users VALUES (gen_random_uuid(), 'somebody', now());
         INSERT INTO checkpoints (partition, seq) VALUES (0, 100), (1, 7)";
    connection.execute(before).await.unwrap();

    let _projector = world.project(100);
    world.caught_up().await;
    assert_read_models_are_the_log(&world).await;
}
