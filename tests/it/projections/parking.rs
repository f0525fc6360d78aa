//! An event that can't be applied waits, with what follows it in its room; nothing else does.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use voxlog_core::{
    clock::SystemClock,
    event::Subject,
    id::{EventId, MessageId, RoomId},
    message,
    position::{Chain, Class},
    testing::ALICE,
};
use voxlog_projections::{
    messages,
    parked::{Retried, parked, retry_parked},
};

use super::world::{World, opened, posted, settings};

struct Rooms {
    world: World,
    broken: RoomId,
    sound: RoomId,
}

async fn rooms() -> Rooms {
    let world = World::new(1).await;
    let [broken, sound] = [0, 1].map(|_| RoomId::mint(&SystemClock));
    for room in [broken, sound] {
        world.append(Subject::Room(room), ALICE, opened("Lobby", ALICE, settings())).await;
    }
    Rooms { world, broken, sound }
}

impl Rooms {
    async fn post(&self, room: RoomId) -> MessageId {
        let id = MessageId::mint(&SystemClock);
        self.world.append(Subject::Room(room), ALICE, posted(id, ALICE, "hello")).await;
        id
    }

    async fn has(&self, room: RoomId, id: MessageId) -> bool {
        messages::message_in(&self.world.db, room, id).await.unwrap().is_some()
    }

    async fn contents(&self, room: RoomId) -> Vec<String> {
        let page = messages::page(&self.world.db, room, None, None, None, 100).await.unwrap();
        page.data.into_iter().map(|it| it.content).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_the_future_waits_and_only_its_room_waits_behind_it() {
    let rooms = rooms().await;
    let before = rooms.post(rooms.broken).await;
    let id = EventId::mint(&SystemClock);
    let future = format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"/voxlog","type":"voxlog.message.sung.v1","subject":"{}",
        "time":"2026-11-20T12:00:00Z","actor":"{ALICE}","correlationid":"{id}","data":{{}}}}"#,
        rooms.broken
    );
    let chain = Chain::Room(rooms.broken, Class::Msg);
    let sung = rooms.world.append_bytes(id, chain, future.into()).await;
    let (behind, elsewhere) = (rooms.post(rooms.broken).await, rooms.post(rooms.sound).await);
    let edited = message::Event::Edited { message_id: behind, content: "edited".into(), mentions: vec![] };
    rooms.world.append(Subject::Room(rooms.broken), ALICE, edited).await;
    let projector = rooms.world.project(2);
    rooms.world.caught_up().await;

    assert!(rooms.has(rooms.broken, before).await && rooms.has(rooms.sound, elsewhere).await);
    assert!(!rooms.has(rooms.broken, behind).await);
    let waiting = parked(&rooms.world.db, 10).await.unwrap();
    assert_eq!(waiting.len(), 3);
    assert_eq!((waiting[0].seq, waiting[0].kind.as_str()), (sung.seq, "voxlog.message.sung.v1"));

    // Another start tries again in vain.
    let restarted = rooms.world.project(2);
    let deadline = Instant::now() + Duration::from_secs(30);
    while parked(&rooms.world.db, 1).await.unwrap()[0].attempts < 2 {
        assert!(Instant::now() < deadline, "a start did not try the parked events");
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(retry_parked(&rooms.world.db, None).await.unwrap(), Retried { applied: 0, stuck: 1 });

    // A version that can read it: what waited follows in its order, the post before its edit.
    let later = rooms.post(rooms.broken).await;
    rooms.world.caught_up().await;
    assert!(!rooms.has(rooms.broken, later).await);
    let readable = "UPDATE parked_events SET payload = convert_to(replace(convert_from(payload, 'UTF8'),
        '\"voxlog.message.sung.v1\"', '\"voxlog.room.archived.v1\"'), 'UTF8'), class = 'ctl' WHERE type LIKE '%sung%'";
    rooms.world.sql(readable).await;
    let retried = retry_parked(&rooms.world.db, Some(rooms.broken.as_uuid())).await.unwrap();
    assert_eq!(retried, Retried { applied: 4, stuck: 0 });
    assert_eq!(rooms.contents(rooms.broken).await, ["hello", "edited", "hello"]);
    drop((projector, restarted));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_postgresql_refuses_is_found_in_its_batch() {
    let rooms = rooms().await;
    let (target, sound) = (rooms.post(rooms.broken).await, rooms.post(rooms.sound).await);
    // Too long for an index entry: no gateway lets it pass, but the log would take it.
    let emoji: String = (0..4000).map(|_| char::from(rand::random_range(33..127u8))).collect();
    let react = |message_id, emoji| message::Event::ReactionAdded { message_id, user_id: ALICE, emoji };
    rooms.world.append(Subject::Room(rooms.broken), ALICE, react(target, emoji)).await;
    rooms.world.append(Subject::Room(rooms.broken), ALICE, react(target, "👍".into())).await;
    rooms.world.append(Subject::Room(rooms.sound), ALICE, react(sound, "👍".into())).await;
    let _projector = rooms.world.project(1000);
    rooms.world.caught_up().await;

    let reactions = async |room, id| messages::message_in(&rooms.world.db, room, id).await.unwrap().unwrap().reactions;
    assert_eq!(reactions(rooms.sound, sound).await.len(), 1);
    assert_eq!(reactions(rooms.broken, target).await.len(), 0);
    let waiting = parked(&rooms.world.db, 10).await.unwrap();
    assert_eq!(waiting.len(), 2);
    assert!(waiting[0].error.contains("index row"), "{}", waiting[0].error);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_character_that_postgresql_can_not_hold_parks_nothing() {
    let rooms = rooms().await;
    let id = MessageId::mint(&SystemClock);
    rooms.world.append(Subject::Room(rooms.sound), ALICE, posted(id, ALICE, "a\0b")).await;
    let _projector = rooms.world.project(1000);
    rooms.world.caught_up().await;
    assert_eq!(rooms.contents(rooms.sound).await, ["a\u{fffd}b"]);
    assert_eq!(parked(&rooms.world.db, 1).await.unwrap(), []);
}
