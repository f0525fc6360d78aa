//! A revoked sign-in is good for nothing any more, on every gateway, within a second.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use serde_json::{Value, json};
use tokio::time::Instant;
use voxlog_core::clock::{Clock, ManualClock, SystemClock};
use voxlog_tests::{
    client::{Client, Encoding, Gone},
    rest::Rest,
    world::{Node, World, until},
};

use super::{LOGIN, REFRESH, VERIFY, delete, gateway, login, refresh_with, told};

const SOON: Duration = Duration::from_secs(1);

async fn connect(node: &Node, grant: &Value) -> Client {
    Client::connect(&node.ws_url(), grant["token"].as_str().unwrap(), Encoding::Json).await.unwrap()
}

fn with(node: &Node, grant: &Value) -> Rest {
    Rest::to(&node.url).with_token(grant["token"].as_str().unwrap())
}

async fn session_of(node: &Node, grant: &Value) -> String {
    with(node, grant).get(VERIFY).await.ok()["session"].as_str().unwrap().to_owned()
}

fn revoked() -> Gone {
    Gone::Closed(4504, "revoked".to_owned())
}

/// What a client got of a room before its connection ended, and how that ended.
async fn last_words(client: &mut Client) -> (Vec<Value>, Gone) {
    let mut events = Vec::new();
    loop {
        match client.next_of("event", SOON).await {
            Ok(event) => events.push(event["event"]["data"]["content"].clone()),
            Err(gone) => return (events, gone),
        }
    }
}

#[tokio::test]
async fn its_sockets_are_closed_and_its_tokens_refused_and_other_sign_ins_live_on() {
    let world = World::on_one_server().await;
    gateway(&world, Arc::new(SystemClock)).await;
    let (here, there) = (world.gateway().await, world.gateway().await);
    let rest = Rest::to(&here.url);
    let (_, kept) = rest.register("ann").await;
    let lost = rest.post(LOGIN, login("ann")).await.ok();

    let mut living = [connect(&here, &kept).await, connect(&there, &kept).await];
    let mut dying = [connect(&here, &lost).await, connect(&there, &lost).await];
    let room = living[0].call("room.create", json!({"name": "Lobby"})).await.unwrap()["room"].clone();
    for client in living.iter_mut().chain(&mut dying) {
        client.call("subscribe", json!({"room": room})).await.unwrap();
    }
    let session = session_of(&here, &lost).await;
    let asked = Instant::now();
    let ended = delete(&with(&here, &kept), &format!("/api/v1/auth/sessions/{session}")).await;
    assert_eq!(ended.status, 204, "{:#}", ended.body);

    for client in &mut dying {
        assert_eq!(last_words(client).await, (vec![], revoked()));
    }
    until("the other gateway refuses its token", async || with(&there, &lost).get(VERIFY).await.status == 401).await;
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    assert_eq!(with(&here, &lost).get(VERIFY).await.code(), "unauthenticated");
    for node in [&here, &there] {
        let mut late = Client::open(&node.ws_url(), Encoding::Json, None).await.unwrap();
        let refused = late.call("hello", json!({"token": lost["token"]})).await.unwrap_err();
        assert_eq!(refused.code(), Some("unauthenticated"));
    }
    for client in &mut living {
        let sent = json!({"room": room, "content": "still here"});
        client.call("message.send", sent).await.unwrap();
    }
    with(&there, &kept).get(VERIFY).await.ok();
}

