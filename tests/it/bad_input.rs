//! Bad input never costs more than the answer: a code, in a frame or in a close, and nothing stored.

use anyhow::{Context, Result, bail, ensure};
use proptest::{collection::vec, prelude::*, sample::select, strategy::ValueTree, test_runner::TestRunner};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use voxlog_core::{
    clock::SystemClock,
    id::{MessageId, RoomId},
    log::Log,
};
use voxlog_gateway::{close::Close, config::Limits, error::Code};
use voxlog_tests::{
    client::{Client, Encoding, Gone, PATIENCE},
    fill::found_room,
    process::Process,
    world::{World, user_id},
};

const FRAMES: usize = 2000;

/// A field that no op has.
const STRAY: &str = "utnil";

/// What is thrown at a socket.
#[derive(Debug, Clone)]
enum Thrown {
    Bytes(Vec<u8>),
    Text(String),
    Frame(Value),
}

impl Thrown {
    fn has_stray(&self) -> bool {
        matches!(self, Self::Frame(frame) if !frame[STRAY].is_null())
    }
}

/// What became of it.
enum Fate {
    Refused,
    TooFast,
    Closed,
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_thrown_at_a_socket_is_answered_with_a_code_and_stores_nothing() -> Result<()> {
    let world = World::on_one_server().await;
    let gateway = Process::serve(&world, "gateway").await;
    let room = found_room(&world, &gateway.ws_url(), user_id(), &[]).await?;
    let log = world.log().await;
    let _projector = world.projector().await;
    world.caught_up().await;
    let before = tails(&*log).await?;

    let mut runner = TestRunner::deterministic();
    for encoding in [Encoding::Json, Encoding::Msgpack] {
        let mut client = None;
        for number in 0..FRAMES {
            let thrown = thrown(room).new_tree(&mut runner).expect("something to throw").current();
            let happened = || format!("frame {number} in {encoding:?}: {thrown:?}");
            loop {
                let mut victim = match client.take() {
                    Some(client) => client,
                    None => Client::connect(&gateway.ws_url(), &world.token(user_id()), encoding).await?,
                };
                match throw(&mut victim, encoding, &thrown).await.with_context(happened)? {
                    Fate::Refused => client = Some(victim),
                    Fate::Closed => {}
                    // Nobody has looked at it yet. Somebody else throws it again.
                    Fate::TooFast => continue,
                }
                break;
            }
        }
    }

    assert_eq!(tails(&*log).await?, before, "nothing was stored");
    let mut client = Client::connect(&gateway.ws_url(), &world.token(user_id()), Encoding::Json).await?;
    client.call("ping", json!({})).await?;
    gateway.stop().await;
    Ok(())
}

/// Throws it and waits for what comes of it: an error or a close, with a known code that blames what was thrown and not
/// the server.
async fn throw(victim: &mut Client, encoding: Encoding, thrown: &Thrown) -> Result<Fate> {
    let message = match (thrown, encoding) {
        (Thrown::Bytes(bytes), _) => Message::binary(bytes.clone()),
        (Thrown::Text(text), _) => Message::text(text.clone()),
        (Thrown::Frame(frame), Encoding::Json) => Message::text(frame.to_string()),
        (Thrown::Frame(frame), Encoding::Msgpack) => Message::binary(rmp_serde::to_vec_named(frame)?),
    };
    let size = message.len();
    if let Err(gone) = victim.send_raw(message).await {
        // The server may hang up on what is too large before all of it has been sent.
        ensure!(size > Limits::default().frame_bytes, "it hung up: {gone}");
        return Ok(Fate::Closed);
    }
    loop {
        match victim.next_frame(PATIENCE).await {
            Ok(frame) if frame["op"] == "error" => {
                let code = Code::ALL.into_iter().find(|known| frame["code"] == known.as_str());
                return match code {
                    None => bail!("an unknown code: {frame}"),
                    Some(Code::Internal | Code::Unavailable | Code::OutcomeUnknown) => {
                        bail!("the server failed: {frame}")
                    }
                    Some(Code::RateLimited) => Ok(Fate::TooFast),
                    Some(Code::Invalid | Code::Unsupported) => Ok(Fate::Refused),
                    Some(_) if thrown.has_stray() => bail!("a field that nobody knows was passed over: {frame}"),
                    Some(_) => Ok(Fate::Refused),
                };
            }
            Ok(frame) => ensure!(frame["op"] == "heads", "bad input was taken: {frame}"),
            Err(Gone::Closed(code, reason)) => {
                let blamed = [Close::BrokenFraming, Close::TooLarge];
                ensure!(blamed.iter().any(|close| close.code() == code), "closed with {code} {reason}");
                return Ok(Fate::Closed);
            }
            Err(gone) => return Err(gone.into()),
        }
    }
}

fn thrown(room: RoomId) -> impl Strategy<Value = Thrown> {
    prop_oneof![
        vec(any::<u8>(), 0..200).prop_map(Thrown::Bytes),
        ".{0,200}".prop_map(Thrown::Text),
        (1usize..50_000, prop_oneof![Just("["), Just("{\"a\":"), Just("\"")])
            .prop_map(|(depth, open)| { Thrown::Text(open.repeat(depth / open.len())) }),
        (1usize..60_000, prop_oneof![Just(0x91u8), Just(0x81), Just(0xc1), Just(0xdd)])
            .prop_map(|(depth, byte)| Thrown::Bytes(vec![byte; depth])),
        (65_537usize..200_000).prop_map(|size| Thrown::Text("x".repeat(size))),
        frame(room).prop_map(Thrown::Frame),
    ]
}

/// Ops with the fields that they take. Whoever asks is in no room, so none of it may be done. The last ones are none.
const OPS: [(&str, &[&str]); 23] = [
    ("hello", &["token", "presence"]),
    ("subscribe", &["room", "cursor"]),
    ("history", &["room", "class", "after", "limit"]),
    ("room.create", &["name", "maxUsers", "settings"]),
    ("room.join", &["code"]),
    ("room.update", &["room", "name", "maxUsers", "settings"]),
    ("room.archive", &["room"]),
    ("room.kick", &["room", "userId", "reason"]),
    ("room.ban", &["room", "userId", "until"]),
    ("room.mute", &["room", "userId", "until"]),
    ("room.unmute", &["room", "userId"]),
    ("room.role", &["room", "userId", "role"]),
    ("message.send", &["room", "messageId", "content", "type", "replyTo"]),
    ("message.send", &["room", "content"]),
    ("message.edit", &["room", "messageId", "content"]),
    ("message.delete", &["room", "messageId"]),
    ("message.pin", &["room", "messageId"]),
    ("reaction.add", &["room", "messageId", "emoji"]),
    ("voice.join", &["room"]),
    ("room.no_such_verb", &["room", "userId"]),
    ("message.no_such_verb", &["room", "messageId"]),
    ("no.such.op", &[]),
    ("", &[]),
];

/// A frame of an op with that op's fields. Mostly each is right in itself, but about a room that is not the caller's;
/// some are nonsense, and now and then there is one too many, or the frame has no proper id.
fn frame(room: RoomId) -> impl Strategy<Value = Value> {
    let id = prop_oneof![8 => Just(json!(1)), 2 => Just(json!("x")), 1 => Just(json!(i64::MIN)), 1 => nonsense()];
    let stray = prop_oneof![5 => Just(None), 1 => nonsense().prop_map(Some)];
    (id, select(OPS.as_slice()), stray).prop_flat_map(move |(id, (op, names), stray)| {
        let fields = names.iter().map(|&name| (Just(name), field(op, name, room))).collect::<Vec<_>>();
        fields.prop_map(move |fields| {
            let mut frame = json!({ "op": op, "id": id });
            for (name, value) in fields.into_iter().chain(stray.clone().map(|value| (STRAY, value))) {
                frame[name] = value;
            }
            frame
        })
    })
}

/// What a field may hold, or nonsense. What would be done even for a stranger is always nonsense.
fn field(op: &str, name: &str, room: RoomId) -> BoxedStrategy<Value> {
    let right = match name {
        "room" => prop_oneof![4 => Just(json!(room)), 1 => Just(json!(RoomId::mint(&SystemClock)))].boxed(),
        "userId" => Just(json!(user_id())).boxed(),
        "messageId" | "replyTo" => select(ids()).boxed(),
        "cursor" => select(vec![json!({}), json!({"msg": 3}), json!({"ctl": u64::MAX}), json!({"bad": 1})]).boxed(),
        "class" => select(vec![json!("msg"), json!("ctl"), json!("call")]).boxed(),
        "limit" | "maxUsers" => Just(json!(10)).boxed(),
        "after" => select(vec![json!(0), json!(1u64 << 53), json!(u64::MAX)]).boxed(),
        "role" => Just(json!("admin")).boxed(),
        "type" => Just(json!("text")).boxed(),
        "until" => select(vec![json!("2999-01-01T00:00:00Z"), json!("+262142-12-31T23:59:59Z")]).boxed(),
        "content" | "reason" | "emoji" => select(vec![json!("hello"), json!("\u{1f44d}"), json!("a\u{0}b")]).boxed(),
        "settings" => select(vec![json!({}), json!({"isPublic": true}), json!({"isPublic": 1})]).boxed(),
        "name" if op == "room.update" => Just(json!("theirs now")).boxed(),
        _ => return nonsense().boxed(),
    };
    prop_oneof![4 => right, 1 => nonsense()].boxed()
}

/// Messages that nobody wrote: one of just now, one at the beginning of time, and one at its end.
fn ids() -> Vec<Value> {
    let ends = ["00000000-0000-7000-8000-000000000000", "ffffffff-ffff-7fff-bfff-ffffffffffff"];
    ends.into_iter().map(Value::from).chain([json!(MessageId::mint(&SystemClock))]).collect()
}

/// A value that no field takes.
fn nonsense() -> impl Strategy<Value = Value> + Clone {
    prop_oneof![
        Just(Value::Null),
        Just(json!(-1)),
        Just(json!(1e300)),
        Just(json!([[[]]])),
        Just(json!({"a": {"b": 1}})),
        Just(json!("\u{0}")),
        Just(json!("x".repeat(5000))),
        Just(json!(u64::MAX)),
    ]
}

async fn tails(log: &dyn Log) -> Result<Vec<u64>> {
    let mut tails = Vec::new();
    for partition in log.partitions().all() {
        tails.push(log.tail(partition).await?.last.0);
    }
    Ok(tails)
}
