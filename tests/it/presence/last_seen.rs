//! When somebody was last there stands in the read model.

use voxlog_core::clock::{Clock, SystemClock, Time};
use voxlog_projections::{
    members,
    rebuild::{Mode, rebuild_of},
};

use super::*;

async fn of(world: &World, room: RoomId, user: UserId) -> Option<Time> {
    let page = members::members(&world.read_model(), room, None, 100).await.expect("PostgreSQL answers");
    page.data.into_iter().find(|member| member.user_id == user).expect("a member").last_seen_at
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_was_last_seen_then_and_who_hides_never() -> Result<()> {
    let world = World::on_one_server().await;
    let (gateway, _projector) = (world.gateway().await, world.projector().await);
    let (room, ada, bob, carol) = room(&world, &gateway.ws_url()).await?;
    world.caught_up().await;
    assert_eq!(of(&world, room, bob).await, None, "who was never here was never seen");
    let mut watcher = Watcher::open(&world, &gateway.ws_url(), ada, room, json!({})).await?;
    let hidden = Watcher::greet(&world, &gateway.ws_url(), carol, room, json!({ "presence": "invisible" })).await?;
    let device = Watcher::greet(&world, &gateway.ws_url(), bob, room, json!({})).await?;
    is_online(&mut watcher, bob).await?;
    let goes = SystemClock.now();
    drop((device, hidden));
    watcher.until("bob has gone", |knows| knows.status(bob) == "offline").await?;
    until("when he went is known", async || of(&world, room, bob).await.is_some_and(|at| at >= goes)).await;
    assert_eq!(of(&world, room, carol).await, None, "who hides is not seen");

    let seen = of(&world, room, bob).await;
    let log = world.log().await;
    let report = rebuild_of(log, &world.read_model(), Mode::Swap, |_| {}).await?;
    assert!(report.equal && report.swapped);
    assert_eq!(of(&world, room, bob).await, seen, "no log could bring it back, so a rebuild carries it over");
    Ok(())
}
