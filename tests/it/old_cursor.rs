//! A cursor never gets too old.

use std::time::Duration;

use anyhow::Result;
use voxlog_tests::{
    client::{Client, Encoding, RoomView},
    fill::{fill, found_room},
    world::{World, user_id, whole_chain},
};

const MISSED: usize = 50_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_resumes_after_50_000_events_through_a_gateway_that_just_started() -> Result<()> {
    let world = World::on_one_server().await;
    let (owner, member) = (user_id(), user_id());
    let first = world.gateway().await;
    let room = found_room(&world, &first.ws_url(), owner, &[member]).await?;
    let mut view = RoomView::new(room.to_string());
    let mut client = Client::connect(&first.ws_url(), &world.token(member), Encoding::Msgpack).await?;
    client.subscribe(&mut view).await?;
    let seen = fill(&world, room, owner, 10).await?;
    client.read_to(&mut view, seen.0, Duration::from_secs(30)).await?;
    first.stop().await;

    let last = fill(&world, room, owner, MISSED).await?;
    let second = world.gateway().await;
    let mut client = Client::connect(&second.ws_url(), &world.token(member), Encoding::Msgpack).await?;
    // Fails unless the answer is `recovered`, and on the first gap, repetition or wrong order.
    client.subscribe(&mut view).await?;
    client.read_to(&mut view, last.0, Duration::from_mins(2)).await?;

    let log = whole_chain(&*world.log().await, room).await?;
    let seen: Vec<_> = view.seen().iter().map(|(seq, _)| *seq).collect();
    assert_eq!(seen, log.iter().map(|stored| stored.seq.0).collect::<Vec<_>>());
    Ok(())
}
