//! Who is there: of several devices, on several gateways, told on change, without flicker, and true in the end.

use std::time::Duration;

use anyhow::Result;
use futures_util::StreamExt;
use serde_json::json;
use tokio::time::Instant;
use voxlog_core::{
    bus::{Bus, BusSubject, Heard},
    id::{RoomId, UserId},
    position::Seq,
};
use voxlog_gateway::presence::LINGER;
use voxlog_tests::{
    client::{Client, Encoding, Gone},
    process::Process,
    servers,
    world::{World, until, user_id},
};

use watching::{SEEN_WITHIN, Watcher};

mod crowd;
mod last_seen;
mod resuming;
mod slow;
pub(crate) mod watching;

/// Ada's room with Bob and Carol, whom nobody has seen yet.
async fn room(world: &World, url: &str) -> Result<(RoomId, UserId, UserId, UserId)> {
    let (ada, bob, carol) = (user_id(), user_id(), user_id());
    Ok((found_unseen(world, url, ada, &[bob, carol]).await?, ada, bob, carol))
}

/// A room whose members have come to join it without being seen.
async fn found_unseen(world: &World, url: &str, owner: UserId, members: &[UserId]) -> Result<RoomId> {
    let mut client = unseen(world, url, owner).await?;
    let room = json!({ "name": "a room", "maxUsers": members.len() + 2, "settings": { "isPublic": true } });
    let room: RoomId = serde_json::from_value(client.call("room.create", room).await?["room"].clone())?;
    for member in members {
        unseen(world, url, *member).await?.call("room.join", json!({ "room": room })).await?;
    }
    Ok(room)
}

async fn unseen(world: &World, url: &str, user: UserId) -> Result<Client> {
    let mut client = Client::open(url, Encoding::Json, None).await?;
    client.call("hello", json!({ "token": world.token(user), "presence": "invisible" })).await?;
    Ok(client)
}

