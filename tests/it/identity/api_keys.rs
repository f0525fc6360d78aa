//! API keys: made, used within their scopes, revoked.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;
use voxlog_core::clock::{Clock, ManualClock, SystemClock};
use voxlog_tests::{
    client::{Client, Encoding, Gone},
    rest::{Rest, send},
    servers,
    world::{World, until},
};

use super::{VERIFY, delete, gateway, refusal, refused, told};

const KEYS: &str = "/api/v1/auth/api-keys";

async fn make(ann: &Rest, scopes: Value) -> (Rest, Value) {
    let made = ann.post(KEYS, json!({"name": "bot", "scopes": scopes})).await.expect(StatusCode::CREATED);
    (ann.with_token(made["key"].as_str().unwrap()), made)
}

fn path(key: &Value) -> String {
    format!("{KEYS}/{}", key["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_key_is_shown_once_and_known_by_its_prefix_afterwards() {
    let world = World::on_one_server().await;
    let rest = gateway(&world, Arc::new(SystemClock)).await;
    let (ann, registered) = rest.register("ann").await;
    let (bot, made) = make(&ann, json!(["write", "read", "read"])).await;
    let key = made["key"].as_str().unwrap();
    let prefix = made["prefix"].as_str().unwrap();
    assert!(key.starts_with("vxk_") && key.starts_with(&format!("{prefix}_")) && prefix.len() == 12, "{made:#}");
    assert_eq!(made["scopes"], json!(["read", "write"]));

    let list = ann.get(KEYS).await.ok();
    let [listed] = list["data"].as_array().unwrap().as_slice() else { panic!("{list:#}") };
    assert_eq!((&listed["id"], &listed["name"], &listed["prefix"]), (&made["id"], &json!("bot"), &json!(prefix)));
    assert!(listed.get("lastUsedAt").is_none() && !list.to_string().contains(key));

    let verified = bot.get(VERIFY).await.ok();
    assert_eq!((&verified["user"]["id"], &verified["session"]), (&registered["user"]["id"], &made["id"]));
    assert_eq!((&verified["scopes"], verified.get("expiresAt")), (&json!(["read", "write"]), None));
    let alone = send(rest.request(Method::GET, VERIFY).header("X-API-Key", key)).await.ok();
    assert_eq!(alone, verified, "in a header of its own as well");
    assert!(ann.get(KEYS).await.ok()["data"][0]["lastUsedAt"].is_string());
}

#[tokio::test]
async fn a_key_does_what_it_was_made_for_over_rest_and_sockets_and_no_more() {
    let world = World::on_one_server().await;
    gateway(&world, Arc::new(SystemClock)).await;
    let node = world.gateway().await;
    let rest = Rest::to(&node.url);
    let (ann, _) = rest.register("ann").await;
    let room = ann.post("/api/v1/rooms", json!({"name": "Lobby"})).await.expect(StatusCode::CREATED);
    let room = room["roomId"].as_str().or(room["id"].as_str()).unwrap();
    let somebody = voxlog_tests::world::user_id();
    let mut seen = Vec::new();
    for scope in ["read", "write", "moderate"] {
        let (bot, made) = make(&ann, json!([scope])).await;
        let read = bot.get("/api/v1/users/me").await.status.as_u16();
        let write = bot.post("/api/v1/messages", json!({"roomId": room, "content": "hi"})).await.status.as_u16();
        let ban = format!("/api/v1/rooms/{room}/ban");
        let moderate = bot.post(&ban, json!({"userId": somebody})).await.status.as_u16();
        seen.push(format!("{scope:8} over REST:    read {read}, write {write}, moderate {moderate}"));

        let key = made["key"].as_str().unwrap();
        let mut socket = Client::connect(&node.ws_url(), key, Encoding::Json).await.unwrap();
        let mut ask = async |op: &str, fields: Value| match socket.call(op, fields).await {
            Ok(answer) => answer["op"].as_str().unwrap().to_owned(),
            Err(refused) => refused.code().unwrap().to_owned(),
        };
        let read = ask("subscribe", json!({"room": room})).await;
        let write = ask("message.send", json!({"room": room, "content": "hi"})).await;
        let moderate = ask("room.ban", json!({"room": room, "userId": somebody})).await;
        seen.push(format!("{scope:8} over a socket: read {read}, write {write}, moderate {moderate}"));
    }
    insta::assert_snapshot!(seen.join("\n"));
}

#[tokio::test]
async fn no_key_manages_an_account() {
    let rest = gateway(&World::on_one_server().await, Arc::new(SystemClock)).await;
    let (ann, grant) = rest.register("ann").await;
    let (bot, made) = make(&ann, json!(["read", "write", "moderate"])).await;
    let me = format!("/api/v1/users/{}", grant["user"]["id"].as_str().unwrap());
    for (method, path) in [
        (Method::GET, "/api/v1/auth/sessions"),
        (Method::DELETE, "/api/v1/auth/sessions"),
        (Method::DELETE, &format!("/api/v1/auth/sessions/{}", made["id"].as_str().unwrap())),
        (Method::POST, "/api/v1/auth/logout"),
        (Method::POST, "/api/v1/auth/totp"),
        (Method::POST, "/api/v1/auth/totp/confirm"),
        (Method::DELETE, "/api/v1/auth/totp"),
        (Method::GET, KEYS),
        (Method::POST, KEYS),
        (Method::DELETE, &path(&made)),
        (Method::PATCH, &me),
        (Method::DELETE, "/api/v1/users/me"),
    ] {
        let body = json!({"code": "1", "displayName": "x", "name": "x", "scopes": ["read"]});
        assert_eq!(bot.send(method.clone(), path, body).await.code(), "forbidden", "{method} {path}");
    }
}

#[tokio::test]
async fn a_revoked_key_is_refused_and_its_sockets_closed_everywhere_within_a_second() {
    let world = World::on_one_server().await;
    gateway(&world, Arc::new(SystemClock)).await;
    let (here, there) = (world.gateway().await, world.gateway().await);
    let (ann, registered) = Rest::to(&here.url).register("ann").await;
    let (bot, made) = make(&ann, json!(["read"])).await;
    let elsewhere = Rest::to(&there.url).with_token(made["key"].as_str().unwrap());
    bot.get(VERIFY).await.ok();
    elsewhere.get(VERIFY).await.ok();
    let mut socket = Client::connect(&there.ws_url(), made["key"].as_str().unwrap(), Encoding::Json).await.unwrap();

    let asked = Instant::now();
    assert_eq!(delete(&ann, &path(&made)).await.status, 204);
    assert_eq!(bot.get(VERIFY).await.code(), "unauthenticated");
    until("the other gateway refuses it", async || elsewhere.get(VERIFY).await.status == 401).await;
    assert_eq!(socket.closed(Duration::from_secs(1)).await, Gone::Closed(4504, "revoked".to_owned()));
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());

    assert_eq!(delete(&ann, &path(&made)).await.status, 204, "again");
    assert_eq!(ann.get(KEYS).await.ok()["data"], json!([]));
    let facts = told(&*world.log().await, &registered["user"]["id"], 3).await;
    assert_eq!(facts.last().unwrap(), "voxlog.session.revoked.v1");
    ann.get(VERIFY).await.ok();
}

#[tokio::test]
async fn a_key_ends_when_it_was_to_end() {
    let clock = ManualClock::at(SystemClock.now());
    let rest = gateway(&World::on_one_server().await, Arc::new(clock.clone())).await;
    let (ann, _) = rest.register("ann").await;
    let end = clock.now() + TimeDelta::minutes(5);
    let wanted = json!({"name": "bot", "scopes": ["read"], "expiresAt": end});
    let made = ann.post(KEYS, wanted).await.expect(StatusCode::CREATED);
    let bot = rest.with_token(made["key"].as_str().unwrap());
    assert_eq!(bot.get(VERIFY).await.ok()["expiresAt"], json!(end));
    clock.advance(TimeDelta::minutes(5));
    assert_eq!(bot.get(VERIFY).await.code(), "unauthenticated", "also while it is remembered");
}

#[tokio::test]
async fn what_is_no_key_is_refused_and_what_can_be_none_is_not_made() {
    let rest = gateway(&World::on_one_server().await, Arc::new(SystemClock)).await;
    let (ann, _) = rest.register("ann").await;
    let (bob, _) = rest.register("bob").await;
    let (_, made) = make(&ann, json!(["read"])).await;
    let key = made["key"].as_str().unwrap();
    let wrong = format!("{}A", &key[..key.len() - 1]);
    let other = if wrong == key { format!("{}B", &key[..key.len() - 1]) } else { wrong };
    for text in ["vxk_", "vxk_12345678_x", &key[1..], &format!("{key}A"), &other, &"vxk_é".repeat(12)] {
        let answer = send(rest.request(Method::GET, VERIFY).header("X-API-Key", text.as_bytes())).await;
        assert_eq!(answer.code(), "unauthenticated", "{text}");
    }
    for (wanted, fields) in [
        (json!({"name": "", "scopes": ["read"]}), vec!["name"]),
        (json!({"name": "x", "scopes": []}), vec!["scopes"]),
        (json!({"name": "x", "scopes": ["all"]}), vec!["scopes[0]"]),
        (
            json!({"name": "a\u{0}", "scopes": [], "expiresAt": "2020-01-01T00:00:00Z"}),
            vec!["name", "scopes", "expiresAt"],
        ),
        (json!({"scopes": ["read"]}), vec!["name"]),
    ] {
        assert_eq!(refusal(ann.post(KEYS, wanted).await), refused("invalid", &fields));
    }
    assert_eq!(delete(&bob, &path(&made)).await.code(), "not_found", "somebody else's");
    for _ in 1..50 {
        make(&ann, json!(["read"])).await;
    }
    assert_eq!(ann.post(KEYS, json!({"name": "x", "scopes": ["read"]})).await.code(), "conflict", "the 51st");
}

/// A key that was used lately goes on while PostgreSQL is away, as access tokens do.
#[tokio::test]
async fn a_key_in_use_outlives_the_database() {
    let mut postgres = servers::own_postgres().await;
    let world = World { database: postgres.url("postgres"), ..World::on_one_server().await };
    let rest = gateway(&world, Arc::new(SystemClock)).await;
    let (ann, _) = rest.register("ann").await;
    let (bot, _) = make(&ann, json!(["read"])).await;
    let (unused, _) = make(&ann, json!(["read"])).await;
    bot.get(VERIFY).await.ok();
    postgres.kill().await.unwrap();
    let killed_at = Instant::now();
    until("it would be looked up again", async || killed_at.elapsed() > Duration::from_secs(6)).await;
    bot.get(VERIFY).await.ok();
    assert_eq!(unused.get(VERIFY).await.code(), "unavailable");
}
