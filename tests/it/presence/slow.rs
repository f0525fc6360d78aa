//! A socket that lags has the right picture when it has caught up.

use voxlog_tests::fill::fill;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_lagged_is_told_the_whole_again() -> Result<()> {
    let world = World::on_one_server().await;
    let gateway = world.gateway().await;
    let (room, ada, bob, carol) = room(&world, &gateway.ws_url()).await?;
    let device = Watcher::greet(&world, &gateway.ws_url(), bob, room, json!({})).await?;
    let mut other = Watcher::greet(&world, &gateway.ws_url(), carol, room, json!({})).await?;
    let small = Client::open(&gateway.ws_url(), Encoding::Json, Some(4096)).await?;
    let mut watcher = Watcher::greet_on(small, &world, ada, room, json!({})).await?;
    watcher.subscribe().await?;
    watcher.until("both are there", |knows| knows.status(bob) == "online" && knows.status(carol) == "online").await?;
    // It reads nothing while much happens, and while one goes and the other changes.
    fill(&world, room, ada, 30_000).await?;
    drop(device);
    other.show_as("dnd").await?;
    let mut observer = Watcher::open(&world, &gateway.ws_url(), carol, room, json!({})).await?;
    observer.until("bob has gone", |knows| knows.status(bob) == "offline").await?;
    watcher
        .until("what happened meanwhile", |knows| knows.status(bob) == "offline" && knows.status(carol) == "dnd")
        .await?;
    let full = watcher.frames.iter().any(|(_, frame)| frame["op"] == "presence" && frame["full"] == true);
    assert!(full, "it was too slow for the changes, so it got the whole");
    other.show_as("away").await?;
    observer.show_as("away").await?;
    watcher.until("it goes on with changes", |knows| knows.status(carol) == "away").await
}