/// Where a session's last record stands.
async fn stands_at(bus: &Bus, session: &str) -> Option<Seq> {
    let (mut heard, mut last) = (bus.presence(), None);
    while let Some(Heard::Told(told)) = heard.next().await {
        match told.subject {
            BusSubject::Presence { session: of, .. } if of.to_string() == session => last = Some(told.seq),
            _ => {}
        }
    }
    last
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_on_two_gateways_are_merged_into_one_status() -> Result<()> {
    let world = World::on_one_server().await;
    let (here, there) = (world.gateway().await, world.gateway().await);
    let (room, ada, bob, _) = room(&world, &here.ws_url()).await?;
    let mut watcher = Watcher::open(&world, &here.ws_url(), ada, room, json!({})).await?;
    let away = json!({ "presence": "away" });
    let mut phone = Watcher::greet(&world, &there.ws_url(), bob, room, away).await?;
    watcher.until("a device that is away", |knows| knows.status(bob) == "away").await?;
    let mut desk = Watcher::greet(&world, &here.ws_url(), bob, room, json!({})).await?;
    watcher.until("one that is looked at outweighs it", |knows| knows.status(bob) == "online").await?;
    phone.show_as("dnd").await?;
    watcher.until("not to be disturbed holds for all", |knows| knows.status(bob) == "dnd").await?;
    phone.show_as("invisible").await?;
    watcher.until("a device that hides counts as gone", |knows| knows.status(bob) == "online").await?;
    desk.show_as("invisible").await?;
    watcher.until("who hides with all devices is offline", |knows| knows.status(bob) == "offline").await?;

    let later = Watcher::open(&world, &there.ws_url(), ada, room, json!({})).await?;
    assert_eq!(later.knows.status(ada), "online", "one sees oneself");
    assert_eq!(later.knows.status(bob), "offline", "a snapshot shows nobody who hides");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_changes_are_told() -> Result<()> {
    let world = World::on_one_server().await;
    let (gateway, bus) = (world.gateway().await, world.bus().await);
    let (room, ..) = room(&world, &gateway.ws_url()).await?;
    let mut watcher = Watcher::greet(&world, &gateway.ws_url(), user_id(), room, json!({})).await?;
    let first = stands_at(&bus, &watcher.session).await;
    assert!(first.is_some(), "a session's record is told before its welcome");
    for _ in 0..3 {
        watcher.show_as("online").await?;
    }
    assert_eq!(stands_at(&bus, &watcher.session).await, first, "what was so already is not told again");
    watcher.show_as("away").await?;
    let second = stands_at(&bus, &watcher.session).await;
    assert!(second > first, "a change is told in the place of the last record");
    watcher.show_as("away").await?;
    assert_eq!(stands_at(&bus, &watcher.session).await, second);
    Ok(())
}

/// A killed gateway says nothing. Its lease lasts 15 s.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_on_a_killed_gateway_is_offline_for_everybody_within_twenty_seconds() -> Result<()> {
    let world = World::on_one_server().await;
    let (_workers, doomed) = (Process::serve(&world, "workers").await, Process::serve(&world, "gateway").await);
    let others = world.gateway().await;
    let (room, ada, bob, carol) = room(&world, &others.ws_url()).await?;
    let mut first = Watcher::open(&world, &others.ws_url(), ada, room, json!({})).await?;
    let mut second = Watcher::open(&world, &others.ws_url(), carol, room, json!({})).await?;
    let _bob = Watcher::greet(&world, &doomed.ws_url(), bob, room, json!({})).await?;
    first.until("bob has come", |knows| knows.status(bob) == "online").await?;
    second.until("bob has come", |knows| knows.status(bob) == "online").await?;
    doomed.kill().await;
    let killed = Instant::now();
    first.until("bob has gone", |knows| knows.status(bob) == "offline").await?;
    second.until("bob has gone", |knows| knows.status(bob) == "offline").await?;
    println!("offline {:?} after the kill", killed.elapsed());
    assert!(killed.elapsed() < Duration::from_secs(20));
    assert_eq!(first.knows.status(carol), "online", "the others have stayed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_joins_is_seen_and_who_loses_the_seat_disappears() -> Result<()> {
    let world = World::on_one_server().await;
    let gateway = world.gateway().await;
    let (room, ada, bob, _) = room(&world, &gateway.ws_url()).await?;
    let mut watcher = Watcher::open(&world, &gateway.ws_url(), ada, room, json!({})).await?;
    let mut device = Watcher::open(&world, &gateway.ws_url(), bob, room, json!({})).await?;
    watcher.until("bob is there", |knows| knows.status(bob) == "online").await?;
    watcher.client.call("room.kick", json!({ "room": room, "userId": bob })).await?;
    watcher.until("the kicked is not of the room", |knows| knows.status(bob) == "offline").await?;
    device.client.call("room.join", json!({ "room": room })).await?;
    watcher.until("whoever comes back is seen", |knows| knows.status(bob) == "online").await?;
    Ok(())
}

/// However much happens, a room's sockets get four frames a second, and what they get adds up.
#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_changes_makes_four_frames_a_second() -> Result<()> {
    const SPAN: Duration = Duration::from_secs(3);
    let world = World::on_one_server().await;
    let gateway = world.gateway().await;
    let (room, ada, bob, carol) = room(&world, &gateway.ws_url()).await?;
    let mut watcher = Watcher::open(&world, &gateway.ws_url(), ada, room, json!({})).await?;
    let storm = async |user| -> Result<()> {
        let mut device = Watcher::greet(&world, &gateway.ws_url(), user, room, json!({})).await?;
        let begun = Instant::now();
        while begun.elapsed() < SPAN {
            device.show_as("away").await?;
            device.show_as("online").await?;
        }
        device.show_as("dnd").await
    };
    let (bobs, carols, looked) = tokio::join!(storm(bob), storm(carol), watcher.look_for(SPAN));
    (bobs.and(carols)).and(looked)?;
    let is_dnd = |user, shown: &watching::Ambience| shown.status(user) == "dnd";
    watcher.until("the last change", |knows| is_dnd(bob, knows) && is_dnd(carol, knows)).await?;
    let presence: Vec<_> = watcher.frames.iter().filter(|(_, frame)| frame["op"] == "presence").collect();
    assert!(presence.len() > 4, "it was told all the time");
    for window in presence.windows(6) {
        // Five frames have four spans between them; a little less, since the way to the client takes its time.
        let span = window[5].0 - window[0].0;
        assert!(span > Duration::from_secs(1), "six frames in {span:?}");
    }
    Ok(())
}

/// While NATS is away sockets go on; what could not be told is told afterwards. A server of its own, to be stopped.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_while_nats_is_away_is_told_when_it_is_back() -> Result<()> {
    let mut server = servers::own_nats().await;
    let world = World::on(vec![server.url()], 1).await;
    let gateway = world.gateway().await;
    let (room, ada, bob, _) = room(&world, &gateway.ws_url()).await?;
    let mut watcher = Watcher::open(&world, &gateway.ws_url(), ada, room, json!({})).await?;
    let mut device = Watcher::greet(&world, &gateway.ws_url(), bob, room, json!({})).await?;
    is_online(&mut watcher, bob).await?;
    server.stop().await?;
    device.show_as("away").await?;
    assert_eq!(watcher.knows.status(bob), "online");
    server.restart().await?;
    watcher.until("what could not be told then", |knows| knows.status(bob) == "away").await
}

async fn is_displaced(watcher: &mut Watcher) -> bool {
    matches!(watcher.client.closed(SEEN_WITHIN).await, Gone::Closed(4505, _))
}

async fn is_online(watcher: &mut Watcher, user: UserId) -> Result<()> {
    watcher.until("somebody is there", |knows| knows.status(user) == "online").await
}

/// Long enough that a session which nobody resumed would be offline.
async fn let_linger(watcher: &mut Watcher) -> Result<()> {
    watcher.look_for(LINGER + Duration::from_secs(2)).await
}
