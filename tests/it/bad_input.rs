//! Bad input never costs more than the answer: a code, in a frame or in a close, and nothing stored.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree,
    test_runner::TestRunner,
};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use voxlog_core::{
    clock::SystemClock,
    id::{MessageId, RoomId},
    log::Log,
};
use voxlog_gateway::{close::Close, error::Code};
use voxlog_tests::{
    client::{Client, Encoding, Gone, PATIENCE},
    fill::found_room,
    process::Process,
    world::{World, user_id},
};

const FRAMES: usize = 1500;

/// What is thrown at a socket, and whether it must be refused as what it is.
#[derive(Debug, Clone)]
enum Thrown {
    Bytes(Vec<u8>),
    Text(String),
    Frame(Value),
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_thrown_at_a_socket_is_answered_with_a_code_and_stores_nothing() -> Result<()> {
    let world = World::on_one_server().await;
    let gateway = Process::serve(&world, "gateway").await;
    let room = found_room(&world, &gateway.ws_url(), user_id(), &[]).await?;
    let log = world.log().await;
    let before = tails(&*log).await?;

    let mut runner = TestRunner::deterministic();
    for encoding in [Encoding::Json, Encoding::Msgpack] {
        let mut client = None;
        for number in 0..FRAMES {
            let thrown = thrown(room).new_tree(&mut runner).expect("something to throw").current();
            let mut victim = match client.take() {
                Some(client) => client,
                None => Client::connect(&gateway.ws_url(), &world.token(user_id()), encoding).await?,
            };
            let survived = throw(&mut victim, encoding, &thrown).await;
            client = survived.with_context(|| format!("frame {number} in {encoding:?}: {thrown:?}"))?.then_some(victim);
        }
    }

    assert_eq!(tails(&*log).await?, before, "nothing was stored");
    let mut client = Client::connect(&gateway.ws_url(), &world.token(user_id()), Encoding::Json).await?;
    client.call("ping", json!({})).await?;
    gateway.stop().await;
    Ok(())
}

/// Throws it and waits for what comes of it: an error with a known code, or a close with a known one. Whether the
/// socket lives on.
async fn throw(victim: &mut Client, encoding: Encoding, thrown: &Thrown) -> Result<bool> {
    let message = match (thrown, encoding) {
        (Thrown::Bytes(bytes), _) => Message::binary(bytes.clone()),
        (Thrown::Text(text), _) => Message::text(text.clone()),
        (Thrown::Frame(frame), Encoding::Json) => Message::text(frame.to_string()),
        (Thrown::Frame(frame), Encoding::Msgpack) => Message::binary(rmp_serde::to_vec_named(frame)?),
    };
    if victim.send_raw(message).await.is_err() {
        return Ok(false);
    }
    loop {
        match victim.next_frame(PATIENCE).await {
            Ok(frame) if frame["op"] == "error" => {
                let code = frame["code"].as_str().unwrap_or_default();
                ensure!(Code::ALL.iter().any(|known| known.as_str() == code), "an unknown code: {frame}");
                ensure!(code != "internal", "the server failed inside: {frame}");
                if code == "rate_limited" {
                    tokio::time::sleep(Duration::from_millis(frame["retryAfterMs"].as_u64().unwrap_or(50))).await;
                }
                return Ok(true);
            }
            Ok(frame) => ensure!(frame["op"] == "heads", "bad input was taken: {frame}"),
            Err(Gone::Closed(code, reason)) => {
                ensure!(Close::ALL.iter().any(|known| known.code() == code), "closed with {code} {reason}");
                return Ok(false);
            }
            Err(gone) => return Err(gone.into()),
        }
    }
}

fn thrown(room: RoomId) -> impl Strategy<Value = Thrown> {
    prop_oneof![
        vec(any::<u8>(), 0..200).prop_map(Thrown::Bytes),
        ".{0,200}".prop_map(Thrown::Text),
        (1usize..50_000, prop_oneof![Just("["), Just("{\"a\":"), Just("\"")]).prop_map(|(depth, open)| {
            Thrown::Text(open.repeat(depth / open.len()))
        }),
        (1usize..60_000, prop_oneof![Just(0x91u8), Just(0x81), Just(0xc1), Just(0xdd)])
            .prop_map(|(depth, byte)| Thrown::Bytes(vec![byte; depth])),
        (65_537usize..200_000).prop_map(|size| Thrown::Text("x".repeat(size))),
        frame(room).prop_map(Thrown::Frame),
    ]
}

/// A frame of a known or unknown op, with the right fields and wrong values, or with the id of a room or a message
/// that is not the caller's.
fn frame(room: RoomId) -> impl Strategy<Value = Value> {
    let op = prop_oneof![
        Just("message.send"), Just("message.edit"), Just("message.delete"), Just("message.pin"), Just("reaction.add"),
        Just("room.create"), Just("room.update"), Just("room.kick"), Just("room.role"), Just("room.archive"),
        Just("subscribe"), Just("history"), Just("voice.join"), Just("no.such.op"), Just(""),
    ];
    let foreign = prop_oneof![Just(json!(room)), Just(json!(RoomId::mint(&SystemClock))), nonsense()];
    let message = prop_oneof![Just(json!(MessageId::mint(&SystemClock))), nonsense()];
    let id = prop_oneof![Just(json!(1)), Just(json!("x")), nonsense()];
    (op, id, foreign, message, nonsense(), nonsense()).prop_map(|(op, id, room, message, first, second)| {
        json!({
            "op": op, "id": id, "room": room, "messageId": message, "content": first, "emoji": second,
            "name": first, "settings": second, "userId": message, "role": second, "class": first, "limit": second,
        })
    })
}

/// A value that no field takes.
fn nonsense() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null), Just(json!(-1)), Just(json!(1e300)), Just(json!([[[]]])), Just(json!({"a": {"b": 1}})),
        Just(json!("\u{0}")), Just(json!("x".repeat(5000))), Just(json!(u64::MAX)),
    ]
}

async fn tails(log: &dyn Log) -> Result<Vec<u64>> {
    let mut tails = Vec::new();
    for partition in log.partitions().all() {
        tails.push(log.tail(partition).await?.last.0);
    }
    Ok(tails)
}
