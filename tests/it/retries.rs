//! The same message sent twice is one message, whenever and through whichever gateway it is sent again.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use chrono::TimeDelta;
use serde_json::{Value, json};
use voxlog_core::{
    clock::{Clock, ManualClock, SystemClock},
    id::{MessageId, RoomId},
};
use voxlog_tests::{
    client::{Client, Encoding},
    fill::found_room,
    process::Process,
    world::{World, until, user_id, whole_chain},
};

/// The least that the server takes: soon over, so that only Voxlog's own look-up knows a repetition.
const SHORT_WINDOW: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread")]
async fn the_same_message_sent_twice_at_once_is_one() -> Result<()> {
    let world = World::on_one_server().await;
    let (one, other, author) = (world.gateway().await, world.gateway().await, user_id());
    let room = found_room(&world, &one.ws_url(), author, &[]).await?;
    let mut here = Client::connect(&one.ws_url(), &world.token(author), Encoding::Json).await?;
    let mut there = Client::connect(&other.ws_url(), &world.token(author), Encoding::Msgpack).await?;
    for _ in 0..50 {
        let message = say(room, "once");
        let (first, second) =
            tokio::try_join!(here.call("message.send", message.clone()), there.call("message.send", message))?;
        assert_same(&first, &second);
        assert!(first["duplicate"] == true || second["duplicate"] == true, "{first} {second}");
    }
    assert_eq!(whole_chain(&*world.log().await, room).await?.len(), 50);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn so_is_one_that_is_sent_again_after_its_gateway_was_killed() -> Result<()> {
    let world = World::on_one_server().await;
    let (one, other, author) = (Process::serve(&world, "gateway").await, world.gateway().await, user_id());
    let room = found_room(&world, &one.ws_url(), author, &[]).await?;
    let mut client = Client::connect(&one.ws_url(), &world.token(author), Encoding::Json).await?;
    let message = say(room, "again");
    let first = client.call("message.send", message.clone()).await?;
    // This one's answer is never read: whether it has landed is for the retry to find out.
    let unread = say(room, "unread");
    client.send("message.send", unread.clone()).await?;
    one.kill().await;

    let mut client = Client::connect(&other.ws_url(), &world.token(author), Encoding::Json).await?;
    assert_same(&first, &client.call("message.send", message).await?);
    let second = client.call("message.send", unread.clone()).await?;
    assert_same(&second, &client.call("message.send", unread).await?);
    assert_eq!(whole_chain(&*world.log().await, room).await?.len(), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn so_is_one_that_is_sent_again_a_week_later() -> Result<()> {
    let world = World { duplicate_window: SHORT_WINDOW, ..World::on_one_server().await };
    let (gateway, author) = (world.gateway().await, user_id());
    let _projector = world.projector().await;
    let room = found_room(&world, &gateway.ws_url(), author, &[]).await?;
    let mut client = Client::connect(&gateway.ws_url(), &world.token(author), Encoding::Json).await?;
    let message = say(room, "a week ago");
    let first = client.call("message.send", message.clone()).await?;
    gateway.stop().await;
    let log = world.log().await;
    let window_over = SystemClock.now() + TimeDelta::milliseconds(500);
    until("the log's own window is over", async || SystemClock.now() > window_over).await;

    // A gateway that just started has no ring to find it in; its clock and its tokens are a week ahead.
    let clock = ManualClock::at(SystemClock.now() + TimeDelta::days(7));
    let later = world.gateway_with(|_| {}, Arc::new(clock.clone())).await;
    let token = world.token_at(author, Arc::new(clock));
    let mut client = Client::connect(&later.ws_url(), &token, Encoding::Json).await?;
    let second = client.call("message.send", message.clone()).await?;
    assert_same(&first, &second);
    assert_eq!(second["duplicate"], true);
    let mut other = message;
    other["content"] = json!("something else");
    let refused = client.call("message.send", other).await.expect_err("an id stands for one message");
    assert_eq!(refused.code(), Some("conflict"));
    assert_eq!(whole_chain(&*log, room).await?.len(), 1);
    Ok(())
}

fn say(room: RoomId, content: &str) -> Value {
    json!({ "room": room, "content": content, "messageId": MessageId::mint(&SystemClock) })
}

fn assert_same(first: &Value, second: &Value) {
    for field in ["messageId", "seq", "time"] {
        assert_eq!(first[field], second[field], "{first} {second}");
    }
}
