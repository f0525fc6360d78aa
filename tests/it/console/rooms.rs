//! Any room, and its history.

use reqwest::StatusCode;
use serde_json::{Value, json};
use voxlog_core::{clock::SystemClock, id::RoomId, position::Class};
use voxlog_tests::world::whole_room;

use super::Stage;

#[tokio::test]
async fn operators_find_every_room_and_read_its_state_at_any_point() {
    let stage = Stage::new().await;
    let den = stage.ann.post("/api/v1/rooms", json!({"name": "Den"})).await.expect(StatusCode::CREATED);
    let id = den["id"].as_str().unwrap();
    let room: RoomId = id.parse().unwrap();
    let first = stage.say(room, "first").await;
    stage.say(room, "second").await;
    let archived = stage.ann.send(reqwest::Method::DELETE, &format!("/api/v1/rooms/{id}"), json!({})).await.ok();
    for query in ["den", den["code"].as_str().unwrap(), id] {
        let found = stage.op.get_at(&format!("/api/v1/console/rooms?query={query}"), &archived["position"]).await.ok();
        assert_eq!(found["data"][0]["id"], id, "{query}: {found:#}");
        assert!(found["data"][0]["archivedAt"].is_string());
    }
    let none = stage.op.get("/api/v1/console/rooms?query=elsewhere").await.ok();
    assert_eq!(none["data"], json!([]));

    let path = format!("/api/v1/rooms/{id}/state?messages=10");
    let (hers, theirs) = (stage.ann.get(&path).await.ok(), stage.op.get(&path).await.ok());
    assert_eq!(hers, theirs, "who is in the room sees what an operator sees");
    let then = stage.op.get(&format!("{path}&at={first}")).await.ok();
    let said: Vec<_> = then["messages"].as_array().unwrap().iter().map(|message| &message["content"]).collect();
    assert_eq!((said, &then["state"]["archived"]), (vec![&json!("first")], &json!(false)));
    let (bob, _) = voxlog_tests::rest::Rest::to(&stage.node.url).register("bob").await;
    assert_eq!(bob.get(&path).await.code(), "not_a_member");
    let nowhere = RoomId::mint(&SystemClock);
    assert_eq!(stage.op.get(&format!("/api/v1/rooms/{nowhere}/state")).await.code(), "not_found");
}

#[tokio::test]
async fn a_timeline_has_every_step_of_a_room_and_no_more() {
    let stage = Stage::new().await;
    let room = stage.room("tea").await;
    for number in 0..6 {
        stage.say(room, &format!("{number}")).await;
    }
    stage.say(stage.room("elsewhere").await, "not here").await;
    let path = format!("/api/v1/console/rooms/{room}/timeline");
    let expected: Vec<_> = {
        let mut whole = whole_room(&*stage.world.log().await, room).await.unwrap();
        whole.sort_unstable();
        whole.into_iter().map(|(seq, _)| seq).collect()
    };
    let seqs = |page: &Value| -> Vec<u64> {
        page["data"].as_array().unwrap().iter().map(|step| step["seq"].as_u64().unwrap()).collect()
    };
    let whole = stage.op.get(&path).await.ok();
    assert_eq!((seqs(&whole), &whole["hasMore"]), (expected.clone(), &json!(false)));
    let first = &whole["data"][0];
    assert_eq!((&first["type"], &first["class"]), (&json!("voxlog.room.created.v1"), &json!(Class::Ctl.as_str())));
    assert_eq!(first["actor"], stage.ann_id);

    let mut paged = Vec::new();
    let mut before = String::new();
    loop {
        let page = stage.op.get(&format!("{path}?limit=3{before}")).await.ok();
        let mut steps = seqs(&page);
        steps.extend(paged);
        paged = steps;
        let Some(next) = page["next"].as_str() else { break };
        before = format!("&before={next}");
    }
    assert_eq!(paged, expected);
    let nowhere = RoomId::mint(&SystemClock);
    assert_eq!(stage.op.get(&format!("/api/v1/console/rooms/{nowhere}/timeline")).await.code(), "not_found");
    assert_eq!(stage.op.get(&format!("{path}?limit=1001")).await.code(), "invalid");
}
