//! Calls: who is in one is the same for everybody, on every gateway and in the log.

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use voxlog_core::{
    envelope::Header,
    event::Event,
    fold::Folded,
    id::{RoomId, UserId},
    log::Log,
    position::Seq,
};
use voxlog_tests::{
    client::{CallError, Client, Encoding, PATIENCE, RoomView},
    fill::found_room,
    rest::Rest,
    servers,
    world::{Node, World, read_room, until, user_id, whole_room},
};

mod history;
mod idle;
mod losses;
mod races;

/// A room on two gateways, its owner and two members.
struct Stage {
    world: World,
    nodes: [Node; 2],
    room: RoomId,
    ada: UserId,
    bob: UserId,
    cleo: UserId,
}

impl Stage {
    async fn set() -> Result<Self> {
        Self::on(World::on_one_server().await).await
    }

    async fn on(world: World) -> Result<Self> {
        let nodes = [world.gateway().await, world.gateway().await];
        let [ada, bob, cleo] = [user_id(), user_id(), user_id()];
        let room = found_room(&world, &nodes[0].ws_url(), ada, &[bob, cleo]).await?;
        Ok(Self { world, nodes, room, ada, bob, cleo })
    }

    /// A socket at one of the two.
    async fn socket(&self, user: UserId, node: usize) -> Result<Client> {
        let encoding = if node == 0 { Encoding::Json } else { Encoding::Msgpack };
        Client::connect(&self.nodes[node].ws_url(), &self.world.token(user), encoding).await
    }

    fn rest(&self, user: UserId, node: usize) -> Rest {
        Rest::to(&self.nodes[node].url).with_token(self.world.token(user))
    }

    fn here(&self) -> Value {
        json!({ "room": self.room })
    }

    /// The call as one of the gateways has it.
    async fn call(&self, node: usize) -> Value {
        self.rest(self.ada, node).get(&format!("/api/v1/rooms/{}/call", self.room)).await.ok()["call"].clone()
    }

    /// Waits until both gateways have these people in the call.
    async fn agree_on(&self, expected: &[UserId]) {
        for node in 0..self.nodes.len() {
            until(format!("node {node} has {expected:?} in the call"), async || {
                people(&self.call(node).await) == texts(expected)
            })
            .await;
        }
    }
}

/// Who is in a call, in the order in which they joined.
fn people(call: &Value) -> Vec<String> {
    let participants = call["participants"].as_array().map(Vec::as_slice).unwrap_or_default();
    participants.iter().filter_map(|participant| participant["userId"].as_str()).map(str::to_owned).collect()
}

fn texts(users: &[UserId]) -> Vec<String> {
    users.iter().map(UserId::to_string).collect()
}

