//! What was erased is nowhere: not in the log's files, not in a table, in no answer. Everybody else has what they had.
//!
//! Zoe's words are canaries. She writes, edits, reacts and is read, then she goes.

use std::{fs, path::Path, sync::Arc, time::Duration};

use anyhow::Result;
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool, Row};
use tokio::time::Instant;
use voxlog::embedded::{NatsOptions, NatsServer};
use voxlog_core::{
    erasure,
    id::{RoomId, UserId},
    log::Log,
};
use voxlog_projections::rebuild::{Mode, rebuild};
use voxlog_tests::{
    client::{Client, Encoding, Event, Gone, PATIENCE, RoomView},
    process::Process,
    rest::{PASSWORD, Rest},
    servers,
    world::{World, until, whole_chain, whole_room},
};

/// In everything that Zoe is called or has written.
const CANARY: &str = "zq7canaryx9";

/// How long a token may be good for anything after its end.
const SOON: Duration = Duration::from_secs(1);

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}")).to_owned()
}

async fn registered(door: &Rest, name: &str) -> (Rest, UserId, Value) {
    until("identity's tables are made", async || {
        let form = json!({"email": "nobody@example.org", "password": PASSWORD});
        door.post("/api/v1/auth/login", form).await.status == StatusCode::UNAUTHORIZED
    })
    .await;
    let (rest, grant) = door.register(name).await;
    let id = text(&grant["user"]["id"]).parse().expect("an id");
    (rest, id, grant)
}

/// A public room, by its owner.
async fn public_room(owner: &Rest) -> RoomId {
    let form = json!({"name": "Tea", "settings": {"isPublic": true}});
    let opened = owner.post("/api/v1/rooms", form).await.expect(StatusCode::CREATED);
    text(&opened["id"]).parse().expect("an id")
}

async fn join(user: &Rest, room: RoomId) {
    user.post(&format!("/api/v1/rooms/{room}/join"), json!({})).await.ok();
}

async fn say(user: &Rest, room: RoomId, content: &str) -> String {
    let posted = user.post("/api/v1/messages", json!({"roomId": room, "content": content})).await;
    text(&posted.expect(StatusCode::CREATED)["messageId"])
}

async fn erase(user: &Rest, farewell: Value) -> voxlog_tests::rest::Answer {
    user.send(Method::DELETE, "/api/v1/users/me", farewell).await
}

/// What the files below a directory say somewhere.
fn on_disk(dir: &Path, what: &str) -> bool {
    let below = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    let says = |path: &Path| fs::read(path).is_ok_and(|it| it.windows(what.len()).any(|part| part == what.as_bytes()));
    below.map(|entry| entry.path()).any(|path| if path.is_dir() { on_disk(&path, what) } else { says(&path) })
}

/// Whether a dump has a canary, as text or as PostgreSQL writes bytes.
fn holds_canary(dump: &str) -> bool {
    let hex = CANARY.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    dump.contains(CANARY) || dump.contains(&hex)
}

/// Every row of every table, as text.
async fn dump(pool: &PgPool) -> String {
    let tables = "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables
         WHERE table_schema IN ('voxlog', 'identity')";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(pool).await.expect("the database answers");
    assert!(tables.len() > 15, "{tables:?}");
    let mut dump = String::new();
    for table in tables {
        let select = AssertSqlSafe(format!("SELECT t::text FROM {table} t"));
        for row in sqlx::query(select).fetch_all(pool).await.expect("the database answers") {
            dump += &row.get::<String, _>(0);
            dump.push('\n');
        }
    }
    dump
}

async fn stage(pool: &PgPool, user: UserId) -> Option<String> {
    let select = sqlx::query_scalar("SELECT stage FROM identity.erasures WHERE user_id = $1");
    select.bind(user.as_uuid()).fetch_optional(pool).await.expect("the database answers")
}

async fn until_erased(pool: &PgPool, user: UserId) {
    until("the erasure is through", async || stage(pool, user).await.as_deref() == Some("watching")).await;
}

/// A client that has the room up to its last event, as it can prove, and as the heads prove to it.
async fn follows_all(url: &str, token: &str, mut view: RoomView, log: &dyn Log, room: RoomId) -> Result<RoomView> {
    let mut client = Client::connect(url, token, Encoding::Json).await?;
    client.subscribe(&mut view).await?;
    let last = whole_room(log, room).await?.last().map_or(0, |(seq, _)| *seq);
    client.read_to(&mut view, last, PATIENCE).await?;
    view.look_at(&client.next_of("heads", PATIENCE).await?)?;
    Ok(view)
}

/// What anybody may read of a room, as text.
async fn readable(user: &Rest, room: RoomId, zoe: UserId) -> String {
    let paths = [
        format!("/api/v1/rooms/{room}/messages?limit=100"),
        format!("/api/v1/rooms/{room}/state?messages=50"),
        format!("/api/v1/rooms/{room}/members"),
        format!("/api/v1/rooms/{room}/pins"),
        format!("/api/v1/search?q={CANARY}"),
        format!("/api/v1/users?query={CANARY}"),
        format!("/api/v1/users/{zoe}"),
        "/api/v1/users".to_owned(),
    ];
    let mut all = String::new();
    for path in paths {
        all += &user.get(&path).await.ok().to_string();
    }
    all
}

