//! Slow mode holds for a member, not for a socket: whichever gateways they write through, one message passes.

use std::time::Duration;

use anyhow::Result;
use futures_util::future::join_all;
use serde_json::{Value, json};
use voxlog_core::{
    clock::SystemClock,
    id::{MessageId, RoomId, UserId},
};
use voxlog_tests::{
    client::{CallError, Client, Encoding, ErrorFrame},
    fill::found_room,
    rest::Rest,
    world::{Node, World, user_id, whole_chain},
};

/// Long enough that no test outlives it.
const PAUSE_S: u64 = 600;

const ROUNDS: usize = 20;

/// Sockets of one member on each gateway.
const SOCKETS: usize = 3;

/// Members who all write at once.
const CROWD: usize = 60;

#[tokio::test(flavor = "multi_thread")]
async fn of_messages_sent_at_once_through_two_gateways_exactly_one_passes() -> Result<()> {
    let world = World::on_one_server().await;
    let (nodes, log) = ([world.gateway().await, world.gateway().await], world.log().await);
    for round in 0..ROUNDS {
        let (owner, member) = (user_id(), user_id());
        let room = slow_room(&world, &nodes[round % 2], owner, &[member]).await?;
        let mut sockets = Vec::new();
        for number in 0..2 * SOCKETS {
            sockets.push(connect(&world, &nodes[number % 2], member).await?);
        }
        let sends = join_all(sockets.iter_mut().map(|socket| say(socket, room))).await;
        let (passed, refused): (Vec<_>, Vec<_>) = sends.into_iter().partition(Result::is_ok);
        assert_eq!(passed.len(), 1, "round {round}: {refused:?}");
        for refusal in refused {
            assert_slow(&refused_with(refusal));
        }
        assert_eq!(whole_chain(&*log, room).await?.len(), 1, "round {round}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_opens_the_room_later_knows_who_has_written() -> Result<()> {
    let world = World::on_one_server().await;
    let (here, owner, member) = (world.gateway().await, user_id(), user_id());
    let room = slow_room(&world, &here, owner, &[member]).await?;
    let message = json!({ "room": room, "content": "hello", "messageId": MessageId::mint(&SystemClock) });
    let first = connect(&world, &here, member).await?.call("message.send", message.clone()).await?;
    let mut admin = connect(&world, &here, owner).await?;
    for _ in 0..3 {
        say(&mut admin, room).await?;
    }

    let there = world.gateway().await;
    let mut late = connect(&world, &there, member).await?;
    assert_slow(&refused_with(say(&mut late, room).await));
    let again = late.call("message.send", message).await?;
    assert_eq!((&again["seq"], &again["duplicate"]), (&first["seq"], &json!(true)), "sent again, it is not another");
    assert_eq!(whole_chain(&*world.log().await, room).await?.len(), 4, "the owner writes as they like");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_and_coming_back_spares_nobody_the_wait() -> Result<()> {
    let world = World::on_one_server().await;
    let (node, owner, member) = (world.gateway().await, user_id(), user_id());
    let room = slow_room(&world, &node, owner, &[member]).await?;
    let mut client = connect(&world, &node, member).await?;
    say(&mut client, room).await?;
    client.call("room.leave", json!({ "room": room })).await?;
    client.call("room.join", json!({ "room": room })).await?;
    assert_slow(&refused_with(say(&mut client, room).await));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_just_written_waits_when_slow_mode_is_switched_on_and_no_more_when_it_is_off() -> Result<()> {
    let world = World::on_one_server().await;
    let (node, owner, member) = (world.gateway().await, user_id(), user_id());
    let room = found_room(&world, &node.ws_url(), owner, &[member]).await?;
    let (mut admin, mut client) = (connect(&world, &node, owner).await?, connect(&world, &node, member).await?);
    say(&mut client, room).await?;
    say(&mut client, room).await?;
    set_pause(&mut admin, room, PAUSE_S).await?;
    assert_slow(&refused_with(say(&mut client, room).await));
    set_pause(&mut admin, room, 0).await?;
    say(&mut client, room).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rest_refuses_with_the_same_code_and_the_same_wait() -> Result<()> {
    let world = World::on_one_server().await;
    let (node, owner, member) = (world.gateway().await, user_id(), user_id());
    let room = slow_room(&world, &node, owner, &[member]).await?;
    say(&mut connect(&world, &node, member).await?, room).await?;
    let rest = Rest::to(&node.url).with_token(world.token(member));
    let answer = rest.post("/api/v1/messages", json!({ "roomId": room, "content": "hello" })).await;
    assert_eq!(answer.status.as_u16(), 429, "{:#}", answer.body);
    let wait = answer.body["retryAfterMs"].as_u64();
    assert!(wait.is_some_and(|wait| wait > 0 && wait <= PAUSE_S * 1000), "{:#}", answer.body);
    assert_eq!(answer.code(), "slow_mode");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn when_everybody_writes_at_once_everybody_passes_once() -> Result<()> {
    let world = World::on_one_server().await;
    let nodes = [world.gateway().await, world.gateway().await];
    let people: Vec<_> = (0..CROWD).map(|_| user_id()).collect();
    let room = slow_room(&world, &nodes[0], user_id(), &people).await?;
    let mut clients = Vec::new();
    for (number, person) in people.iter().enumerate() {
        clients.push(connect(&world, &nodes[number % 2], *person).await?);
    }
    for sent in join_all(clients.iter_mut().map(|client| say(client, room))).await {
        sent?;
    }
    for sent in join_all(clients.iter_mut().map(|client| say(client, room))).await {
        assert_slow(&refused_with(sent));
    }
    assert_eq!(whole_chain(&*world.log().await, room).await?.len(), CROWD);
    Ok(())
}

async fn slow_room(world: &World, node: &Node, owner: UserId, members: &[UserId]) -> Result<RoomId> {
    let room = found_room(world, &node.ws_url(), owner, members).await?;
    set_pause(&mut connect(world, node, owner).await?, room, PAUSE_S).await?;
    Ok(room)
}

async fn set_pause(admin: &mut Client, room: RoomId, slow_mode_s: u64) -> Result<()> {
    admin.call("room.update", json!({ "room": room, "settings": { "slowModeS": slow_mode_s } })).await?;
    Ok(())
}

async fn connect(world: &World, node: &Node, user: UserId) -> Result<Client> {
    Client::connect(&node.ws_url(), &world.token(user), Encoding::Json).await
}

async fn say(client: &mut Client, room: RoomId) -> Result<Value, CallError> {
    client.call("message.send", json!({ "room": room, "content": "hello" })).await
}

fn refused_with(outcome: Result<Value, CallError>) -> ErrorFrame {
    match outcome {
        Err(CallError::Refused(error)) => error,
        other => panic!("not refused: {other:?}"),
    }
}

fn assert_slow(error: &ErrorFrame) {
    assert_eq!(error.code, "slow_mode", "{error}");
    let wait = Duration::from_millis(error.retry_after_ms.expect("a refusal for a while says for how long"));
    let pause = Duration::from_secs(PAUSE_S);
    assert!(wait <= pause && wait > pause / 2, "{wait:?}");
}
