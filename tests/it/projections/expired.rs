//! What leaves the log by itself holds nobody up.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use voxlog_core::{
    clock::{Clock, ManualClock, SystemClock},
    id::{EventId, RoomId},
    log::{Log, Record, memory::MemoryLog},
    position::{Chain, Class, Partition, Partitions, Seq},
};
use voxlog_projections::rebuild::{Mode, rebuild};

use super::world::World;

/// The last records of a partition expire before anybody has applied them. A projector that waited for them would be
/// behind for ever, and so would whoever waits for its position.
#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_passes_over_what_nobody_will_ever_get() {
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let log = MemoryLog::with_clock(Partitions::new(1).unwrap(), Duration::from_mins(2), clock.clone());
    let world = World { log: Arc::new(log), ..World::new(1).await };
    let chain = Chain::Room(RoomId::mint(&SystemClock), Class::Msg);
    for _ in 0..3 {
        let ttl = Some(Duration::from_mins(1));
        let record = Record { id: EventId::mint(&SystemClock), chain, payload: "{}".into(), ttl };
        world.log.append(record, Seq::ZERO).await.unwrap();
    }
    clock.advance(TimeDelta::seconds(60));

    let _projector = world.project(10);
    world.caught_up().await;
    assert_eq!(world.db.checkpoint(Partition(0)).await.unwrap(), Seq(3));
    let report = rebuild(world.log.clone(), &world.url, "voxlog", Mode::Swap, |_| ()).await.unwrap();
    assert!(report.equal && report.swapped, "{report:?}");
}
