//! A POST with an `Idempotency-Key` is carried out once.

use std::sync::Arc;

use anyhow::Result;
use async_nats::jetstream;
use async_trait::async_trait;
use chrono::TimeDelta;
use futures_util::{StreamExt, future::join_all};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::{sync::Notify, time::sleep};
use voxlog_core::{
    clock::{Clock, ManualClock, SystemClock},
    id::RoomId,
    log::{AppendError, Appended, Log, NatsLog, Record},
    position::Seq,
};
use voxlog_tests::{
    altered::{Alter, Altered},
    fill::found_room,
    process::Process,
    rest::{Answer, PASSWORD, Rest, send},
    servers,
    world::{World, until, user_id, whole_chain, whole_room},
};

async fn post(user: &Rest, path: &str, key: &str, body: &Value) -> Answer {
    send(user.request(Method::POST, path).header("Idempotency-Key", key).json(body)).await
}

fn is_replayed(answer: &Answer) -> bool {
    answer.headers.get("idempotency-replayed").is_some_and(|value| value == "true")
}

/// A message without an id of its own: nothing but the key can tell a repetition.
fn says(room: RoomId, content: &str) -> Value {
    json!({"roomId": room, "content": content})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_comes_again_gets_the_same_answer_from_any_gateway() -> Result<()> {
    let world = World::on_one_server().await;
    let (one, other, ann) = (world.gateway().await, world.gateway().await, user_id());
    let room = found_room(&world, &one.ws_url(), ann, &[]).await?;
    let token = world.token(ann);
    let (here, there) = (Rest::to(&one.url).with_token(&token), Rest::to(&other.url).with_token(&token));

    let first = post(&here, "/api/v1/messages", "key-1", &says(room, "once")).await;
    assert!(!is_replayed(&first));
    let first = first.expect(StatusCode::CREATED);
    for gateway in [&here, &there] {
        let again = post(gateway, "/api/v1/messages", "key-1", &says(room, "once")).await;
        assert!(is_replayed(&again), "{again:?}");
        assert_eq!(again.expect(StatusCode::CREATED), first);
    }
    let other_body = post(&there, "/api/v1/messages", "key-1", &says(room, "other")).await;
    assert_eq!(other_body.body["errors"][0]["field"], "Idempotency-Key");
    assert_eq!(other_body.code(), "invalid");
    let other_path = post(&there, &format!("/api/v1/rooms/{room}/leave"), "key-1", &says(room, "once")).await;
    assert_eq!(other_path.code(), "invalid");
    let other_key = post(&there, "/api/v1/messages", "key-2", &says(room, "once")).await.expect(StatusCode::CREATED);
    assert_ne!(other_key["messageId"], first["messageId"]);
    let somebody_else = there.with_token(world.token(user_id()));
    let theirs = post(&somebody_else, "/api/v1/messages", "key-1", &says(room, "once")).await;
    assert!(!is_replayed(&theirs), "everybody has keys of their own");
    assert_eq!(theirs.code(), "not_a_member");
    assert_eq!(whole_chain(&*world.log().await, room).await?.len(), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_gets_no_answer_that_another_credential_got_and_spoils_none() -> Result<()> {
    let world = World::on_one_server().await;
    let node = world.gateway().await;
    let door = Rest::to(&node.url);
    until("identity's tables are made", async || {
        door.post("/api/v1/auth/login", json!({"email": "ann@example.org", "password": PASSWORD})).await.status
            == StatusCode::UNAUTHORIZED
    })
    .await;
    let (ann, _) = door.register("ann").await;
    let wanted = json!({"name": "reader", "scopes": ["read"]});
    let made = ann.post("/api/v1/auth/api-keys", wanted).await.expect(StatusCode::CREATED);
    let reader = ann.with_token(made["key"].as_str().expect("a key"));
    let room = json!({"name": "Tea"});
    assert_eq!(post(&reader, "/api/v1/rooms", "key", &room).await.code(), "forbidden");
    let opened = post(&ann, "/api/v1/rooms", "key", &room).await;
    assert!(!is_replayed(&opened), "{opened:?}");
    opened.expect(StatusCode::CREATED);
    assert_eq!(post(&reader, "/api/v1/rooms", "key", &room).await.code(), "forbidden", "the room's code is not told");
    assert!(is_replayed(&post(&ann, "/api/v1/rooms", "key", &room).await));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_those_that_come_at_once_one_is_carried_out() -> Result<()> {
    let world = World::on_one_server().await;
    let (one, other, ann) = (world.gateway().await, world.gateway().await, user_id());
    let room = found_room(&world, &one.ws_url(), ann, &[]).await?;
    let token = world.token(ann);
    let doors = [Rest::to(&one.url).with_token(&token), Rest::to(&other.url).with_token(&token)];
    for round in 0..10 {
        let (key, body) = (format!("round-{round}"), says(room, "once"));
        let patient = async |door: &Rest| loop {
            let answer = post(door, "/api/v1/messages", &key, &body).await;
            match answer.status {
                StatusCode::CREATED => return answer.body["messageId"].clone(),
                StatusCode::CONFLICT => assert!(answer.headers.contains_key("retry-after"), "{answer:?}"),
                _ => panic!("{answer:?}"),
            }
        };
        let ids = join_all((0..8).map(|index| patient(&doors[index % 2]))).await;
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        assert_eq!(whole_chain(&*world.log().await, room).await?.len(), round + 1);
    }
    Ok(())
}

/// A log that takes an append and dies over it.
#[derive(Debug)]
struct Dying {
    log: Arc<NatsLog>,
    took: Arc<Notify>,
}

#[async_trait]
impl Alter for Dying {
    fn log(&self) -> &dyn Log {
        &*self.log
    }

    async fn append(&self, record: Record, fence: Seq) -> Result<Appended, AppendError> {
        self.log.append(record, fence).await?;
        self.took.notify_one();
        std::future::pending().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_gateway_died_over_it_is_the_same_message_when_it_is_sent_again() -> Result<()> {
    let world = World::on_one_server().await;
    let (whole, ann) = (world.gateway().await, user_id());
    let room = found_room(&world, &whole.ws_url(), ann, &[]).await?;
    let took = Arc::new(Notify::new());
    let dying = Altered(Dying { log: world.log().await, took: Arc::clone(&took) });
    let node = world.gateway_on(Arc::new(dying), |_| {}, Arc::new(SystemClock)).await;
    let token = world.token(ann);
    let (here, there) = (Rest::to(&node.url).with_token(&token), Rest::to(&whole.url).with_token(&token));

    let sending = tokio::spawn(async move { post(&here, "/api/v1/messages", "key", &says(room, "once")).await });
    took.notified().await;
    sending.abort();
    node.abort();
    let early = post(&there, "/api/v1/messages", "key", &says(room, "once")).await;
    assert!(early.headers.contains_key("retry-after"));
    assert_eq!(early.code(), "conflict", "nobody knows yet that it has died");

    // Whether an id of a minute ago was used is looked up in the read model.
    let _projector = world.projector().await;
    world.caught_up().await;
    let later = ManualClock::at(SystemClock.now() + TimeDelta::seconds(61));
    let after = world.gateway_with(|_| {}, Arc::new(later)).await;
    let there = Rest::to(&after.url).with_token(&token);
    let again = post(&there, "/api/v1/messages", "key", &says(room, "once")).await;
    assert!(!is_replayed(&again));
    assert_eq!(again.body["duplicate"], true, "{:#}", again.body);
    assert_eq!(whole_chain(&*world.log().await, room).await?.len(), 1);
    let replayed = post(&there, "/api/v1/messages", "key", &says(room, "once")).await;
    assert!(is_replayed(&replayed));
    assert_eq!(replayed.body, again.body);
    Ok(())
}

/// Rooms and invites that were made before the process was killed, before it could keep what it had answered.
///
/// The clock of the process that is asked again is a minute ahead: by then the first is taken to have died.
#[tokio::test(flavor = "multi_thread")]
async fn a_room_and_an_invite_whose_gateway_was_killed_over_them_are_made_once() -> Result<()> {
    let world = World::on_one_server().await;
    let log = world.log().await;
    let token = world.token(user_id());
    let later = ManualClock::at(SystemClock.now() + TimeDelta::seconds(61));
    let after = world.gateway_with(|_| {}, Arc::new(later)).await;
    let there = Rest::to(&after.url).with_token(&token);
    let form = json!({"name": "Tea", "description": "for two"});

    let opened = killed_over(&world, &token, "/api/v1/rooms", "room", &form).await?;
    let again = post(&there, "/api/v1/rooms", "room", &form).await;
    assert!(!is_replayed(&again));
    let again = again.expect(StatusCode::CREATED);
    assert_eq!(again, opened, "the same room, with the same code, as it was answered first");

    let room: RoomId = again["id"].as_str().unwrap_or_default().parse()?;
    let (path, form) = (format!("/api/v1/rooms/{room}/invites"), json!({"maxUses": 3, "expiresInS": 3600}));
    let made = killed_over(&world, &token, &path, "invite", &form).await?;
    let again = post(&there, &path, "invite", &form).await.expect(StatusCode::CREATED);
    assert_eq!((&again["code"], &again["inviteId"]), (&made["code"], &made["inviteId"]));
    assert_eq!(whole_room(&*log, room).await?.len(), 2, "it was opened once and has one invite");
    Ok(())
}

/// What a process answered before it was killed; what it had kept of that is taken back to how it stood while the request
/// was under way.
async fn killed_over(world: &World, token: &str, path: &str, key: &str, body: &Value) -> Result<Value> {
    let process = Process::serve(world, "gateway").await;
    let here = Rest::to(&process.url).with_token(token);
    let answer = post(&here, path, key, body).await.expect(StatusCode::CREATED);
    process.kill().await;
    let context = jetstream::new(world.nats_client().await);
    let bucket = context.get_key_value(world.namespace.bucket("IDEMPOTENCY")).await?;
    let mut keys = bucket.keys().await?;
    while let Some(slot) = keys.next().await {
        let slot = slot?;
        let mut record: Value = serde_json::from_slice(&bucket.get(&slot).await?.unwrap_or_default())?;
        if record["state"]["done"]["body"].to_string().contains(answer["position"].as_str().unwrap_or_default()) {
            record["state"] = json!("underWay");
            bucket.put(&slot, record.to_string().into()).await?;
            return Ok(answer);
        }
        eprintln!("{record}");
    }
    anyhow::bail!("no record of what was answered")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_to_nothing_for_a_passing_reason_may_be_tried_again() -> Result<()> {
    let world = World::on_one_server().await;
    let (node, ann) = (world.gateway().await, user_id());
    let room = found_room(&world, &node.ws_url(), ann, &[]).await?;
    let nobody = Rest::to(&node.url);
    let refused = post(&nobody, "/api/v1/messages", "key", &says(room, "once")).await;
    assert_eq!(refused.code(), "unauthenticated");
    let ann = nobody.with_token(world.token(ann));
    post(&ann, "/api/v1/messages", "key", &says(room, "once")).await.expect(StatusCode::CREATED);

    // What is refused for a lasting reason is refused again, as it was.
    let form = json!({"roomId": RoomId::mint(&SystemClock), "content": "nowhere"});
    assert_eq!(post(&ann, "/api/v1/messages", "nowhere", &form).await.code(), "not_found");
    let again = post(&ann, "/api/v1/messages", "nowhere", &form).await;
    assert!(is_replayed(&again));
    assert_eq!(again.code(), "not_found", "with the id of this request");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_is_not_repeated_and_none_of_its_secrets_is_kept() -> Result<()> {
    let world = World::on_one_server().await;
    let node = world.gateway().await;
    let door = Rest::to(&node.url);
    let login = json!({"email": "ann@example.org", "password": PASSWORD});
    until("identity's tables are made", async || {
        post(&door, "/api/v1/auth/login", "early", &login).await.status == StatusCode::UNAUTHORIZED
    })
    .await;
    let form = json!({"username": "ann", "email": "ann@example.org", "password": PASSWORD});
    let grant = post(&door, "/api/v1/auth/register", "key", &form).await.expect(StatusCode::CREATED);
    let again = post(&door, "/api/v1/auth/register", "key", &form).await;
    assert!(!is_replayed(&again));
    assert_eq!(again.code(), "conflict");
    // A wrong password is no answer that lasts: the key is free again.
    let wrong = json!({"email": "ann@example.org", "password": "wrong horse"});
    for _ in 0..2 {
        assert_eq!(post(&door, "/api/v1/auth/login", "wrong", &wrong).await.code(), "unauthenticated");
    }

    let context = jetstream::new(world.nats_client().await);
    let bucket = context.get_key_value(world.namespace.bucket("IDEMPOTENCY")).await?;
    let mut keys = bucket.keys().await?;
    let mut kept = String::new();
    while let Some(key) = keys.next().await {
        let key = key?;
        kept += &String::from_utf8_lossy(&bucket.get(&key).await?.unwrap_or_default());
        kept += &key;
    }
    assert!(kept.contains("minted"), "{kept}");
    let secrets = [grant["token"].as_str(), grant["refreshToken"].as_str(), Some("ann"), Some(PASSWORD), Some("wrong")];
    for secret in secrets.into_iter().flatten() {
        assert!(!kept.contains(secret), "{secret} is in {kept}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_none_is_refused_and_without_nats_nothing_is_begun() -> Result<()> {
    let mut nats = servers::own_nats().await;
    let world = World::on(vec![nats.url()], 1).await;
    let (node, ann) = (world.gateway().await, user_id());
    let room = found_room(&world, &node.ws_url(), ann, &[]).await?;
    let ann = Rest::to(&node.url).with_token(world.token(ann));
    for key in [String::new(), "a b".to_owned(), "k".repeat(256)] {
        let refused = post(&ann, "/api/v1/messages", &key, &says(room, "once")).await;
        assert_eq!(refused.body["errors"][0]["field"], "Idempotency-Key");
        assert_eq!(refused.code(), "invalid");
    }
    nats.kill().await?;
    let away = post(&ann, "/api/v1/messages", "key", &says(room, "once")).await;
    assert!(away.headers.contains_key("retry-after"));
    assert_eq!(away.code(), "unavailable");

    nats.restart().await?;
    until("the message is taken", async || {
        let answer = post(&ann, "/api/v1/messages", "key", &says(room, "once")).await;
        if answer.status == StatusCode::CONFLICT {
            sleep(std::time::Duration::from_millis(100)).await;
        }
        answer.status == StatusCode::CREATED
    })
    .await;
    assert_eq!(whole_chain(&*world.log().await, room).await?.len(), 1);
    Ok(())
}
