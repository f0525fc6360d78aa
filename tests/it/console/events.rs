//! The log as it grows.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use voxlog_core::{
    clock::{Clock, SystemClock},
    envelope::Envelope,
    event::Subject,
    id::{CorrelationId, MessageId, RoomId, UserId},
    log::{Commit, Guard, Log, Record},
    message,
    position::{Chain, Class, Seq},
};
use voxlog_tests::{
    fill::fill,
    rest::Rest,
    world::{World, whole_room},
};

use super::{EVENTS, Stage};

/// A look at the log.
async fn look(op: &Rest, query: &str) -> Value {
    op.get(&format!("{EVENTS}?{query}")).await.ok()
}

fn rows(page: &Value) -> &Vec<Value> {
    page["data"].as_array().unwrap()
}

/// Partition and seq.
fn place(row: &Value) -> (u64, u64) {
    (row["partition"].as_u64().unwrap(), row["seq"].as_u64().unwrap())
}

fn types(page: &Value) -> Vec<&str> {
    rows(page).iter().map(|row| row["event"]["type"].as_str().unwrap()).collect()
}

/// Page by page, the way that `cursor` leads.
async fn all(op: &Rest, query: &str, (parameter, cursor): (&str, &str), mut from: Option<String>) -> Vec<Value> {
    let mut found = Vec::new();
    loop {
        let at = from.map_or_else(String::new, |from| format!("&{parameter}={from}"));
        let page = look(op, &format!("{query}{at}")).await;
        found.extend(rows(&page).clone());
        if page["hasMore"] == false {
            return found;
        }
        from = Some(page[cursor].as_str().unwrap().to_owned());
    }
}

async fn back(op: &Rest, query: &str) -> Vec<Value> {
    all(op, query, ("before", "older"), None).await
}

/// How many events the log has; markers are none.
async fn events_of(world: &World) -> Vec<(u64, u64)> {
    use futures_util::StreamExt;
    let log = world.log().await;
    let mut places = Vec::new();
    for partition in log.partitions().all() {
        let last = log.tail(partition).await.unwrap().last;
        let mut feed = log.follow(partition, Seq::ZERO);
        let mut at = Seq::ZERO;
        while at < last {
            let stored = feed.next().await.unwrap().unwrap();
            at = stored.seq;
            if stored.subject != voxlog_core::log::Subject::Fence {
                places.push((u64::from(partition.0), at.0));
            }
        }
    }
    places
}

#[tokio::test(flavor = "multi_thread")]
async fn page_by_page_the_whole_log_is_seen_once_from_either_end() {
    let stage = Stage::new().await;
    for name in ["tea", "den", "attic"] {
        let room = stage.room(name).await;
        for number in 0..5 {
            stage.say(room, &format!("{name} {number}")).await;
        }
    }
    let mut expected = events_of(&stage.world).await;
    let seen = back(&stage.op, "limit=4").await;
    let times: Vec<_> = seen.iter().map(|row| row["time"].as_str().unwrap()).collect();
    let parsed: Vec<voxlog_core::clock::Time> = times.iter().map(|time| time.parse().unwrap()).collect();
    assert!(parsed.is_sorted_by(|newer, older| newer >= older), "{times:#?}");
    let mut places: Vec<_> = seen.iter().map(place).collect();
    places.sort_unstable();
    expected.sort_unstable();
    assert_eq!(places, expected);

    let mut on = all(&stage.op, "limit=4", ("after", "newer"), Some("0.0".to_owned())).await;
    on.reverse();
    assert_eq!(on.iter().map(place).collect::<Vec<_>>(), seen.iter().map(place).collect::<Vec<_>>());
}

#[tokio::test]
async fn filters_leave_what_they_name() {
    let stage = Stage::new().await;
    let (tea, den) = (stage.room("tea").await, stage.room("den").await);
    stage.say(tea, "first").await;
    let told = look(&stage.op, "limit=1").await;
    let between = rows(&told)[0]["time"].as_str().unwrap().to_owned();
    stage.say(den, "second").await;
    stage.say(tea, "third").await;

    let of_tea = look(&stage.op, &format!("room={tea}")).await;
    let posted = "voxlog.message.posted.v1";
    assert_eq!(types(&of_tea), [posted, posted, "voxlog.room.created.v1"]);
    let log = stage.world.log().await;
    let expected: Vec<_> = whole_room(&*log, tea).await.unwrap().into_iter().map(|(seq, _)| seq).rev().collect();
    assert_eq!(rows(&of_tea).iter().map(|row| place(row).1).collect::<Vec<_>>(), expected);
    for kind in ["message", "message.posted", "voxlog.message.posted.v1"] {
        assert_eq!(rows(&look(&stage.op, &format!("type={kind}")).await).len(), 3, "{kind}");
    }
    assert_eq!(rows(&look(&stage.op, "type=message.edited").await).len(), 0);
    let ann: UserId = stage.ann_id.as_str().unwrap().parse().unwrap();
    let of_ann = back(&stage.op, &format!("actor={ann}&limit=2")).await;
    assert!(of_ann.len() >= 5 && of_ann.iter().all(|row| row["event"]["actor"] == stage.ann_id), "{of_ann:#?}");
    let until = look(&stage.op, &format!("type=message&to={between}")).await;
    assert_eq!(rows(&until).len(), 1);
    assert_eq!(rows(&until)[0]["event"]["data"]["content"], "first");
    let since = look(&stage.op, &format!("type=message&from={between}")).await;
    assert_eq!(rows(&since).len(), 3, "itself included");
    assert_eq!(rows(&look(&stage.op, &format!("room={tea}&type=message&limit=1&from={between}")).await).len(), 1);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let stage = Stage::new().await;
    for (query, field) in [
        ("type=a..b", "type"),
        ("room=x", "room"),
        ("actor=x", "actor"),
        ("from=yesterday", "from"),
        ("limit=0", "limit"),
        ("before=1", "before"),
        ("after=x", "after"),
        ("before=1.1&after=1.1", "before"),
        ("waitMs=5", "waitMs"),
        ("after=1.1&waitMs=20001", "waitMs"),
        ("sort=up", "sort"),
    ] {
        let answer = stage.op.get(&format!("{EVENTS}?{query}")).await;
        assert_eq!(answer.body["errors"][0]["field"], field, "{query}: {:#}", answer.body);
        assert_eq!(answer.code(), "invalid", "{query}");
    }
    for path in ["0/0", "0/99999", "9/1"] {
        assert_eq!(stage.op.get(&format!("{EVENTS}/{path}")).await.code(), "not_found", "{path}");
    }
}

