//! A join token lets one device into one room's call, once, and into nothing else.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use async_nats::jetstream;
use chrono::TimeDelta;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::Instant};
use tokio_tungstenite::tungstenite;
use tokio_util::sync::CancellationToken;
use voxlog_core::{
    clock::{Clock, SystemClock},
    id::{RoomId, UserId},
};
use voxlog_tests::{
    client::{CallError, Client, Encoding, Gone, PATIENCE},
    fill::found_room,
    rest::Rest,
    world::{Node, World, until, user_id},
};

/// Two gateways and a room of three: its owner, and two members.
struct Stage {
    world: World,
    nodes: [Node; 2],
    room: RoomId,
    people: [UserId; 3],
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_all_it_takes_to_be_in_a_call() -> Result<()> {
    let stage = Stage::new().await?;
    let [owner, ann, bob] = stage.people;
    let mut seen = stage.member(owner).await?;
    seen.call("subscribe", json!({ "room": stage.room })).await?;

    let (mut anns, call) = stage.enter(0, ann, Encoding::Json).await?;
    assert_eq!((&call["call"]["startedBy"], &call["iceServers"]), (&json!(ann), &json!([])), "{call}");
    let (mut bobs, call) = stage.enter(1, bob, Encoding::Msgpack).await?;
    assert_eq!(call["call"]["startedBy"], json!(ann), "who came first has begun it");
    let participants = call["call"]["participants"].as_array().context("a list")?.clone();
    let [of_ann, of_bob] = &participants[..] else { panic!("{call}") };
    assert_eq!((&of_ann["userId"], &of_bob["userId"]), (&json!(ann), &json!(bob)));

    let offer = json!({ "room": stage.room, "to": of_ann["session"], "data": { "type": "offer" } });
    bobs.call("voice.signal", offer).await?;
    let signal = anns.next_of("signal", PATIENCE).await?;
    assert_eq!((&signal["from"]["session"], &signal["data"]["type"]), (&of_bob["session"], &json!("offer")));
    bobs.call("voice.update", json!({ "room": stage.room, "video": true })).await?;

    drop(bobs);
    let mut kinds = Vec::new();
    while kinds.last().is_none_or(|last| last != "voxlog.call.left.v1") {
        let event = seen.next_of("event", PATIENCE).await?["event"].clone();
        kinds.push(event["type"].as_str().context("a type")?.to_owned());
        if kinds.len() == 5 {
            assert_eq!(event["data"]["reason"], "left", "at once, not when the session is lost: {event}");
        }
    }
    let calls = ["started", "joined", "joined", "updated", "left"].map(|kind| format!("voxlog.call.{kind}.v1"));
    assert_eq!(kinds, calls);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_socket_is_good_for_nothing_but_its_call() -> Result<()> {
    let stage = Stage::new().await?;
    let [owner, ann, bob] = stage.people;
    let elsewhere = found_room(&stage.world, &stage.nodes[0].ws_url(), owner, &[ann]).await?;
    let (mut anns, _) = stage.enter(0, ann, Encoding::Json).await?;
    let (here, there) = (stage.room, elsewhere);
    for (op, fields) in [
        ("hello", json!({ "token": stage.world.token(ann) })),
        ("message.send", json!({ "room": here, "content": "x" })),
        ("room.leave", json!({ "room": here })),
        ("room.create", json!({ "name": "x" })),
        ("history", json!({ "room": here, "class": "msg" })),
        ("history", json!({ "room": there, "class": "call" })),
        ("subscribe", json!({ "room": there })),
        ("voice.join", json!({ "room": there })),
        ("voice.token", json!({ "room": there })),
        ("typing.start", json!({ "room": here })),
        ("presence.update", json!({ "status": "away" })),
    ] {
        assert_eq!(code(anns.call(op, fields).await), "forbidden", "{op}");
    }
    anns.call("ping", json!({})).await?;
    anns.call("history", json!({ "room": here, "class": "call" })).await?;
    anns.call("subscribe", json!({ "room": here })).await?;

    // What is written is not told, not even where it names her; who comes and goes is.
    let mut writes = stage.member(bob).await?;
    writes.call("message.send", json!({ "room": here, "content": format!("<@{ann}>") })).await?;
    writes.call("voice.join", json!({ "room": here })).await?;
    let mut first = anns.next_unasked(PATIENCE).await?;
    while !["event", "user"].contains(&first["op"].as_str().context("an op")?) {
        first = anns.next_unasked(PATIENCE).await?;
    }
    assert_eq!((&first["op"], &first["class"]), (&json!("event"), &json!("call")), "{first}");
    assert_eq!(first["event"]["type"], "voxlog.call.joined.v1");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_once_also_for_two_gateways_at_once() -> Result<()> {
    let stage = Stage::new().await?;
    let [_, ann, _] = stage.people;
    for _ in 0..25 {
        let url = stage.mint(ann, json!({})).await?;
        let (here, there) = tokio::join!(stage.open(0, &url, Encoding::Json), stage.open(1, &url, Encoding::Json));
        let (mut let_in, refused) = match (here, there) {
            (Ok(client), Err(refused)) | (Err(refused), Ok(client)) => (client, refused),
            (here, there) => panic!("not one of two: {} {}", here.is_ok(), there.is_ok()),
        };
        assert_eq!(status(&refused), Some(401), "{refused}");
        assert_eq!(let_in.next_of("welcome", PATIENCE).await?["user"], json!(ann));
        for node in 0..2 {
            assert_eq!(stage.refusal(node, &url).await, Some(401), "it is used up");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_token_of_this_rooms_call_opens_nothing() -> Result<()> {
    let stage = Stage::new().await?;
    let [owner, ann, _] = stage.people;
    let elsewhere = found_room(&stage.world, &stage.nodes[0].ws_url(), owner, &[ann]).await?;
    let url = stage.mint(ann, json!({})).await?;
    let token = url.split_once("token=").context("a token in it")?.1.to_owned();
    assert_eq!(token.len(), 43);
    let room = stage.room;
    for (url, expected) in [
        (format!("/ws/call/{room}"), 422),
        (format!("/ws/call/{room}?token="), 401),
        (format!("/ws/call/{room}?token={}", "A".repeat(43)), 401),
        (format!("/ws/call/{room}?token={}", stage.world.token(ann)), 401),
        (format!("/ws/call/{room}?token={token}&x=1"), 422),
        (format!("/ws/call/no-room?token={token}"), 422),
        (format!("/ws/call/{elsewhere}?token={token}"), 401),
        (format!("/ws/call/{room}?token={token}"), 401),
    ] {
        assert_eq!(stage.refusal(0, &url).await, Some(expected), "{url}");
    }
    // What opens no socket costs no token.
    let url = stage.mint(ann, json!({})).await?;
    let plain = reqwest::get(format!("{}{url}", stage.nodes[0].url)).await?;
    assert_eq!(plain.status(), StatusCode::UPGRADE_REQUIRED);
    assert_eq!(plain.headers()["referrer-policy"], "no-referrer");
    stage.open(0, &url, Encoding::Json).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_of_a_token_is_a_hash_and_for_a_minute() -> Result<()> {
    let stage = Stage::new().await?;
    let url = stage.mint(stage.people[1], json!({})).await?;
    let bucket = format!("{}_JOIN_TOKENS", stage.world.namespace.to_string().to_uppercase());
    let context = jetstream::new(stage.world.nats_client().await);
    let mut stream = context.get_stream(format!("KV_{bucket}")).await?;
    assert_eq!(stream.info().await?.config.max_age, Duration::from_mins(1));
    let kept = stream.get_raw_message(1).await?;
    let token = url.split_once("token=").context("a token in it")?.1;
    let said = format!("{} {} {:?}", kept.subject, String::from_utf8_lossy(&kept.payload), kept.headers);
    assert!(said.contains(&stage.room.to_string()) && !said.contains(token), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_let_in_by_those_who_may() -> Result<()> {
    let stage = Stage::new().await?;
    let [owner, ann, bob] = stage.people;
    let stranger = user_id();
    let code = async |by, body| stage.asks(by, body).await.code().clone();
    assert_eq!(code(ann, json!({ "userId": bob })).await, "forbidden");
    assert_eq!(code(stranger, json!({})).await, "not_a_member");
    assert_eq!(code(owner, json!({ "userId": stranger })).await, "not_found");
    assert_eq!(code(owner, json!({ "userId": "x" })).await, "invalid");
    assert_eq!(code(owner, json!({ "user": bob })).await, "invalid");
    let mut admin = stage.member(owner).await?;
    admin.call("room.mute", json!({ "room": stage.room, "userId": bob })).await?;
    assert_eq!(code(bob, json!({})).await, "muted");
    assert_eq!(code(owner, json!({ "userId": bob })).await, "conflict");
    admin.call("room.unmute", json!({ "room": stage.room, "userId": bob })).await?;

    // Also by a socket that has no other token than such a one.
    let (mut owners, _) = stage.enter(0, owner, Encoding::Json).await?;
    let ack = owners.call("voice.token", json!({ "room": stage.room, "userId": bob })).await?;
    assert_eq!(ack["expiresIn"], 60, "{ack}");
    let mut bobs = stage.open(1, ack["url"].as_str().context("a URL")?, Encoding::Json).await?;
    assert_eq!(bobs.next_of("welcome", PATIENCE).await?["user"], json!(bob));
    let joined = bobs.next_of("ack", PATIENCE).await?;
    assert_eq!(joined["call"]["participants"].as_array().map(Vec::len), Some(2), "{joined}");
    assert_eq!(self::code(bobs.call("voice.token", json!({ "room": stage.room, "userId": ann })).await), "forbidden");
    assert_eq!(self::code(bobs.call("voice.end", json!({ "room": stage.room })).await), "forbidden");
    bobs.call("subscribe", json!({ "room": stage.room })).await?;
    owners.call("voice.end", json!({ "room": stage.room })).await?;
    let ended = bobs.next_of("event", PATIENCE).await?;
    assert_eq!(ended["event"]["type"], "voxlog.call.ended.v1", "{ended}");
    assert_eq!(ended["event"]["data"]["reason"], "ended");
    owners.call("voice.end", json!({ "room": stage.room })).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_decision_is_the_rooms_when_the_token_is_used() -> Result<()> {
    let stage = Stage::new().await?;
    let [owner, ann, _] = stage.people;
    let url = stage.mint(ann, json!({})).await?;
    stage.member(owner).await?.call("room.kick", json!({ "room": stage.room, "userId": ann })).await?;
    let mut anns = stage.open(1, &url, Encoding::Json).await?;
    let refused = anns.next_of("error", PATIENCE).await?;
    assert_eq!((&refused["id"], &refused["code"]), (&json!("voice.join"), &json!("not_a_member")), "{refused}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_of_a_sign_in_ends_with_it() -> Result<()> {
    let stage = Stage::new().await?;
    let ann = stage.account("ann").await?;
    let urls = [stage.mint_by(&ann, json!({})).await?, stage.mint_by(&ann, json!({})).await?];
    let mut client = stage.open(1, &urls[0], Encoding::Json).await?;
    client.next_of("ack", PATIENCE).await?;
    ann.post("/api/v1/auth/logout", json!({})).await.expect(StatusCode::NO_CONTENT);
    let Gone::Closed(4504, _) = client.closed(PATIENCE).await else { panic!("the socket stays open") };
    until("the other gateway has heard of it", async || stage.refusal(1, &urls[1]).await == Some(401)).await;
    Ok(())
}

/// Links are made by others too, and some like to be unseen.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_by_a_link_is_seen_in_the_call_alone() -> Result<()> {
    let stage = Stage::new().await?;
    let ann = stage.account("ann").await?;
    let mut anns = stage.open(1, &stage.mint_by(&ann, json!({})).await?, Encoding::Json).await?;
    let user = anns.next_of("welcome", PATIENCE).await?["user"].clone();
    anns.next_of("ack", PATIENCE).await?;
    for node in &stage.nodes {
        let token = stage.world.token(stage.people[0]);
        let mut watcher = Client::connect(&node.ws_url(), &token, Encoding::Json).await?;
        let now = watcher.call("subscribe", json!({ "room": stage.room })).await?["state"].clone();
        let seen = |list: &Value| list.as_array().is_some_and(|list| list.iter().any(|one| one["userId"] == user));
        assert!(seen(&now["call"]["participants"]) && !seen(&now["presence"]), "{now}");
    }
    Ok(())
}

/// Also a link that was made on a socket that came by another.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_good_for_no_more_than_the_api_key_that_it_came_of() -> Result<()> {
    const KEY_LASTS: TimeDelta = TimeDelta::seconds(8);
    let stage = Stage::new().await?;
    let ann = stage.account("ann").await?;
    let wanted = json!({ "name": "a display", "scopes": ["write"], "expiresAt": SystemClock.now() + KEY_LASTS });
    let made = ann.post("/api/v1/auth/api-keys", wanted).await.expect(StatusCode::CREATED);
    let display = ann.with_token(made["key"].as_str().context("a key")?);
    let mut first = stage.open(1, &stage.mint_by(&display, json!({})).await?, Encoding::Json).await?;
    first.next_of("ack", PATIENCE).await?;
    assert_eq!(code(first.call("subscribe", json!({ "room": stage.room })).await), "forbidden", "it may not read");
    let ack = first.call("voice.token", json!({ "room": stage.room })).await?;
    let mut next = stage.open(0, ack["url"].as_str().context("a URL")?, Encoding::Json).await?;
    assert_eq!(code(next.call("history", json!({ "room": stage.room, "class": "call" })).await), "forbidden");
    for socket in [&mut first, &mut next] {
        let Gone::Closed(4001, _) = socket.closed(PATIENCE).await else { panic!("it outlives the key") };
    }
    Ok(())
}

/// With the dates that NATS keeps and the workers that look after them.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_in_which_nothing_happens_any_more_ends_by_itself() -> Result<()> {
    const IDLE: Duration = Duration::from_secs(2);
    let world = World::on_one_server().await;
    let node = async || world.gateway_with(|config| config.voice.idle = IDLE, Arc::new(SystemClock)).await;
    let nodes = [node().await, node().await];
    let (workers, over) = workers(&world).await;
    let stage = Stage::with(world.clone(), nodes).await?;
    let [_, ann, bob] = stage.people;
    let (mut anns, _) = stage.enter(0, ann, Encoding::Json).await?;
    let (mut bobs, joined) = stage.enter(1, bob, Encoding::Json).await?;
    anns.call("subscribe", json!({ "room": stage.room })).await?;
    let to = &joined["call"]["participants"][0]["session"];
    let mut ticks = tokio::time::interval(IDLE / 8);
    let begun = Instant::now();
    while begun.elapsed() < 3 * IDLE {
        ticks.tick().await;
        bobs.call("voice.signal", json!({ "room": stage.room, "to": to, "data": "still here" })).await?;
    }
    let ended = loop {
        let event = anns.next_of("event", PATIENCE).await?["event"].clone();
        if event["type"] == "voxlog.call.ended.v1" {
            break event;
        }
    };
    assert_eq!(ended["data"]["reason"], "idle", "{ended}");
    let signal = json!({ "room": stage.room, "to": to, "data": "anybody?" });
    assert_eq!(code(bobs.call("voice.signal", signal).await), "forbidden");
    over.cancel();
    workers.await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn links_work_with_postgresql_away() -> Result<()> {
    let mut world = World::on_one_server().await;
    world.database = "postgres://nobody@127.0.0.1:1/nothing".to_owned();
    let stage = Stage::on(world).await?;
    let (_anns, joined) = stage.enter(1, stage.people[1], Encoding::Json).await?;
    assert_eq!(joined["call"]["participants"].as_array().map(Vec::len), Some(1));
    Ok(())
}

impl Stage {
    async fn new() -> Result<Self> {
        Self::on(World::on_one_server().await).await
    }

    async fn on(world: World) -> Result<Self> {
        let nodes = [world.gateway().await, world.gateway().await];
        Self::with(world, nodes).await
    }

    async fn with(world: World, nodes: [Node; 2]) -> Result<Self> {
        let people = [user_id(), user_id(), user_id()];
        let room = found_room(&world, &nodes[0].ws_url(), people[0], &people[1..]).await?;
        // For who joins later.
        Ok(Self { world, nodes, room, people })
    }

    async fn member(&self, user: UserId) -> Result<Client> {
        Client::connect(&self.nodes[0].ws_url(), &self.world.token(user), Encoding::Json).await
    }

    async fn asks(&self, by: UserId, body: Value) -> voxlog_tests::rest::Answer {
        let rest = Rest::to(&self.nodes[0].url).with_token(self.world.token(by));
        rest.post(&format!("/api/v1/rooms/{}/call/tokens", self.room), body).await
    }

    /// Somebody with an account, as a member of the room.
    async fn account(&self, name: &str) -> Result<Rest> {
        let rest = Rest::to(&self.nodes[0].url);
        until("accounts can be made", async || {
            let probe = json!({ "displayName": "probe" });
            rest.post("/api/v1/auth/guest", probe).await.status == StatusCode::CREATED
        })
        .await;
        let (somebody, _) = rest.register(name).await;
        self.member(self.people[0]).await?.call("room.update", json!({ "room": self.room, "maxUsers": 9 })).await?;
        somebody.post(&format!("/api/v1/rooms/{}/join", self.room), json!({})).await.expect(StatusCode::OK);
        Ok(somebody)
    }

    /// A URL with a token in it.
    async fn mint(&self, by: UserId, body: Value) -> Result<String> {
        self.mint_by(&Rest::to(&self.nodes[0].url).with_token(self.world.token(by)), body).await
    }

    async fn mint_by(&self, by: &Rest, body: Value) -> Result<String> {
        let minted =
            by.post(&format!("/api/v1/rooms/{}/call/tokens", self.room), body).await.expect(StatusCode::CREATED);
        let (url, token) = (minted["url"].as_str().context("a URL")?, minted["token"].as_str().context("a token")?);
        assert_eq!((url, &minted["expiresIn"]), (&*format!("/ws/call/{}?token={token}", self.room), &json!(60)));
        Ok(url.to_owned())
    }

    async fn open(&self, node: usize, url: &str, encoding: Encoding) -> Result<Client> {
        let base = self.nodes[node].url.replacen("http", "ws", 1);
        Client::open(&format!("{base}{url}"), encoding, None).await
    }

    /// A call socket, and what it is told of the call.
    async fn enter(&self, node: usize, user: UserId, encoding: Encoding) -> Result<(Client, Value)> {
        let mut client = self.open(node, &self.mint(user, json!({})).await?, encoding).await?;
        let welcome = client.next_unasked(PATIENCE).await?;
        assert_eq!(
            (&welcome["op"], &welcome["id"], &welcome["user"]),
            (&json!("welcome"), &json!("hello"), &json!(user))
        );
        let joined = client.next_of("ack", PATIENCE).await?;
        assert_eq!((&joined["id"], &joined["room"]), (&json!("voice.join"), &json!(self.room)), "{joined}");
        Ok((client, joined))
    }

    /// With which status an upgrade is refused.
    async fn refusal(&self, node: usize, url: &str) -> Option<u16> {
        status(&self.open(node, url, Encoding::Json).await.err()?)
    }
}

async fn workers(world: &World) -> (JoinHandle<()>, CancellationToken) {
    let over = CancellationToken::new();
    let parts = voxlog_workers::Parts {
        config: voxlog_workers::Config::new(world.replicas),
        log: world.log().await,
        bus: world.bus().await,
        client: world.nats_client().await,
        namespace: world.namespace.clone(),
        clock: Arc::new(SystemClock),
        health: Arc::default(),
    };
    (tokio::spawn(voxlog_workers::run(parts, over.clone())), over)
}

fn status(error: &anyhow::Error) -> Option<u16> {
    match error.downcast_ref()? {
        tungstenite::Error::Http(response) => Some(response.status().as_u16()),
        _ => None,
    }
}

fn code(outcome: Result<Value, CallError>) -> String {
    match outcome {
        Err(CallError::Refused(error)) => error.code,
        other => panic!("not refused: {other:?}"),
    }
}
