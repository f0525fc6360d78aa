//! The read models: how far they are, what waits, and making them again.

use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use voxlog_core::{
    clock::SystemClock,
    id::{EventId, UserId},
    log::{Commit, Guard, Log, Record},
    position::{Chain, Seq},
};
use voxlog_tests::world::until;

use super::Stage;

const PARKED: &str = "/api/v1/console/parked";
const REBUILD: &str = "/api/v1/console/rebuild";

/// An event of a type that this version does not know, on the chain of nobody. Answers whose chain.
async fn park(stage: &Stage) -> UserId {
    let (id, nobody) = (EventId::mint(&SystemClock), UserId::mint(&SystemClock));
    let event = json!({
        "specversion": "1.0", "id": id, "source": "/voxlog", "type": "voxlog.user.waved.v1", "subject": nobody,
        "time": "2026-11-21T12:00:00Z", "actor": nobody, "correlationid": id,
        "data": {"userId": nobody, "username": "nobody"},
    });
    let record = Record { id, chain: Chain::User(nobody), payload: event.to_string().into(), ttl: None };
    let commit = Commit { records: vec![record], guard: Guard::Chain(Seq::ZERO), marker: None };
    stage.world.log().await.commit(commit).await.unwrap();
    nobody
}

async fn waiting(stage: &Stage) -> Vec<Value> {
    stage.op.get(PARKED).await.ok()["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_parked_event_is_shown_and_tried_again_until_it_can_be_applied() {
    let stage = Stage::new().await;
    let owner = park(&stage).await;
    until("it is parked", async || waiting(&stage).await.len() == 1).await;
    let parked = &waiting(&stage).await[0];
    assert_eq!((&parked["type"], &parked["attempts"]), (&json!("voxlog.user.waved.v1"), &json!(1)), "{parked:#}");
    assert_eq!(parked["owner"], json!(owner));
    let partitions = stage.op.get("/api/v1/console/projections").await.ok()["partitions"].clone();
    let counts: i64 = partitions.as_array().unwrap().iter().map(|row| row["parked"].as_i64().unwrap()).sum();
    assert_eq!(counts, 1, "{partitions:#}");

    let retry = format!("{PARKED}/{owner}/retry");
    assert_eq!(stage.op.post(&retry, json!({})).await.ok(), json!({"applied": 0, "stuck": 1}));
    assert_eq!(waiting(&stage).await[0]["attempts"], 2);
    let elsewhere = format!("{PARKED}/{}/retry", UserId::mint(&SystemClock));
    assert_eq!(stage.op.post(&elsewhere, json!({})).await.ok(), json!({"applied": 0, "stuck": 0}));

    // As if a version had come that can read it.
    let mut database = PgConnection::connect(&stage.world.database).await.unwrap();
    let readable = "UPDATE voxlog.parked_events SET payload = convert_to(replace(convert_from(payload, 'UTF8'),
        'user.waved.v1', 'user.registered.v1'), 'UTF8')";
    database.execute(readable).await.unwrap();
    assert_eq!(stage.op.post(&retry, json!({})).await.ok(), json!({"applied": 1, "stuck": 0}));
    assert_eq!(waiting(&stage).await, Vec::<Value>::new());
    assert_eq!(stage.op.get(&format!("/api/v1/users/{owner}")).await.ok()["username"], "nobody");
}

#[tokio::test]
async fn the_read_models_are_seen_to_come_up_with_the_log() {
    let stage = Stage::new().await;
    stage.say(stage.room("tea").await, "hello").await;
    stage.world.caught_up().await;
    let told = stage.op.get("/api/v1/console/projections").await.ok();
    let log = stage.world.log().await;
    for (partition, row) in log.partitions().all().zip(told["partitions"].as_array().unwrap()) {
        let head = log.tail(partition).await.unwrap().last;
        assert_eq!((&row["head"], &row["lagEvents"]), (&json!(head), &json!(0)), "{told:#}");
    }
    until("the lag was measured", async || {
        let samples = stage.op.get("/api/v1/console/projections").await.ok()["samples"].clone();
        samples.as_array().is_some_and(|samples| {
            samples.iter().all(|it| it["lagEvents"].as_array().unwrap().len() == 2) && !samples.is_empty()
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_from_the_console_equals_what_was_live() {
    let stage = Stage::new().await;
    let room = stage.room("tea").await;
    for number in 0..20 {
        stage.say(room, &format!("{number}")).await;
    }
    assert_eq!(stage.op.get(REBUILD).await.ok(), json!({"rebuild": null}));
    assert_eq!(stage.op.post(REBUILD, json!({"mode": "burn"})).await.code(), "invalid");
    let mut last = Value::Null;
    for mode in ["check", "swap"] {
        let begun = stage.op.post(REBUILD, json!({"mode": mode})).await.expect(StatusCode::ACCEPTED);
        assert_eq!((&begun["state"], &begun["mode"]), (&json!("running"), &json!(mode)));
        until("it is done", async || {
            last = stage.op.get(REBUILD).await.ok()["rebuild"].clone();
            last["state"] != "running"
        })
        .await;
        assert_eq!(last["state"], "done", "{last:#}");
        assert_eq!((&last["report"]["equal"], &last["report"]["swapped"]), (&json!(true), &json!(mode == "swap")));
        let tables = last["report"]["tables"].as_array().unwrap();
        let messages = tables.iter().find(|table| table["live"]["table"] == "messages").unwrap();
        assert_eq!(messages["rebuilt"]["rows"], 20);
        assert!(last["endedAt"].is_string() && !last["partitions"].as_array().unwrap().is_empty());
    }
    let seq = stage.say(room, "after the swap").await;
    stage.world.caught_up().await;
    let page = stage.ann.get(&format!("/api/v1/rooms/{room}/messages?limit=1")).await.ok();
    assert_eq!(page["data"][0]["seq"], seq, "the live tables go on");
}