/// Neither a frame that was under way to the socket nor one that comes off it counts any more.
#[tokio::test]
async fn nothing_is_sent_to_its_sockets_and_nothing_done_for_them_once_the_answer_is_given() {
    let world = World::on_one_server().await;
    gateway(&world, Arc::new(SystemClock)).await;
    let node = world.gateway().await;
    let rest = Rest::to(&node.url);
    let (_, kept) = rest.register("ann").await;
    let lost = rest.post(LOGIN, login("ann")).await.ok();
    let (mut living, mut dying) = (connect(&node, &kept).await, connect(&node, &lost).await);
    let room = living.call("room.create", json!({"name": "Lobby"})).await.unwrap()["room"].clone();
    for client in [&mut living, &mut dying] {
        client.call("subscribe", json!({"room": room})).await.unwrap();
    }
    living.call("message.send", json!({"room": room, "content": "before"})).await.unwrap();
    dying.next_of("event", Duration::from_secs(5)).await.unwrap();
    let session = session_of(&node, &lost).await;
    assert_eq!(delete(&with(&node, &kept), &format!("/api/v1/auth/sessions/{session}")).await.status, 204);
    // Whether it can still be sent depends on who is faster; it must come to nothing.
    let _sent = dying.send("message.send", json!({"room": room, "content": "stolen"})).await;
    living.call("message.send", json!({"room": room, "content": "after"})).await.unwrap();
    assert_eq!(last_words(&mut dying).await, (vec![], revoked()));
    let page = living.call("history", json!({"room": room, "class": "msg"})).await.unwrap();
    let said: Vec<_> =
        page["events"].as_array().unwrap().iter().map(|e| e["event"]["data"]["content"].clone()).collect();
    assert_eq!(said, ["before", "after"]);
}

#[tokio::test]
async fn a_refresh_token_used_twice_ends_the_sign_in_on_every_gateway() {
    let world = World::on_one_server().await;
    gateway(&world, Arc::new(SystemClock)).await;
    let (here, there) = (world.gateway().await, world.gateway().await);
    let rest = Rest::to(&here.url);
    let (_, first) = rest.register("ann").await;
    let second = rest.post(REFRESH, refresh_with(&first)).await.ok();
    let mut socket = connect(&there, &second).await;
    assert_eq!(rest.post(REFRESH, refresh_with(&first)).await.code(), "unauthenticated");
    assert_eq!(socket.closed(SOON).await, revoked());
    assert_eq!(with(&here, &second).get(VERIFY).await.code(), "unauthenticated");
    assert_eq!(with(&there, &second).get(VERIFY).await.code(), "unauthenticated");
    let facts = told(&*world.log().await, &first["user"]["id"], 3).await;
    assert_eq!(facts.last().unwrap(), "voxlog.session.revoked.v1");
}

/// What the log told before it began to follow, it learns from PostgreSQL.
#[tokio::test]
async fn a_gateway_that_starts_afterwards_knows_it() {
    let world = World::on_one_server().await;
    let rest = gateway(&world, Arc::new(SystemClock)).await;
    let (ann, grant) = rest.register("ann").await;
    assert_eq!(delete(&ann, "/api/v1/auth/sessions").await.status, 204);
    let late = world.gateway().await;
    assert_eq!(with(&late, &grant).get(VERIFY).await.code(), "unauthenticated");
}

/// The client is told a quarter of the token's life ahead, brings another, and is let go when it brings none.
#[tokio::test]
async fn a_socket_is_asked_for_a_new_token_before_the_old_one_expires() {
    let clock = ManualClock::at(SystemClock.now());
    let world = World::on_one_server().await;
    let beating = |config: &mut voxlog_gateway::config::Config| config.heartbeat = Duration::from_millis(100);
    let node = world.gateway_with(beating, Arc::new(clock.clone())).await;
    let rest = Rest::to(&node.url);
    until("identity has its tables", async || rest.post(LOGIN, login("nobody")).await.status != 503).await;
    let (_, first) = rest.register("ann").await;
    let (mut brings, mut brings_none) = (connect(&node, &first).await, connect(&node, &first).await);
    clock.advance(TimeDelta::seconds(14 * 60 + 1));
    for client in [&mut brings, &mut brings_none] {
        let asked = client.next_of("token", Duration::from_secs(5)).await.unwrap();
        assert!(asked["expiresInMs"].as_u64().is_some_and(|left| (58_000..=59_000).contains(&left)), "{asked:#}");
    }
    let second = rest.post(LOGIN, login("ann")).await.ok();
    brings.call("hello", json!({"token": second["token"]})).await.unwrap();
    clock.advance(TimeDelta::minutes(2));
    assert_eq!(brings_none.closed(Duration::from_secs(5)).await, Gone::Closed(4001, "token_expired".to_owned()));
    brings.call("ping", json!({})).await.unwrap();

    // It stands and falls with the new sign-in now.
    assert_eq!(delete(&with(&node, &second), "/api/v1/auth/sessions").await.status, 204);
    assert_eq!(brings.closed(SOON).await, revoked());
}