/// Whoever owns a room hands it over first; whoever has no password goes nowhere.
async fn owners_and_strangers_are_refused(world: &World, zoe: &Rest) {
    let owned = public_room(zoe).await;
    world.caught_up().await;
    let refused = erase(zoe, json!({"password": PASSWORD})).await;
    assert_eq!(refused.body["errors"][0]["field"], format!("rooms.{owned}"));
    assert_eq!(refused.code(), "conflict");
    zoe.send(Method::DELETE, &format!("/api/v1/rooms/{owned}"), Value::Null).await.ok();
    world.caught_up().await;
    for farewell in [json!({}), json!({"password": "wrong horse"})] {
        assert_eq!(erase(zoe, farewell).await.body["errors"][0]["field"], "password");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_erased_is_nowhere_and_nothing_else_is_missing() -> Result<()> {
    let store = servers::scratch();
    let nats = NatsServer::start(NatsOptions::new(store.clone())).await?;
    let world = World::on(vec![nats.url()], 1).await;
    let often = |config: &mut voxlog_gateway::config::Config| config.heartbeat = Duration::from_millis(300);
    let clock = || Arc::new(voxlog_core::clock::SystemClock);
    let (one, other) = (world.gateway_with(often, clock()).await, world.gateway_with(often, clock()).await);
    let _projector = world.projector().await;
    let (log, pool) = (world.log().await, PgPool::connect(&world.database).await?);
    let (here, there) = (Rest::to(&one.url), Rest::to(&other.url));
    let (ann, _, anns) = registered(&here, "ann").await;
    let (zoe, zoe_id, zoes) = registered(&here, &format!("z{CANARY}")).await;
    let profile = json!({"displayName": format!("Zoe {CANARY}"), "avatarUrl": format!("https://{CANARY}.example/z")});
    zoe.send(Method::PATCH, &format!("/api/v1/users/{zoe_id}"), profile).await.ok();

    let room = public_room(&ann).await;
    join(&zoe, room).await;
    let first = say(&ann, room, "before her").await;
    let said = say(&zoe, room, &format!("{CANARY} said")).await;
    let edited = say(&zoe, room, &format!("{CANARY} slip")).await;
    world.caught_up().await;
    zoe.send(Method::PATCH, &format!("/api/v1/messages/{edited}"), json!({"content": format!("{CANARY} mended")}))
        .await
        .ok();
    let between = say(&ann, room, &format!("between, to <@{zoe_id}>")).await;
    // One who knows the room up to here, and was away since.
    let whole = || RoomView::from_the_beginning(room.to_string());
    let anns_token = text(&anns["token"]);
    let away = follows_all(&one.ws_url(), &anns_token, whole(), &*log, room).await?;
    ann.send(Method::PUT, &format!("/api/v1/messages/{said}/reactions/%F0%9F%91%8D"), json!({})).await.ok();
    ann.send(Method::PUT, &format!("/api/v1/messages/{said}/pin"), json!({})).await.ok();
    zoe.send(Method::PUT, &format!("/api/v1/messages/{first}/reactions/%F0%9F%91%8D"), json!({})).await.ok();
    let reply = json!({"roomId": room, "content": "an answer", "replyTo": said});
    let reply = text(&ann.post("/api/v1/messages", reply).await.expect(StatusCode::CREATED)["messageId"]);
    say(&zoe, room, &format!("{CANARY} at last")).await;
    world.caught_up().await;
    assert!(readable(&ann, room, zoe_id).await.contains(CANARY), "these find what there is");
    assert!(holds_canary(&dump(&pool).await), "so does this");
    until("the log is on disk", async || on_disk(&store, CANARY)).await;

    owners_and_strangers_are_refused(&world, &zoe).await;
    let patient = world.gateway().await;
    let mut live = Client::connect(&patient.ws_url(), &text(&anns["token"]), Encoding::Json).await?;
    live.call("subscribe", json!({"room": room})).await?;
    let mut socket = Client::connect(&other.ws_url(), &text(&zoes["token"]), Encoding::Json).await?;

    erase(&zoe, json!({"password": PASSWORD})).await.expect(StatusCode::NO_CONTENT);
    let gone = Instant::now();
    assert_eq!(zoe.get("/api/v1/users/me").await.code(), "unauthenticated", "here at once");
    assert_eq!(socket.closed(SOON).await, Gone::Closed(4504, "revoked".to_owned()), "there within a second");
    let elsewhere = there.with_token(text(&zoes["token"]));
    until("the other gateway knows", async || {
        elsewhere.get("/api/v1/users/me").await.status == StatusCode::UNAUTHORIZED
    })
    .await;
    assert!(gone.elapsed() < SOON, "{:?}", gone.elapsed());
    let refresh = here.post("/api/v1/auth/refresh", json!({"refreshToken": zoes["refreshToken"]})).await;
    assert_eq!(refresh.code(), "unauthenticated");
    until_erased(&pool, zoe_id).await;
    world.caught_up().await;

    assert!(!on_disk(&store, CANARY), "the log's files");
    let tables = dump(&pool).await;
    assert!(!holds_canary(&tables), "{:?}", tables.lines().filter(|row| holds_canary(row)).collect::<Vec<_>>());
    let read = readable(&ann, room, zoe_id).await;
    assert!(!read.contains(CANARY), "{read}");
    for kept in [&first, &between, &reply] {
        assert!(read.contains(kept.as_str()), "{kept} is Ann's");
    }
    let user = ann.get(&format!("/api/v1/users/{zoe_id}")).await.ok();
    assert!(user["username"].is_null() && user["erasedAt"].is_string(), "{user}");
    let members = ann.get(&format!("/api/v1/rooms/{room}/members")).await.ok();
    assert_eq!(members["data"].as_array().map(Vec::len), Some(1), "{members}");

    // Who was away, who is new and who was there all prove that they have what there is.
    let fresh = world.gateway_with(often, clock()).await;
    for node in [&one, &other, &fresh] {
        for view in [away.clone(), whole()] {
            follows_all(&node.ws_url(), &anns_token, view, &*log, room).await?;
        }
    }
    let after = say(&ann, room, "after her").await;
    let event = loop {
        let event = Event::of(&live.next_of("event", PATIENCE).await?)?;
        if event.event["id"] == after.as_str() {
            break event;
        }
    };
    let chain = whole_chain(&*log, room).await?;
    assert_eq!(event.prev, chain[chain.len() - 2].seq.0, "it stands behind what is left");
    for node in [&one, &other, &fresh] {
        for view in [away.clone(), whole()] {
            follows_all(&node.ws_url(), &anns_token, view, &*log, room).await?;
        }
    }

    // What was rebuilt without her equals what she was taken out of.
    world.caught_up().await;
    let report = rebuild(log.clone(), &world.database, "voxlog", Mode::Swap, |_| ()).await?;
    assert!(report.equal, "{report:#?}");
    let tables = dump(&pool).await;
    assert!(!holds_canary(&tables) && !readable(&ann, room, zoe_id).await.contains(CANARY));
    registered(&here, &format!("z{CANARY}")).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_whose_gateway_is_killed_is_carried_through_by_another() -> Result<()> {
    const MESSAGES: usize = 400;
    let world = World::on_one_server().await;
    let _projector = world.projector().await;
    let (log, pool) = (world.log().await, PgPool::connect(&world.database).await?);
    let mut gateway = Process::serve(&world, "gateway").await;
    let door = Rest::to(&gateway.url);
    let (ann, _, _) = registered(&door, "ann").await;
    let (zoe, zoe_id, _) = registered(&door, "zoe").await;
    let room = public_room(&ann).await;
    join(&zoe, room).await;
    for (user, whose) in [(&zoe, CANARY), (&ann, "hers")] {
        let numbers: Vec<usize> = (0..MESSAGES).collect();
        for some in numbers.chunks(20) {
            let words: Vec<_> = some.iter().map(|number| format!("{whose} {number}")).collect();
            join_all(words.iter().map(|words| say(user, room, words))).await;
        }
    }
    world.caught_up().await;
    erase(&zoe, json!({"password": PASSWORD})).await.expect(StatusCode::NO_CONTENT);
    // In the middle of each stage: before she has left, before anything is taken out, while it is.
    for reached in ["leaving", "deleting", "deleting"] {
        until("it is that far", async || {
            let stage = stage(&pool, zoe_id).await;
            stage.as_deref() == Some(reached) || stage.as_deref() == Some("watching")
        })
        .await;
        gateway.kill().await;
        gateway = Process::serve(&world, "gateway").await;
    }
    until_erased(&pool, zoe_id).await;
    let chain = whole_chain(&*log, room).await?;
    assert!(chain.iter().all(|stored| !erasure::is_of(zoe_id, &stored.payload)));
    assert_eq!(chain.len(), MESSAGES, "Ann's are all there");
    world.caught_up().await;
    let report = rebuild(log.clone(), &world.database, "voxlog", Mode::Check, |_| ()).await?;
    assert!(report.equal, "{report:#?}");
    assert!(!holds_canary(&dump(&pool).await));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_goes_without_a_word() -> Result<()> {
    let world = World::on_one_server().await;
    let _projector = world.projector().await;
    let node = world.gateway().await;
    let pool = PgPool::connect(&world.database).await?;
    let door = Rest::to(&node.url);
    registered(&door, "ann").await;
    let name = format!("Gus {CANARY}");
    let grant = door.post("/api/v1/auth/guest", json!({"displayName": name})).await.expect(StatusCode::CREATED);
    let guest = door.with_token(text(&grant["token"]));
    world.caught_up().await;
    assert!(holds_canary(&dump(&pool).await));
    erase(&guest, json!({})).await.expect(StatusCode::NO_CONTENT);
    until_erased(&pool, text(&grant["user"]["id"]).parse()?).await;
    world.caught_up().await;
    assert!(!holds_canary(&dump(&pool).await));
    Ok(())
}