#[tokio::test]
async fn a_live_tail_has_what_happens_as_it_happens() {
    let stage = Stage::new().await;
    let (tea, den) = (stage.room("tea").await, stage.room("den").await);
    let page = look(&stage.op, &format!("room={tea}")).await;
    let newer = page["newer"].as_str().unwrap().to_owned();
    let (op, query) = (stage.op.clone(), format!("room={tea}&after={newer}&waitMs=20000"));
    let began = Instant::now();
    let tail = tokio::spawn(async move { look(&op, &query).await });
    stage.say(den, "of no concern").await;
    let seq = stage.say(tea, "hello").await;
    let page = tail.await.unwrap();
    assert_eq!(rows(&page).iter().map(|row| place(row).1).collect::<Vec<_>>(), [seq]);
    assert!(began.elapsed() < Duration::from_secs(10), "it did not wait for its time");

    let newer = page["newer"].as_str().unwrap();
    let page = look(&stage.op, &format!("room={tea}&after={newer}&waitMs=100")).await;
    assert!(rows(&page).is_empty() && page["hasMore"] == false && page["newer"].is_string(), "{page:#}");
}

/// Two messages of one command, with the marker of the batch that they are.
async fn both_at_once(stage: &Stage, room: RoomId) -> [Value; 2] {
    let (log, actor) = (stage.world.log().await, stage.ann_id.as_str().unwrap().parse().unwrap());
    let (correlation, chain) = (CorrelationId::mint(&SystemClock), Chain::Room(room, Class::Msg));
    let record = || {
        let id = MessageId::mint(&SystemClock);
        let event = message::Event::Pinned { message_id: id }.into();
        let (subject, time, causation) = (Subject::Room(room), SystemClock.now(), None);
        let envelope = Envelope { id: id.into(), subject, time, actor, correlation, causation, event };
        Record { id: id.into(), chain, payload: envelope.encode(), ttl: None }
    };
    let records = vec![record(), record()];
    let ids = [0, 1].map(|index: usize| json!(records[index].id));
    let fence = log.tail(stage.world.partition_of(room)).await.unwrap().fence;
    log.commit(Commit { records, guard: Guard::Fence(fence), marker: Some(room) }).await.unwrap();
    ids
}

#[tokio::test]
async fn an_event_is_shown_with_its_headers_and_what_came_of_the_same_command() {
    let stage = Stage::new().await;
    let room = stage.room("tea").await;
    let ids = both_at_once(&stage, room).await;
    let page = look(&stage.op, &format!("room={room}&type=message")).await;
    let [second, first] = &rows(&page)[..] else { panic!("{page:#}") };
    assert_eq!([&first["event"]["id"], &second["event"]["id"]], [&ids[0], &ids[1]]);

    let (partition, seq) = place(second);
    let shown = stage.op.get(&format!("{EVENTS}/{partition}/{seq}")).await.ok();
    assert_eq!(shown["event"], second["event"]);
    assert_eq!(shown["prev"], first["seq"]);
    assert_eq!((&shown["next"], &shown["class"]), (&Value::Null, &"msg".into()));
    assert_eq!(shown["headers"]["Nats-Msg-Id"], shown["event"]["id"]);
    assert_eq!(shown["headers"]["Nats-Batch-Sequence"], "2");
    assert!(shown["headers"].get("Nats-Num-Pending").is_none(), "what an answer adds was not published");
    let related = shown["related"].as_array().unwrap();
    assert_eq!(related.len(), 1, "{shown:#}");
    assert_eq!((&related[0]["relation"], &related[0]["seq"]), (&"correlation".into(), &first["seq"]));

    let marker = stage.op.get(&format!("{EVENTS}/{partition}/{}", seq + 1)).await.ok();
    assert_eq!((&marker["class"], &marker["text"]), (&"fence".into(), &room.to_string().into()), "{marker:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_for_what_is_rare_reads_so_much_and_says_where_it_stopped() {
    let stage = Stage::new().await;
    let room: RoomId = stage.room("tea").await;
    let ann = stage.ann_id.as_str().unwrap().parse().unwrap();
    fill(&stage.world, room, ann, 9000).await.unwrap();
    let first = look(&stage.op, "type=room.created").await;
    assert!(rows(&first).is_empty() && first["hasMore"] == true, "{first:#}");
    assert!(first["scanned"].as_u64().unwrap() < 6000, "{first:#}");
    let found = back(&stage.op, "type=room.created").await;
    assert_eq!(found.len(), 1, "{found:#?}");
}