/// The room after everything that stands in the log, folded here event by event.
async fn folded(log: &dyn Log, room: RoomId, mut look: impl FnMut(Seq, &Event, &Folded)) -> Result<Folded> {
    let mut folded = Folded::default();
    for (_, stored) in read_room(log, room).await? {
        let event = Header::read(&stored.payload)?.event()?;
        folded.evolve(stored.seq, &event);
        look(stored.seq, &event, &folded);
    }
    Ok(folded)
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_who_comes_what_they_show_and_who_goes() -> Result<()> {
    let stage = Stage::set().await?;
    let (mut ada, mut bob, mut cleo) =
        (stage.socket(stage.ada, 0).await?, stage.socket(stage.bob, 1).await?, stage.socket(stage.cleo, 1).await?);
    let mut view = RoomView::from_the_beginning(stage.room.to_string());
    cleo.subscribe(&mut view).await?;

    let joined = ada.call("voice.join", json!({ "room": stage.room, "video": true })).await?;
    assert_eq!(people(&joined["call"]), texts(&[stage.ada]));
    assert_eq!(joined["call"]["startedBy"], json!(stage.ada));
    assert_eq!(joined["call"]["seats"], 8);
    assert!(joined["iceServers"].is_array(), "{joined}");
    let device = joined["call"]["participants"][0].clone();
    assert_eq!((&device["video"], &device["muted"], &device["screen"]), (&json!(true), &json!(false), &json!(false)));
    let joined = bob.call("voice.join", json!({ "room": stage.room, "muted": true })).await?;
    assert_eq!(people(&joined["call"]), texts(&[stage.ada, stage.bob]), "whoever joins sees who is there");
    let updated = bob.call("voice.update", json!({ "room": stage.room, "muted": false, "screen": true })).await?;
    cleo.read_to(&mut view, updated["seq"].as_u64().context("a seq")?, PATIENCE).await?;
    let now = stage.call(1).await;
    assert_eq!((&now["participants"][1]["muted"], &now["participants"][1]["screen"]), (&json!(false), &json!(true)));
    let subscribed = ada.call("subscribe", stage.here()).await?;
    stage.agree_on(&[stage.ada, stage.bob]).await;
    assert_eq!(subscribed["state"]["call"], now, "what a new subscriber is told is what there is");

    bob.call("voice.leave", stage.here()).await?;
    let left = ada.call("voice.leave", stage.here()).await?;
    cleo.read_to(&mut view, left["seq"].as_u64().context("a seq")?, PATIENCE).await?;
    stage.agree_on(&[]).await;
    assert_eq!(stage.call(0).await, Value::Null);
    let log = stage.world.log().await;
    assert_eq!(view.seen(), whole_room(&*log, stage.room).await?, "a third person has seen all of it, gap-free");
    let mut kinds = Vec::new();
    folded(&*log, stage.room, |_, event, _| {
        if let Event::Call(event) = event {
            kinds.push(serde_json::to_value(event).expect("JSON")["type"].as_str().unwrap_or_default().to_owned());
        }
    })
    .await?;
    let kinds: Vec<_> = kinds.iter().filter_map(|kind| kind.split('.').nth(2)).collect();
    assert_eq!(kinds, ["started", "joined", "joined", "updated", "left", "left", "ended"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_thirty_who_come_at_once_exactly_as_many_are_in_as_there_are_places() -> Result<()> {
    for world in [World::on_one_server().await, World::on_a_cluster().await] {
        let nodes = [world.gateway().await, world.gateway().await];
        let people: Vec<_> = (0..30).map(|_| user_id()).collect();
        let room = found_room(&world, &nodes[0].ws_url(), people[0], &people[1..]).await?;
        let mut sockets = Vec::new();
        for (number, &user) in people.iter().enumerate() {
            let node = &nodes[number % 2];
            sockets.push(Client::connect(&node.ws_url(), &world.token(user), Encoding::Json).await?);
        }
        let joins = sockets.iter_mut().map(|socket| async move {
            match socket.call("voice.join", json!({ "room": room })).await {
                Ok(_) => Ok(true),
                Err(CallError::Refused(refused)) if refused.code == "room_full" => Ok(false),
                Err(other) => Err(other),
            }
        });
        let seated = try_join_all(joins).await?.into_iter().filter(|seated| *seated).count();
        assert_eq!(seated, 8);
        let log = world.log().await;
        let at_the_end = folded(&*log, room, |seq, _, folded| {
            assert!(folded.call.ongoing().is_none_or(|call| call.participants.len() <= 8), "more than 8 at {seq}");
        })
        .await?;
        assert_eq!(at_the_end.call.ongoing().map(|call| call.participants.len()), Some(8));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn joining_twice_is_joining_once_and_nobody_is_in_two_calls() -> Result<()> {
    let stage = Stage::set().await?;
    let another = found_room(&stage.world, &stage.nodes[1].ws_url(), stage.bob, &[stage.ada]).await?;
    let mut ada = stage.socket(stage.ada, 0).await?;
    let first = ada.call("voice.join", stage.here()).await?;
    let again = ada.call("voice.join", json!({ "room": stage.room, "muted": true })).await?;
    assert_eq!((&again["call"], &again["seq"]), (&first["call"], &first["seq"]), "nothing has happened");
    let elsewhere = ada.call("voice.join", json!({ "room": another })).await.expect_err("they are in a call already");
    assert_eq!(elsewhere.code(), Some("conflict"));
    // Another device of hers may; she is there twice then.
    let mut phone = stage.socket(stage.ada, 1).await?;
    assert_eq!(people(&phone.call("voice.join", json!({ "room": another })).await?["call"]), texts(&[stage.ada]));
    ada.call("voice.leave", stage.here()).await?;
    ada.call("voice.leave", stage.here()).await?;
    let joined = ada.call("voice.join", json!({ "room": another })).await?;
    assert_eq!(people(&joined["call"]), texts(&[stage.ada, stage.ada]));
    let not_there = ada.call("voice.update", json!({ "room": stage.room, "muted": true })).await;
    assert_eq!(not_there.expect_err("they have left").code(), Some("conflict"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_gets_what_happened_in_the_call_after_their_cursor() -> Result<()> {
    let stage = Stage::set().await?;
    let (mut ada, mut cleo) = (stage.socket(stage.ada, 0).await?, stage.socket(stage.cleo, 0).await?);
    let mut view = RoomView::from_the_beginning(stage.room.to_string());
    cleo.subscribe(&mut view).await?;
    let joined = ada.call("voice.join", stage.here()).await?;
    cleo.read_to(&mut view, joined["seq"].as_u64().context("a seq")?, PATIENCE).await?;
    drop(cleo);
    for muted in [true, false, true] {
        ada.call("voice.update", json!({ "room": stage.room, "muted": muted })).await?;
        ada.call("message.send", json!({ "room": stage.room, "content": "can you hear me?" })).await?;
    }
    let left = ada.call("voice.leave", stage.here()).await?;
    let mut cleo = stage.socket(stage.cleo, 1).await?;
    cleo.subscribe(&mut view).await?;
    cleo.read_to(&mut view, left["seq"].as_u64().context("a seq")?, PATIENCE).await?;
    assert_eq!(view.seen(), whole_room(&*stage.world.log().await, stage.room).await?);
    let page = cleo.call("history", json!({ "room": stage.room, "class": "call", "limit": 3 })).await?;
    let kinds: Vec<_> = page["events"].as_array().context("events")?.iter().map(|it| &it["event"]["type"]).collect();
    assert_eq!(kinds, ["voxlog.call.updated.v1", "voxlog.call.left.v1", "voxlog.call.ended.v1"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn with_postgresql_away_calls_go_on() -> Result<()> {
    let mut postgres = servers::own_postgres().await;
    let stage = Stage::on(World { database: postgres.url("postgres"), ..World::on_one_server().await }).await?;
    postgres.kill().await?;
    let (mut ada, mut bob) = (stage.socket(stage.ada, 0).await?, stage.socket(stage.bob, 1).await?);
    ada.call("voice.join", stage.here()).await?;
    bob.call("voice.join", stage.here()).await?;
    stage.agree_on(&[stage.ada, stage.bob]).await;
    ada.call("room.kick", json!({ "room": stage.room, "userId": stage.bob })).await?;
    stage.agree_on(&[stage.ada]).await;
    let history = stage.rest(stage.ada, 0).get(&format!("/api/v1/rooms/{}/calls", stage.room)).await;
    assert_eq!(history.code(), "unavailable", "those that were are in PostgreSQL");
    Ok(())
}
