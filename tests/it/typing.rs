//! Who is typing: seen by the others wherever they are, over by itself, and never for those who may not write.

use std::time::Duration;

use anyhow::Result;
use futures_util::StreamExt;
use serde_json::json;
use tokio::time::Instant;
use voxlog_core::{
    bus::{BusSubject, Heard},
    id::UserId,
};
use voxlog_tests::{
    fill::found_room,
    world::{World, user_id},
};

use crate::presence::watching::{Ambience, Watcher};

fn types(knows: &Ambience, user: UserId) -> bool {
    knows.typing.contains(&user.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn typing_is_seen_on_another_gateway_until_it_is_stopped() -> Result<()> {
    let world = World::on_one_server().await;
    let (here, there) = (world.gateway().await, world.gateway().await);
    let (ada, bob) = (user_id(), user_id());
    let room = found_room(&world, &here.ws_url(), ada, &[bob]).await?;
    let mut watcher = Watcher::open(&world, &here.ws_url(), ada, room, json!({})).await?;
    let mut typist = Watcher::greet(&world, &there.ws_url(), bob, room, json!({})).await?;
    typist.client.call("typing.start", json!({ "room": room })).await?;
    watcher.until("bob types", |knows| types(knows, bob)).await?;
    let late = Watcher::open(&world, &there.ws_url(), ada, room, json!({})).await?;
    assert!(types(&late.knows, bob), "who comes now sees it too, where nobody had the room open before");
    typist.client.call("typing.stop", json!({ "room": room })).await?;
    watcher.until("bob has stopped", |knows| !types(knows, bob)).await?;
    typist.client.call("typing.stop", json!({ "room": room })).await?;

    tokio::time::sleep(Duration::from_secs(1)).await;
    typist.client.call("typing.start", json!({ "room": room })).await?;
    watcher.until("bob types again", |knows| types(knows, bob)).await?;
    typist.client.call("message.send", json!({ "room": room, "content": "done" })).await?;
    let posted = Instant::now();
    watcher.until("what was typed is there", |knows| !types(knows, bob)).await?;
    assert!(posted.elapsed() < Duration::from_secs(2), "a post ends it, not the time");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn typing_ends_by_itself_when_its_stop_was_lost() -> Result<()> {
    let world = World::on_one_server().await;
    let gateway = world.gateway().await;
    let (ada, bob) = (user_id(), user_id());
    let room = found_room(&world, &gateway.ws_url(), ada, &[bob]).await?;
    let mut watcher = Watcher::open(&world, &gateway.ws_url(), ada, room, json!({})).await?;
    let mut typist = Watcher::greet(&world, &gateway.ws_url(), bob, room, json!({})).await?;
    let begun = Instant::now();
    typist.client.call("typing.start", json!({ "room": room })).await?;
    watcher.until("bob types", |knows| types(knows, bob)).await?;
    drop(typist);
    watcher.until("bob has stopped", |knows| !types(knows, bob)).await?;
    let lasted = begun.elapsed();
    assert!(lasted > Duration::from_secs(5) && lasted < Duration::from_secs(9), "it lasted {lasted:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_write_does_not_type() -> Result<()> {
    let world = World::on_one_server().await;
    let gateway = world.gateway().await;
    let (ada, bob, stranger) = (user_id(), user_id(), user_id());
    let room = found_room(&world, &gateway.ws_url(), ada, &[bob]).await?;
    let mut watcher = Watcher::open(&world, &gateway.ws_url(), ada, room, json!({})).await?;
    let mut member = Watcher::greet(&world, &gateway.ws_url(), bob, room, json!({})).await?;
    let mut other = Watcher::greet(&world, &gateway.ws_url(), stranger, room, json!({})).await?;
    let refused = other.client.call("typing.start", json!({ "room": room })).await.unwrap_err();
    assert_eq!(refused.code(), Some("not_a_member"));
    member.client.call("typing.start", json!({ "room": room })).await?;
    watcher.until("bob types", |knows| types(knows, bob)).await?;
    watcher.client.call("room.mute", json!({ "room": room, "userId": bob })).await?;
    watcher.until("the muted type no more", |knows| !types(knows, bob)).await?;
    let refused = member.client.call("typing.start", json!({ "room": room })).await.unwrap_err();
    assert_eq!(refused.code(), Some("muted"));
    Ok(())
}

/// Whatever a client says, others hear of it once a second.
#[tokio::test(flavor = "multi_thread")]
async fn typing_is_passed_on_once_a_second_at_most() -> Result<()> {
    const SPAN: Duration = Duration::from_millis(2500);
    let world = World::on_one_server().await;
    let (gateway, bus) = (world.gateway().await, world.bus().await);
    let (ada, bob) = (user_id(), user_id());
    let room = found_room(&world, &gateway.ws_url(), ada, &[bob]).await?;
    let mut typist = Watcher::greet(&world, &gateway.ws_url(), bob, room, json!({})).await?;
    let mut heard = bus.signals();
    assert_eq!(heard.next().await, Some(Heard::CaughtUp));
    let (begun, mut said) = (Instant::now(), 0);
    while begun.elapsed() < SPAN {
        typist.client.call("typing.start", json!({ "room": room })).await?;
        said += 1;
    }
    typist.client.call("typing.stop", json!({ "room": room })).await?;
    let mut passed_on = 0;
    while let Some(Heard::Told(told)) = heard.next().await {
        assert_eq!(told.subject, BusSubject::Typing { room });
        if String::from_utf8_lossy(&told.payload).contains("voxlog.typing.stopped.v1") {
            break;
        }
        passed_on += 1;
    }
    println!("{said} times said, {passed_on} times passed on");
    assert!(said > 10 && passed_on <= 3, "in 2.5 s it was passed on {passed_on} times");
    Ok(())
}
