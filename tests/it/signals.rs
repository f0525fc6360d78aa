//! What devices in a call tell each other arrives once and in order, wherever they are, and concerns nobody else.

use std::time::Duration;

use anyhow::{Context, Result};
use rand::RngExt;
use serde_json::{Value, json};
use tokio::time::Instant;
use voxlog_core::{
    clock::SystemClock,
    id::{RoomId, SessionId, UserId},
};
use voxlog_tests::{
    client::{CallError, Client, Encoding, PATIENCE},
    fill::found_room,
    world::{Node, World, user_id},
};

/// Two gateways and a room of three: its owner, and two members.
struct Stage {
    world: World,
    nodes: [Node; 2],
    room: RoomId,
    people: [UserId; 3],
}

/// A client with its session.
struct Device {
    client: Client,
    session: String,
    /// The last signal that it has got.
    last: u64,
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_in_a_call_tell_each_other_whatever_they_like() -> Result<()> {
    let stage = Stage::new().await?;
    let [ann, bob, _] = stage.people;
    let (mut anns, mut bobs) =
        (stage.device(0, ann, Encoding::Json).await?, stage.device(1, bob, Encoding::Msgpack).await?);
    let call = anns.join(stage.room).await?;
    assert_eq!(bobs.join(stage.room).await?["callId"], call["callId"]);
    let offer = json!({ "type": "offer", "sdp": "v=0\r\no=- 46117 2 IN IP4 127.0.0.1\r\n", "ü": [null, 1.5, {}] });
    for data in [offer, json!("text"), json!(7), json!([]), Value::Null] {
        let ack = anns.signal(stage.room, &bobs.session, data.clone()).await?;
        assert_eq!((&ack["room"], ack.get("seq")), (&json!(stage.room), None), "{ack}");
        let told = bobs.next().await?;
        assert_eq!(told["from"], json!({ "session": anns.session, "userId": ann }));
        assert_eq!((&told["room"], &told["callId"]), (&json!(stage.room), &call["callId"]));
        bobs.signal(stage.room, &anns.session, data.clone()).await?;
        let answered = anns.next().await?;
        assert_eq!(answered["from"], json!({ "session": bobs.session, "userId": bob }));
        assert_eq!([&told["data"], &answered["data"]], [&data, &data]);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_signals_who_is_not_in_the_call_and_nobody_is_signalled_to() -> Result<()> {
    let stage = Stage::new().await?;
    let [ann, bob, carol] = stage.people;
    let mut anns = stage.device(0, ann, Encoding::Json).await?;
    let mut bobs = stage.device(1, bob, Encoding::Json).await?;
    let mut bobs_other = stage.device(1, bob, Encoding::Json).await?;
    let mut carols = stage.device(0, carol, Encoding::Json).await?;
    let mut strangers = stage.device(0, user_id(), Encoding::Json).await?;
    let elsewhere = found_room(&stage.world, &stage.nodes[0].ws_url(), carol, &[]).await?;
    carols.join(elsewhere).await?;
    anns.join(stage.room).await?;
    bobs.join(stage.room).await?;
    let nobody = SessionId::mint(&SystemClock).to_string();
    for to in [&bobs_other.session, &carols.session, &strangers.session, &nobody] {
        assert_eq!(code(anns.signal(stage.room, to, json!("x")).await), "forbidden");
    }
    let to_ann = anns.session.clone();
    for device in [&mut bobs_other, &mut carols, &mut strangers] {
        assert_eq!(code(device.signal(stage.room, &to_ann, json!("x")).await), "forbidden");
    }
    assert_eq!(code(anns.signal(elsewhere, &carols.session, json!("x")).await), "forbidden");
    let nowhere = RoomId::mint(&SystemClock);
    assert_eq!(code(anns.signal(nowhere, &bobs.session, json!("x")).await), "forbidden");
    // What comes first is what may come.
    bobs.signal(stage.room, &to_ann, json!("first")).await?;
    assert_eq!(anns.next().await?["data"], "first");
    let bobs_session = bobs.session.clone();
    anns.client.call("voice.leave", json!({ "room": stage.room })).await?;
    assert_eq!(code(anns.signal(stage.room, &bobs_session, json!("x")).await), "forbidden");
    assert_eq!(code(bobs.signal(stage.room, &to_ann, json!("x")).await), "forbidden");
    Ok(())
}

/// The one who is kicked is at another gateway than the one who kicks.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_kicked_neither_sends_nor_gets_anything_any_more() -> Result<()> {
    let stage = Stage::new().await?;
    let [ann, bob, _] = stage.people;
    let (mut anns, mut bobs) =
        (stage.device(0, ann, Encoding::Json).await?, stage.device(1, bob, Encoding::Json).await?);
    anns.join(stage.room).await?;
    for _ in 0..20 {
        bobs.join_again(stage.room).await?;
        let (to_ann, bobs_session) = (anns.session.clone(), bobs.session.clone());
        bobs.signal(stage.room, &to_ann, json!("before")).await?;
        assert_eq!(anns.next().await?["data"], "before");
        // Under way while the kick is decided: taken before it, or refused.
        let racing = bobs.client.send("voice.signal", signal(stage.room, &to_ann, &json!("racing"))).await?;
        anns.client.call("room.kick", json!({ "room": stage.room, "userId": bob })).await?;
        let late = bobs.client.send("voice.signal", signal(stage.room, &to_ann, &json!("late"))).await?;
        assert_eq!(code(anns.signal(stage.room, &bobs_session, json!("late")).await), "forbidden");
        assert_eq!(code(bobs.client.answer(late).await), "forbidden");
        if bobs.client.answer(racing).await.is_ok() {
            assert_eq!(anns.next().await?["data"], "racing");
        }
        bobs.client.call("room.join", json!({ "room": stage.room })).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_for_somebody_who_is_out_of_the_call_is_not_told() -> Result<()> {
    let stage = Stage::new().await?;
    let [ann, bob, _] = stage.people;
    let other = found_room(&stage.world, &stage.nodes[0].ws_url(), ann, &[bob]).await?;
    let (mut anns, mut bobs) =
        (stage.device(0, ann, Encoding::Json).await?, stage.device(1, bob, Encoding::Json).await?);
    anns.join(stage.room).await?;
    bobs.join(stage.room).await?;
    let away = bobs.away();
    for _ in 0..3 {
        anns.signal(stage.room, &away.session, json!("kept")).await?;
    }
    anns.client.call("room.kick", json!({ "room": stage.room, "userId": bob })).await?;
    let mut bobs = stage.resume(0, bob, away).await?;
    // In another room's call they meet again: what is told first is what is said there.
    anns.client.call("voice.leave", json!({ "room": stage.room })).await?;
    anns.join(other).await?;
    bobs.join(other).await?;
    anns.signal(other, &bobs.session, json!("there")).await?;
    assert_eq!(bobs.next().await?["data"], "there");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_while_a_device_reconnects_elsewhere_comes_once_and_in_order() -> Result<()> {
    let stage = Stage::new().await?;
    let [ann, bob, _] = stage.people;
    let mut anns = stage.device(0, ann, Encoding::Json).await?;
    let mut bobs = stage.device(1, bob, Encoding::Json).await?;
    anns.join(stage.room).await?;
    bobs.join(stage.room).await?;
    let mut number = 0;
    for node in [0, 0, 1, 0] {
        let (session, before) = (bobs.session.clone(), number);
        for _ in 0..5 {
            anns.signal(stage.room, &session, json!(number)).await?;
            number += 1;
        }
        for expected in before..number - 2 {
            assert_eq!(bobs.next().await?["data"], expected);
        }
        // The last two may have been written to a connection that is no more: they come again.
        let away = bobs.away();
        for _ in 0..10 {
            anns.signal(stage.room, &away.session, json!(number)).await?;
            number += 1;
        }
        bobs = stage.resume(node, bob, away).await?;
        anns.signal(stage.room, &session, json!(number)).await?;
        number += 1;
        for expected in before + 3..number {
            assert_eq!(bobs.next().await?["data"], expected);
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_candidates_in_bursts_survive_random_reconnects() -> Result<()> {
    const CANDIDATES: u64 = 1000;
    let stage = Stage::new().await?;
    let [ann, bob, _] = stage.people;
    let mut anns = stage.device(0, ann, Encoding::Json).await?;
    let mut bobs = stage.device(1, bob, Encoding::Json).await?;
    anns.join(stage.room).await?;
    bobs.join(stage.room).await?;
    let (room, to) = (stage.room, bobs.session.clone());
    let sending = tokio::spawn(async move {
        let mut sent = 0;
        while sent < CANDIDATES {
            let burst = rand::rng().random_range(1..=60).min(CANDIDATES - sent);
            let mut ids = Vec::new();
            for number in sent..sent + burst {
                ids.push(anns.client.send("voice.signal", signal(room, &to, &json!(number))).await?);
            }
            for id in ids {
                anns.client.answer(id).await?;
            }
            sent += burst;
        }
        anyhow::Ok(anns)
    });
    let (mut expected, mut reconnects) = (0, 0);
    while expected < CANDIDATES {
        for _ in 0..rand::rng().random_range(1..=40).min(CANDIDATES - expected) {
            assert_eq!(bobs.next().await?["data"], expected, "after {reconnects} reconnects");
            expected += 1;
        }
        bobs = stage.resume(rand::rng().random_range(0..2), bob, bobs.away()).await?;
        reconnects += 1;
    }
    let mut anns = sending.await??;
    anns.signal(stage.room, &bobs.session, json!("the last")).await?;
    assert_eq!(bobs.next().await?["data"], "the last", "nothing comes twice");
    assert!(reconnects >= 20, "{reconnects}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_does_not_read_for_a_while_misses_nothing() -> Result<()> {
    const SIGNALS: u64 = 300;
    let stage = Stage::new().await?;
    let [ann, bob, _] = stage.people;
    let mut anns = stage.device(0, ann, Encoding::Json).await?;
    let client = Client::open(&stage.nodes[1].ws_url(), Encoding::Json, Some(4096)).await?;
    let mut bobs = Device::greet(client, json!({ "token": stage.world.token(bob) })).await?.0;
    anns.join(stage.room).await?;
    bobs.join(stage.room).await?;
    let filler = "x".repeat(30_000);
    for number in 0..SIGNALS {
        anns.signal(stage.room, &bobs.session, json!({ "number": number, "filler": filler })).await?;
    }
    let (mut expected, mut lagged, deadline) = (0, false, Instant::now() + 2 * PATIENCE);
    while expected < SIGNALS {
        assert!(Instant::now() < deadline, "{expected} of {SIGNALS} have come");
        let frame = bobs.client.next_unasked(PATIENCE).await?;
        lagged |= frame["op"] == "lagging";
        if frame["op"] == "signal" {
            bobs.note(&frame);
            assert_eq!(frame["data"]["number"], expected);
            expected += 1;
        }
    }
    assert!(lagged, "its queue was never full");
    anns.signal(stage.room, &bobs.session, json!("live")).await?;
    assert_eq!(bobs.next().await?["data"], "live");
    Ok(())
}

impl Stage {
    async fn new() -> Result<Self> {
        let world = World::on_one_server().await;
        let nodes = [world.gateway().await, world.gateway().await];
        let people = [user_id(), user_id(), user_id()];
        let room = found_room(&world, &nodes[0].ws_url(), people[0], &people[1..]).await?;
        Ok(Self { world, nodes, room, people })
    }

    async fn device(&self, node: usize, user: UserId, encoding: Encoding) -> Result<Device> {
        let client = Client::open(&self.nodes[node].ws_url(), encoding, None).await?;
        Ok(Device::greet(client, json!({ "token": self.world.token(user) })).await?.0)
    }

    /// The same session on another socket, at this gateway.
    async fn resume(&self, node: usize, user: UserId, away: Away) -> Result<Device> {
        let client = Client::open(&self.nodes[node].ws_url(), Encoding::Json, None).await?;
        let resume = json!({ "session": away.session, "signals": away.last });
        let hello = json!({ "token": self.world.token(user), "resume": resume });
        let (device, resumed) = Device::greet(client, hello).await?;
        assert!(resumed && device.session == away.session, "the session is resumed");
        Ok(Device { last: away.last, ..device })
    }
}

/// A session without a socket.
struct Away {
    session: String,
    last: u64,
}

impl Device {
    async fn greet(mut client: Client, hello: Value) -> Result<(Self, bool)> {
        let welcome = client.call("hello", hello).await?;
        let session = welcome["session"].as_str().context("a welcome names the session")?.to_owned();
        Ok((Self { client, session, last: 0 }, welcome["resumed"] == true))
    }

    async fn join(&mut self, room: RoomId) -> Result<Value> {
        Ok(self.client.call("voice.join", json!({ "room": room })).await?["call"].clone())
    }

    /// Its gateway may not know yet that it has lost its place, and then takes it out once more.
    async fn join_again(&mut self, room: RoomId) -> Result<()> {
        loop {
            match self.client.call("voice.join", json!({ "room": room })).await {
                Err(CallError::Refused(error)) if error.code == "conflict" => {}
                other => return Ok(other.map(drop)?),
            }
        }
    }

    async fn signal(&mut self, room: RoomId, to: &str, data: Value) -> Result<Value, CallError> {
        self.client.call("voice.signal", signal(room, to, &data)).await
    }

    async fn next(&mut self) -> Result<Value> {
        let frame = self.client.next_of("signal", Duration::from_secs(20)).await?;
        self.note(&frame);
        Ok(frame)
    }

    /// The server repeats nothing that it was told of.
    fn note(&mut self, frame: &Value) {
        let seq = frame["seq"].as_u64().expect("a signal has its seq");
        assert!(seq > self.last, "{seq} after {}", self.last);
        self.last = seq;
    }

    /// The connection breaks.
    fn away(self) -> Away {
        Away { session: self.session, last: self.last }
    }
}

fn signal(room: RoomId, to: &str, data: &Value) -> Value {
    json!({ "room": room, "to": to, "data": data })
}

fn code(outcome: Result<Value, CallError>) -> String {
    match outcome {
        Err(CallError::Refused(error)) => error.code,
        other => panic!("not refused: {other:?}"),
    }
}
